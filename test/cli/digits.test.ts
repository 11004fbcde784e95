import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import { datasets, image } from '../../lib/index.js';
import { cugru, lastLine, type Run } from '../support/edges_cli.js';
import { barImages, type Images, scratch, writeIdxFolder } from '../support/edges_files.js';

type Rows = Awaited<ReturnType<typeof datasets.mnist>>['train'];
interface Prediction {
  readonly file: string;
  readonly class: string;
  readonly index: number;
  readonly probability: number;
  readonly probabilities: readonly number[];
}

let place: string;
let model: string;
let data: string;
/** One picture of each digit, none of which the model has seen. */
let digits: Uint8Array[];

function firstRows(dataset: Rows, count: number): Images {
  const pixels = new Uint8Array(count * 784);
  const labels = Uint8Array.from({ length: count }, (_, i) => dataset.labelOf(i) as number);
  for (let i = 0; i < count; i++) pixels.set(dataset.input(i), i * 784);
  return { height: 28, width: 28, pixels, labels };
}

test.before(async () => {
  place = mkdtempSync(join(tmpdir(), 'cugru-digits-'));
  data = place;
  model = join(place, 'model');
  const mnist = await datasets.mnist();
  writeIdxFolder(place, firstRows(mnist.train, 6000), firstRows(mnist.test, 400));
  digits = Array.from({ length: 10 }, (_, digit) => {
    const i = mnist.test.rows(400, 600).find((row) => mnist.test.labelOf(row) === digit) as number;
    return mnist.test.input(i) as Uint8Array;
  });
  const run = await cugru([
    'train',
    '--data',
    data,
    '--out',
    model,
    '--epochs',
    '4',
    '--batch-size',
    '32',
    '--units',
    '48',
  ]);
  if (run.status !== 0) throw new Error(run.stderr);
});
test.after.always(() => rmSync(place, { recursive: true, force: true }));

/** Writes the ten digits as files and asks for their classes. */
async function predictDigits(
  name: string,
  encode: (png: Buffer) => Promise<Buffer> | Buffer,
  args: readonly string[] = [],
): Promise<{ run: Run; right: number; predictions: readonly Prediction[] }> {
  const files = await Promise.all(
    digits.map(async (pixels, digit) => {
      const file = join(place, `${digit}-${name}`);
      writeFileSync(file, await encode(await image.encodePng(pixels, { width: 28, height: 28, channels: 1 })));
      return file;
    }),
  );
  const run = await cugru(['predict', '--model', model, '--json', ...args, ...files]);
  const predictions = lastLine(run)['predictions'] as Prediction[];
  return { run, predictions, right: predictions.filter(({ index }, digit) => index === digit).length };
}

test.serial('predict tells the digits of PNG files, in the order of its arguments', async (t) => {
  const { run, right, predictions } = await predictDigits('plain.png', (png) => png);
  t.is(run.status, 0, run.stderr);
  t.true(right >= 9, `${right} of 10`);
  for (const [digit, prediction] of predictions.entries()) {
    t.is(prediction.file, join(place, `${digit}-plain.png`));
    t.is(prediction.class, String(prediction.index));
    t.is(prediction.probabilities.length, 10);
    t.true(Math.abs(prediction.probabilities.reduce((sum, p) => sum + p, 0) - 1) < 1e-5);
    t.is(prediction.probability, Math.max(...prediction.probabilities));
  }
});

test.serial('larger pictures, in colour and with a lossy format, are made to fit', async (t) => {
  const large = (png: Buffer) =>
    sharp(png).resize(112, 112, { kernel: 'cubic' }).toColourspace('srgb').jpeg({ quality: 90 });
  const { right, run } = await predictDigits('large.jpg', (png) => large(png).toBuffer());
  t.is(run.status, 0, run.stderr);
  t.true(right >= 9, `${right} of 10`);
});

test.serial('dark marks on a light ground need --invert', async (t) => {
  const negative = (png: Buffer) => sharp(png).negate().png().toBuffer();
  const inverted = await predictDigits('dark.png', negative, ['--invert']);
  t.true(inverted.right >= 9, `${inverted.right} of 10`);
  const { right } = await predictDigits('dark.png', negative);
  t.true(right < 9, `${right} of 10 without it`);
});

test.serial('predict prints a line for each file: its name, class and probability', async (t) => {
  const file = join(place, 'seven.png');
  writeFileSync(file, await image.encodePng(digits[7] as Uint8Array, { width: 28, height: 28, channels: 1 }));
  const run = await cugru(['predict', '--model', model, file, file]);
  t.is(run.status, 0, run.stderr);
  const [first, second, ...rest] = run.stdout.split('\n');
  t.regex(first as string, /seven\.png\t7\t[01]\.\d{4}$/);
  t.is(second, first);
  t.deepEqual(rest, ['']);
  t.is(run.stderr, '');
});

test.serial('evaluate gives accuracy, figures by class and latency, as text and as JSON', async (t) => {
  const json = await cugru(['evaluate', '--model', model, '--data', data, '--json']);
  t.is(json.status, 0, json.stderr);
  t.is(json.stdout.trimEnd().split('\n').length, 1);
  const result = lastLine(json);
  t.true((result['testAccuracy'] as number) > 0.85, `${result['testAccuracy']}`);
  t.is(result['samples'], 400);
  const classes = result['classes'] as { name: string; support: number }[];
  t.deepEqual(
    classes.map(({ name }) => name),
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  );
  t.is(
    classes.reduce((sum, { support }) => sum + support, 0),
    400,
  );
  const confusion = result['confusionMatrix'] as number[][];
  t.is(confusion.reduce((sum, row, i) => sum + (row[i] as number), 0) / 400, result['testAccuracy'] as number);
  const { median, p99 } = result['latencyMilliseconds'] as { median: number; p99: number };
  t.true(median > 0 && median <= p99);
  const text = await cugru(['evaluate', '--model', model, '--data', data]);
  t.true(text.stdout.startsWith(`accuracy  ${((result['testAccuracy'] as number) * 100).toFixed(2)} %`), text.stdout);
});

test.serial('a file that is no image is named, and nothing is printed', async (t) => {
  const file = join(place, 'broken.png');
  writeFileSync(file, 'no picture');
  for (const path of [file, join(place, 'none.png')]) {
    const run = await cugru(['predict', '--model', model, path]);
    t.is(run.status, 1);
    t.is(run.stdout, '');
    t.true(run.stderr.startsWith(`cugru: ${path}: `) && run.stderr.endsWith('(ERR_IMAGE)\n'), run.stderr);
  }
});

test.serial('a folder that is no model, and data of another size, are refused without a stack', async (t) => {
  const other = scratch(t);
  writeIdxFolder(other, barImages(6), barImages(3));
  const runs = [
    [['evaluate', '--model', other, '--data', data], /config\.json.*\(ERR_CHECKPOINT_CORRUPT\)\n$/],
    [['predict', '--model', join(other, 'none'), 'a.png'], /none.*\(ERR_CHECKPOINT_CORRUPT\)\n$/],
    [['evaluate', '--model', model, '--data', other], /\(ERR_SHAPE\)\n$/],
  ] as const;
  for (const [args, message] of runs) {
    const run = await cugru(args);
    t.is(run.status, 1);
    t.regex(run.stderr, message);
    t.notRegex(run.stderr, /^ {4}at /m);
  }
});

test.serial('predict | head: a reader that goes away is no failure', async (t) => {
  const file = join(place, 'one.png');
  writeFileSync(file, await image.encodePng(digits[1] as Uint8Array, { width: 28, height: 28, channels: 1 }));
  const run = await cugru(['predict', '--model', model, '--json', ...Array<string>(60).fill(file)], {
    during: (child) => child.stdout?.destroy(),
  });
  t.deepEqual([run.status, run.stderr], [0, '']);
});
