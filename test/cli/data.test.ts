import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { cifarBytes, npzBytes, shades, writeTree } from '../support/data_files.js';
import { cugru, lastLine } from '../support/edges_cli.js';
import { scratch } from '../support/edges_files.js';

const quick = [
  '--epochs',
  '8',
  '--batch-size',
  '8',
  '--units',
  '6',
  '--learning-rate',
  '0.03',
  '--device',
  'cpu',
  '--json',
];
let images: string;

test.before(async () => {
  images = mkdtempSync(join(tmpdir(), 'cugru-shades-'));
  await writeTree(images, shades(60));
});
test.after.always(() => rmSync(images, { recursive: true, force: true }));

async function train(t: ExecutionContext, data: string, ...args: readonly string[]) {
  const out = join(scratch(t), 'model');
  const run = await cugru(['train', '--data', data, '--out', out, ...quick, ...args]);
  t.is(run.status, 0, run.stderr);
  return { out, run, result: lastLine(run), config: JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) };
}

test.serial(
  'a folder of images: decoded to a size, a fifth held out, and the decoding saved for predict',
  async (t) => {
    const { out, run, result, config } = await train(t, images, '--size', '4x6', '--channels', '1', '--fit', 'contain');
    t.regex(run.stderr, /there are no test images: a fifth of each class is held out/);
    t.regex(run.stderr, /: 48 training and 12 test images\n/);
    t.is(result['testAccuracy'], 1);
    t.deepEqual(
      [config.inputShape, config.classNames],
      [
        [4, 6, 1],
        ['dark', 'light'],
      ],
    );
    t.deepEqual(config.decoding, { fit: 'contain', kernel: 'lanczos3', invert: false, background: 'black' });
    const predicted = await cugru(['predict', '--model', out, join(images, 'dark/0.png'), join(images, 'light/1.png')]);
    t.deepEqual(
      predicted.stdout.split('\n').map((line) => line.split('\t')[1]),
      ['dark', 'light', undefined],
    );
    const evaluated = await cugru(['evaluate', '--model', out, '--data', images, '--json']);
    t.like(lastLine(evaluated), { samples: 60, testAccuracy: 1 });
    t.regex(evaluated.stderr, /there are no test images: all 60 are evaluated/);
  },
);

test.serial('predict decodes as the model was trained: the background under what is transparent', async (t) => {
  const { out } = await train(t, images, '--size', '4', '--background', 'white');
  const clear = join(scratch(t), 'clear.svg');
  writeFileSync(clear, '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>');
  const classOf = async (...args: readonly string[]) =>
    (await cugru(['predict', '--model', out, clear, ...args])).stdout.split('\t')[1];
  t.is(await classOf(), 'light', 'white, as in the training, and not the black of the default');
  t.is(await classOf('--invert'), 'dark');
});

test.serial('images may be read in another order, which the summary and the saved model tell', async (t) => {
  const reading = ['--scheme', 'patches', '--patch-size', '2x3', '--order', 'hilbert'];
  const { run, config } = await train(t, images, '--size', '4x6', ...reading);
  t.regex(run.stderr, /toSequence +patches 2x3, hilbert +\[4, 18\]/);
  t.like(config.toSequence, { scheme: 'patches', patchSize: [2, 3], order: 'hilbert' });
});

test.serial('images are augmented by names with values, which the result tells', async (t) => {
  const { result } = await train(
    t,
    images,
    '--size',
    '4x6',
    '--augment',
    'shift=1,flip,rotate, scale=0.2,erase=0.3,mixup',
  );
  t.deepEqual(result['augment'], [
    { kind: 'shift', height: 1, width: 1, fill: 0 },
    { kind: 'flip', horizontal: true, vertical: false },
    { kind: 'rotate', degrees: 10, fill: 0 },
    { kind: 'scale', min: 0.8, max: 1.2, fill: 0 },
    { kind: 'erase', probability: 0.3, area: [0.02, 0.33], aspect: [0.3, 3.3], fill: 0 },
    { kind: 'mixup', alpha: 0.2 },
  ]);
});

test.serial('broken files end the run with their name, or are left out and counted', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, { ...shades(20), 'dark/bad.png': 'no picture' });
  const out = join(dir, 'model');
  const failed = await cugru(['train', '--data', dir, '--out', out, '--size', '4', ...quick]);
  t.is(failed.status, 1);
  t.regex(failed.stderr, /^cugru: .*dark\/bad\.png: it cannot be decoded .*\(ERR_IMAGE\)\n$/m);
  const { run, result } = await train(t, dir, '--size', '4', '--skip-broken');
  t.is(result['skipped'], 1);
  t.regex(run.stderr, /1 files were left out:\n {2}.*dark\/bad\.png: /);
});

test.serial('a cache is made at the first run and read at the second, with the same result', async (t) => {
  const cache = join(scratch(t), 'rows.cache');
  const weights = async () =>
    readFileSync(join((await train(t, images, '--size', '4', '--cache', cache)).out, 'model.safetensors'));
  const first = await weights();
  const before = readFileSync(cache);
  t.deepEqual(await weights(), first);
  t.deepEqual(readFileSync(cache), before);
});

test.serial('an npz file, a manifest and a folder of CIFAR are found out by looking', async (t) => {
  const dir = scratch(t);
  const rows = (count: number) => ({
    x: { shape: [count, 2, 2], data: Uint8Array.from({ length: count * 4 }, (_, i) => (Math.floor(i / 4) % 2) * 200) },
    y: { shape: [count], data: Uint8Array.from({ length: count }, (_, i) => i % 2) },
  });
  const [training, held] = [rows(40), rows(10)];
  writeFileSync(
    join(dir, 'data.npz'),
    npzBytes({ x_train: training.x, y_train: training.y, x_test: held.x, y_test: held.y }),
  );
  t.is((await train(t, join(dir, 'data.npz'))).result['testAccuracy'], 1);
  const list = Object.keys(shades(20)).map((name, i) => `${join(images, name)},${i % 2},${i < 14 ? 'train' : 'test'}`);
  writeFileSync(join(dir, 'list.csv'), `path,label,split\n${list.join('\n')}\n`);
  const { run } = await train(t, join(dir, 'list.csv'), '--size', '4');
  t.regex(run.stderr, /: 14 training and 6 test images\n/);
  for (const name of ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch']) {
    const records = [0, 1].map((label) => ({ labels: [label], colour: [label * 200, 0, 0] }));
    writeFileSync(join(dir, `${name}.bin`), cifarBytes(records));
  }
  t.regex((await train(t, dir)).run.stderr, /^cifar10: 10 training and 2 test images\n/m);
});

test.serial('what is no data is refused, with what may be', async (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'notes.txt'), 'x');
  const refuses = async (data: string, message: RegExp, ...args: readonly string[]) => {
    const run = await cugru(['train', '--data', data, '--out', join(dir, 'model'), ...quick, ...args]);
    t.not(run.status, 0);
    t.regex(run.stderr, message);
  };
  await refuses(join(dir, 'notes.txt'), /notes\.txt is no data that can be read; it must be 'mnist', a folder of IDX/);
  await refuses(join(dir, 'none.csv'), /none\.csv cannot be read: .*\(ERR_DATASET_MISSING\)/);
  await refuses(
    images,
    /--size <n>' argument '4x' is invalid\. It must be a number from 1 to 4096, or HEIGHTxWIDTH/,
    '--size',
    '4x',
  );
  await refuses(images, /It must be 1 \(grey\) or 3 \(RGB\)/, '--channels', '2');
  await refuses(images, /order is for the scheme 'pixels' .*\(ERR_VALUE\)/, '--size', '4', '--order', 'snake');
  writeFileSync(join(dir, 'bare.npz'), npzBytes({ x: { shape: [4, 2], data: new Uint8Array(8) } }));
  await refuses(join(dir, 'bare.npz'), /has no class numbers to train a classifier on/);
});
