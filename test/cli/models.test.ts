import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { shades, writeTree } from '../support/data_files.js';
import { cugru, lastLine } from '../support/edges_cli.js';
import { scratch } from '../support/edges_files.js';

let images: string;

test.before(async () => {
  images = mkdtempSync(join(tmpdir(), 'cugru-models-'));
  await writeTree(images, shades(20));
});
test.after.always(() => rmSync(images, { recursive: true, force: true }));

async function train(t: ExecutionContext, data: string, ...args: readonly string[]) {
  const out = join(scratch(t), 'model');
  const small = ['--size', '8', '--color', 'grey', '--epochs', '1', '--units', '3', '--device', 'cpu', '--json'];
  const run = await cugru(['train', '--data', data, '--out', out, ...small, ...args]);
  t.is(run.status, 0, run.stderr);
  t.is(run.stdout.trimEnd().split('\n').length, 1, 'nothing else is on stdout');
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as {
    readonly nodes: readonly { readonly kind: string; readonly config: Record<string, unknown> }[];
  };
  const layersOf = (kind: string) => config.nodes.filter((node) => node.kind === kind).map((node) => node.config);
  return { out, run, result: lastLine(run), kinds: config.nodes.map(({ kind }) => kind), layersOf };
}

const models: readonly [name: string, args: readonly string[], kind: string, config: Record<string, unknown>][] = [
  ['gruRows', ['--bidirectional'], 'gru', { units: 3, bidirectional: true }],
  ['gruRows', ['--cell', 'cifgLstm', '--scheme', 'columns'], 'cifgLstm', { units: 3 }],
  ['hierarchicalGru', ['--bidirectional'], 'gru', { units: 3, bidirectional: true }],
  ['renet', ['--cell', 'lstm'], 'renet', { units: 3, cell: 'lstm' }],
  ['sequencer', ['--cell', 'rnn'], 'sequencer', { units: 3, cell: 'rnn' }],
  ['convGru', [], 'gru', { units: 3, bidirectional: true }],
];

for (const [name, args, kind, config] of models) {
  test.serial(
    `${['--model', name, ...args].join(' ')} trains, is saved with what was chosen, and predicts`,
    async (t) => {
      const { out, result, layersOf } = await train(t, images, '--model', name, ...args);
      t.is(result['model'], name);
      t.like(layersOf(kind)[0], config);
      const file = join(images, 'dark/0.png');
      const predicted = await cugru(['predict', '--model', out, file, '--json']);
      t.is(predicted.status, 0, predicted.stderr);
      const { predictions, ...rest } = lastLine(predicted) as {
        readonly predictions: readonly Record<string, unknown>[];
      };
      t.like(rest, { classNames: ['dark', 'light'], device: 'cpu' });
      const [prediction = {}] = predictions;
      t.deepEqual(Object.keys(prediction), ['file', 'class', 'index', 'probability', 'probabilities']);
      const probabilities = prediction['probabilities'] as readonly number[];
      t.is(probabilities.length, 2);
      t.true(Math.abs((probabilities[0] as number) + (probabilities[1] as number) - 1) < 1e-6);
    },
  );
}

test.serial('a model has its own units where none are given', async (t) => {
  const out = join(scratch(t), 'model');
  const quick = ['--size', '4', '--epochs', '1', '--device', 'cpu', '--json', '--model', 'renet'];
  const run = await cugru(['train', '--data', images, '--out', out, ...quick]);
  t.is(run.status, 0, run.stderr);
  const { nodes } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
  t.is(nodes.find(({ kind }: { kind: string }) => kind === 'renet').config.units, 64);
});

const always = [
  'model',
  'parameters',
  'images',
  'skipped',
  'trainImagesPerSecond',
  'secondsPerEpoch',
  'inferenceImagesPerSecond',
  'latencyMilliseconds',
  'computeShare',
  'device',
  'deviceDescription',
  'epochs',
  'batchSize',
  'augment',
  'seed',
  'out',
  'classesOf',
  'classes',
  'confusionMatrix',
  'history',
];

test.serial('without test images the validation is reported, and there is no test accuracy', async (t) => {
  const { result } = await train(t, images, '--validation-split', '0.3');
  t.deepEqual(Object.keys(result), ['validationAccuracy', 'validationLoss', ...always]);
  t.like(result, { images: { train: 14, validation: 6, test: 0 }, classesOf: 'validation' });
  const classes = result['classes'] as readonly { readonly support: number }[];
  t.deepEqual(
    classes.map(({ support }) => support),
    [3, 3],
    'as many of each class',
  );
  const [epoch] = result['history'] as readonly Record<string, number>[];
  t.is(result['validationAccuracy'], epoch?.['valAccuracy'], 'of the last epoch, which made the final weights');
});

test.serial('folders for validation and test are used as such', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, { ...shades(12, 'train/'), ...shades(6, 'val/'), ...shades(4, 'test/') });
  const { run, result, out } = await train(t, dir);
  t.regex(run.stderr, /: 12 training, 6 validation, 4 test images\n/);
  t.deepEqual(Object.keys(result), ['validationAccuracy', 'validationLoss', 'testAccuracy', 'testLoss', ...always]);
  t.is(result['classesOf'], 'test');
  rmSync(join(dir, 'test'), { recursive: true });
  const refused = await cugru(['train', '--data', dir, '--out', out, '--size', '4', '--validation-split', '0.1']);
  t.is(refused.status, 1);
  t.regex(
    refused.stderr,
    /has a validation part of 6 images, which is used; leave --validation-split out \(ERR_VALUE\)/,
  );
  const evaluated = await cugru(['evaluate', '--model', out, '--data', dir, '--json']);
  t.is(lastLine(evaluated)['samples'], 6);
  t.regex(evaluated.stderr, /there are no test images: the 6 of the validation are evaluated\n/);
});

test.serial('the seed says which images are held out', async (t) => {
  const weights = async (...args: readonly string[]) =>
    readFileSync(join((await train(t, images, ...args)).out, 'model.safetensors'));
  const first = await weights('--seed', '3');
  t.deepEqual(await weights('--seed', '3'), first);
  t.notDeepEqual(await weights('--seed', '3', '--validation-split', '0.2'), first);
});

test.serial('too few images to hold one out are refused', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(4));
  const run = await cugru(['train', '--data', dir, '--out', join(dir, 'model'), '--size', '4']);
  t.is(run.status, 1);
  t.regex(run.stderr, /4 images for training are too few to hold some out; give --validation-split, or more images/);
});
