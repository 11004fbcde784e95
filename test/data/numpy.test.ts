import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { encodeNpy, type NpyArray } from '../../lib/formats/index.js';
import { datasets } from '../../lib/index.js';
import { npzBytes } from '../support/data_files.js';
import { scratch } from '../support/edges_files.js';

const bytes = (...shape: number[]): NpyArray => {
  const length = shape.reduce((a, b) => a * b);
  return { shape, data: Uint8Array.from({ length }, (_, i) => i % 251) };
};
const classes = (...values: number[]): NpyArray => ({
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

function npzFile(t: ExecutionContext, arrays: Readonly<Record<string, NpyArray>>, deflate = false): string {
  const path = join(scratch(t), 'data.npz');
  writeFileSync(path, npzBytes(arrays, { deflate }));
  return path;
}

function npyFile(t: ExecutionContext, array: NpyArray): string {
  const path = join(scratch(t), 'a.npy');
  writeFileSync(path, encodeNpy(array));
  return path;
}

test('an npz file as Keras has it, plain and compressed', async (t) => {
  const arrays = {
    x_test: bytes(2, 3, 4),
    x_train: bytes(5, 3, 4),
    y_train: classes(0, 1, 2, 1, 0),
    y_test: { shape: [2], data: Uint8Array.of(9, 0) },
  };
  for (const deflate of [false, true]) {
    const { train, test: held, validation } = await datasets.npz(npzFile(t, arrays, deflate));
    t.deepEqual([train.inputShape, train.size, held?.size, validation], [[3, 4, 1], 5, 2, undefined]);
    t.deepEqual([train.classes, held?.classes], [10, 10], 'counted over all parts');
    t.deepEqual([train.labelOf(2), held?.labelOf(0)], [2, 9]);
    t.deepEqual([...train.input(1)], [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]);
  }
});

test('an npz file as MedMNIST has it: three parts, labels in a column', async (t) => {
  const column = { shape: [2, 1], data: Uint8Array.of(1, 0) };
  const {
    train,
    validation,
    test: held,
  } = await datasets.npz(
    npzFile(t, {
      train_images: bytes(2, 2, 2, 3),
      train_labels: column,
      val_images: bytes(2, 2, 2, 3),
      val_labels: column,
      test_images: bytes(2, 2, 2, 3),
      test_labels: column,
    }),
    { classNames: ['no', 'yes'], name: 'medicine' },
  );
  for (const part of [train, validation, held]) {
    t.deepEqual(
      [part?.inputShape, part?.labelOf(0), part?.classNames, part?.name],
      [[2, 2, 3], 1, ['no', 'yes'], 'medicine'],
    );
  }
});

test('floats are sequences or vectors, as their axes say; float64 is rounded; labels may be targets or be left out', async (t) => {
  const data = Float64Array.of(0.1, 0.2, 0.3, 0.4);
  const sequences = await datasets.npz(npzFile(t, { x: { shape: [2, 1, 2], data } }));
  t.deepEqual([sequences.train.inputShape, sequences.train.labelOf(0)], [[1, 2], undefined]);
  t.deepEqual(sequences.train.input(0), Float32Array.of(0.1, 0.2));
  const targets = { shape: [2, 1], data: Float32Array.of(0.5, 1) };
  const { train } = await datasets.npz(npzFile(t, { inputs: { shape: [2, 2], data }, labels: targets }));
  t.deepEqual([train.inputShape, train.labelOf(1)], [[2], Float32Array.of(1)]);
  const { train: shaped } = await datasets.npz(npzFile(t, { x: bytes(2, 6) }), { shape: [1, 2, 3] });
  t.deepEqual(shaped.inputShape, [1, 2, 3]);
});

test('npy files: rows, with or without labels', async (t) => {
  const inputs = npyFile(t, bytes(3, 2, 2));
  t.like(await datasets.npy({ inputs }), { size: 3, inputShape: [2, 2, 1], classes: undefined });
  const labelled = await datasets.npy({ inputs, labels: npyFile(t, classes(2, 0, 1)) });
  t.deepEqual([labelled.classes, labelled.labelOf(0)], [3, 2]);
});

test('files that do not fit are refused by their names', async (t) => {
  const cases: readonly [Readonly<Record<string, NpyArray>>, string, RegExp][] = [
    [{ z: bytes(2, 2) }, 'ERR_DATASET_CORRUPT', /expected x_train, train_images or images among its arrays, got z$/],
    [{}, 'ERR_DATASET_CORRUPT', /got nothing$/],
    [{ x: bytes(4) }, 'ERR_DATASET_CORRUPT', /x\.npy: rows need at least two axes, \[rows, \.\.\.\], got \[4\]/],
    [{ x: classes(1, 2) }, 'ERR_DATASET_CORRUPT', /rows need at least two axes/],
    [{ x: { shape: [1, 2], data: Int32Array.of(1, 2) } }, 'ERR_DATASET_CORRUPT', /must be bytes .* got Int32Array/],
    [{ x: bytes(3, 2), y: classes(1, 2) }, 'ERR_DATASET_CORRUPT', /x\.npy: has 3 rows, but .*y\.npy has 2 labels/],
    [{ x: bytes(2, 2), y: classes(1, -2) }, 'ERR_DATASET_CORRUPT', /label 1 must be a class number from 0 on, got -2/],
    [
      { x: bytes(2, 2), y: bytes(2, 2) },
      'ERR_DATASET_CORRUPT',
      /class numbers must be \[rows\] or \[rows, 1\], got \[2, 2\]/,
    ],
  ];
  for (const [arrays, code, message] of cases) {
    await t.throwsAsync(datasets.npz(npzFile(t, arrays)), { code, message });
  }
  await t.throwsAsync(datasets.npz(join(scratch(t), 'none.npz')), { code: 'ERR_DATASET_MISSING' });
  await t.throwsAsync(datasets.npy({ inputs: npyFile(t, bytes(2, 2)), label: 'x' } as never), {
    code: 'ERR_VALUE',
    message: /did you mean 'labels'/,
  });
  const text = join(scratch(t), 'a.npz');
  writeFileSync(text, 'no archive');
  await t.throwsAsync(datasets.npz(text), { code: 'ERR_DATASET_CORRUPT', message: /a\.npz: expected a zip archive/ });
});
