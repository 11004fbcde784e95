import { runInNewContext } from 'node:vm';
import test from 'ava';
import { datasets } from '../../lib/index.js';
import fc from '../support/edges_fc.js';

type Options = Parameters<typeof datasets.fromArrays>[0];
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

test('rows, labels and shape come back', (t) => {
  const dataset = datasets.fromArrays({ images: bytes(12), labels: [2, 0], shape: [2, 3, 1] });
  t.is(dataset.size, 2);
  t.is(dataset.name, 'arrays');
  t.deepEqual(dataset.inputShape, [2, 3, 1]);
  t.is(dataset.classes, 3, 'the largest label plus one');
  t.is(dataset.classNames, undefined);
  t.deepEqual([...dataset.input(1)], [6, 7, 8, 9, 10, 11]);
  t.deepEqual([dataset.labelOf(0), dataset.labelOf(1)], [2, 0]);
  t.is(dataset.lengthOf(0), undefined);
});

test('any whole number of rows is cut at the row length', (t) => {
  const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(shapes, fc.integer({ min: 1, max: 6 }), fc.boolean(), (shape, rows, floats) => {
      const length = shape.reduce((product, dim) => product * dim, 1);
      const values = Array.from({ length: rows * length }, (_, i) => i % 251);
      const inputs = floats ? Float32Array.from(values) : Uint8Array.from(values);
      const dataset = datasets.fromArrays({ inputs, shape });
      t.is(dataset.size, rows);
      for (let i = 0; i < rows; i++) {
        t.deepEqual([...dataset.input(i)], values.slice(i * length, (i + 1) * length));
      }
      const extra = floats ? new Float32Array(rows * length + 1) : new Uint8Array(rows * length + 1);
      if (length > 1) t.throws(() => datasets.fromArrays({ inputs: extra, shape }), { code: 'ERR_SHAPE' });
    }),
    { numRuns: 50 },
  );
});

test('every kind of class label gives the same labels', (t) => {
  for (const labels of [[1, 0, 2], Uint8Array.of(1, 0, 2), Int32Array.of(1, 0, 2), Buffer.from([1, 0, 2])]) {
    const dataset = datasets.fromArrays({ inputs: bytes(3), labels, shape: [1], classes: 5 });
    t.deepEqual(
      [0, 1, 2].map((i) => dataset.labelOf(i)),
      [1, 0, 2],
    );
    t.is(dataset.classes, 5);
  }
});

test('floats are distributions where classes are known, and targets where they are not', (t) => {
  const labels = Float32Array.of(0.25, 0.75, 1, 0);
  const soft = datasets.fromArrays({ inputs: bytes(2), labels, shape: [1], classes: 2 });
  t.is(soft.classes, 2);
  t.deepEqual(soft.labelOf(0), Float32Array.of(0.25, 0.75));
  const targets = datasets.fromArrays({ inputs: bytes(2), labels: Float32Array.of(-1.5, 8), shape: [1] });
  t.is(targets.classes, undefined);
  t.deepEqual(targets.labelOf(1), Float32Array.of(8));
});

test('inputs are used in place, labels and lengths are copied', (t) => {
  const inputs = new Float32Array(8);
  const [labels, lengths] = [[0, 1], Int32Array.of(2, 1)];
  const targets = Float32Array.of(1, 2);
  const shape = [2, 2];
  const dataset = datasets.fromArrays({ inputs, labels, lengths, shape });
  const regression = datasets.fromArrays({ inputs, labels: targets, shape });
  inputs[4] = 7;
  labels[1] = 0;
  lengths[0] = 1;
  targets[0] = 9;
  shape[0] = 3;
  t.is(dataset.input(1)[0], 7);
  t.is(dataset.labelOf(1), 1);
  t.is(dataset.lengthOf(0), 2);
  t.deepEqual(regression.labelOf(0), Float32Array.of(1));
  t.deepEqual(dataset.inputShape, [2, 2]);
});

test('what a dataset gives cannot change it', (t) => {
  const dataset = datasets.fromArrays({
    inputs: bytes(2),
    labels: Float32Array.of(1, 2),
    shape: [1],
    classNames: ['a'],
  });
  dataset.input(0)[0] = 99;
  (dataset.labelOf(0) as Float32Array)[0] = 99;
  t.is(dataset.input(0)[0], 0);
  t.deepEqual(dataset.labelOf(0), Float32Array.of(1));
  t.true([dataset, dataset.inputShape, dataset.classNames].every(Object.isFrozen));
});

test('arrays of another realm and buffers over a part of memory are as good as any', (t) => {
  const foreign = runInNewContext('Uint8Array.of(1, 2, 3)') as Uint8Array;
  t.deepEqual([...datasets.fromArrays({ inputs: foreign, shape: [3] }).input(0)], [1, 2, 3]);
  const part = Buffer.from([9, 1, 2, 9]).subarray(1, 3);
  const row = datasets.fromArrays({ inputs: part, shape: [2] }).input(0);
  t.deepEqual(row, Uint8Array.of(1, 2));
  t.false(Buffer.isBuffer(row), 'a slice of a Buffer would share its memory');
});

const good: Options = { inputs: bytes(6), labels: [0, 1], shape: [3] };
const wrong: readonly [string, unknown, string, RegExp][] = [
  ['no options', undefined, 'ERR_TYPE', /options object/],
  ['an unknown option', { ...good, lable: [] }, 'ERR_VALUE', /'lable'; did you mean 'labels'\?/],
  ['no inputs', { shape: [3] }, 'ERR_TYPE', /inputs must be a Uint8Array or Float32Array, got undefined$/],
  ['inputs and images', { ...good, images: bytes(6) }, 'ERR_VALUE', /give one of them/],
  ['plain numbers', { ...good, inputs: [1, 2, 3] }, 'ERR_TYPE', /got an array; convert it with Float32Array\.from/],
  ['doubles', { ...good, inputs: new Float64Array(6) }, 'ERR_TYPE', /got a Float64Array; convert it/],
  ['clamped bytes', { ...good, inputs: new Uint8ClampedArray(6) }, 'ERR_TYPE', /Uint8ClampedArray; convert it/],
  ['no rows', { inputs: bytes(0), shape: [3] }, 'ERR_VALUE', /at least one row/],
  ['half a row', { inputs: bytes(7), shape: [3] }, 'ERR_SHAPE', /7 numbers: 2 rows and 1 numbers/],
  ['no shape', { inputs: bytes(6) }, 'ERR_SHAPE', /shape must be that of one row/],
  ['an empty shape', { ...good, shape: [] }, 'ERR_SHAPE', /shape must be/],
  ['nine dimensions', { ...good, shape: Array(9).fill(1) }, 'ERR_SHAPE', /shape must be/],
  ['a zero in the shape', { ...good, shape: [3, 0] }, 'ERR_VALUE', /shape\[1\] must be an integer from 1/],
  ['a fraction in the shape', { ...good, shape: [1.5] }, 'ERR_VALUE', /shape\[0\]/],
  ['a huge row', { ...good, shape: [2 ** 20, 2 ** 20] }, 'ERR_SHAPE', /at most 2147483647/],
  ['too few labels', { ...good, labels: [0] }, 'ERR_SHAPE', /one entry for each of the 2 rows, got 1/],
  ['labels as text', { ...good, labels: ['0', '1'] }, 'ERR_RANGE', /labels\[0\] must be an integer .*got '0'/],
  ['labels as one text', { ...good, labels: '01' }, 'ERR_TYPE', /labels must be a Uint8Array, Int32Array/],
  ['labels of 64 bits', { ...good, labels: new BigInt64Array(2) }, 'ERR_TYPE', /BigInt64Array; convert it with Int32/],
  ['a hole in the labels', { ...good, labels: Array(2) }, 'ERR_RANGE', /labels\[0\] .*got undefined/],
  ['a label below 0', { ...good, labels: [0, -1] }, 'ERR_RANGE', /labels\[1\] must be .*got -1/],
  ['a label that is no number', { ...good, labels: [Number.NaN, 0] }, 'ERR_RANGE', /labels\[0\] .*got NaN/],
  ['a label with a fraction', { ...good, labels: [0.5, 0] }, 'ERR_RANGE', /got 0\.5/],
  ['a label beyond the classes', { ...good, classes: 1 }, 'ERR_RANGE', /from 0 to 0 \(there are 1 classes\), got 1/],
  ['no classes', { ...good, classes: 0 }, 'ERR_VALUE', /classes must be an integer from 1/],
  ['class numbers as floats', { ...good, labels: new Float32Array(2), classes: 3 }, 'ERR_SHAPE', /use an Int32Array$/],
  ['a row with too few targets', { ...good, labels: new Float32Array(3) }, 'ERR_SHAPE', /the same number of values/],
  ['no targets', { ...good, labels: new Float32Array(0) }, 'ERR_SHAPE', /the same number of values/],
  ['infinite targets', { ...good, labels: Float32Array.of(1, Infinity) }, 'ERR_RANGE', /in row 1, .* got Infinity/],
  [
    'a negative share',
    { ...good, labels: Float32Array.of(1, 0, -1, 2), classes: 2 },
    'ERR_RANGE',
    /labels\[2\], in row 1/,
  ],
  ['names that are none', { ...good, classNames: 'ab' }, 'ERR_TYPE', /classNames must be an array/],
  ['a number as a name', { ...good, classNames: ['a', 1] }, 'ERR_TYPE', /classNames\[1\] must be a string/],
  ['names for other classes', { ...good, classNames: ['a'], classes: 2 }, 'ERR_SHAPE', /each of the 2 classes, got 1/],
  ['no names', { ...good, classNames: [] }, 'ERR_VALUE', /the number of classNames must be/],
  ['a label without a name', { ...good, classNames: ['a'] }, 'ERR_RANGE', /there are 1 classes/],
  ['lengths of vectors', { ...good, lengths: [1, 1] }, 'ERR_SHAPE', /lengths are for sequences/],
  ['a length of 0', { ...good, shape: [3, 1], lengths: [1, 0] }, 'ERR_RANGE', /lengths\[1\] must be .* from 1 to 3/],
  ['a length beyond the steps', { ...good, shape: [3, 1], lengths: [4, 1] }, 'ERR_RANGE', /lengths\[0\] .* got 4/],
  ['too few lengths', { ...good, shape: [3, 1], lengths: [1] }, 'ERR_SHAPE', /lengths must have one entry/],
  ['lengths as bytes', { ...good, shape: [3, 1], lengths: bytes(2) }, 'ERR_TYPE', /lengths must be a Int32Array/],
  ['an empty name', { ...good, name: '' }, 'ERR_VALUE', /name must not be empty/],
];

for (const [what, options, code, message] of wrong) {
  test(`refused: ${what}`, (t) => {
    t.throws(() => datasets.fromArrays(options as Options), { name: 'CugruError', code, message });
  });
}

test('arrays whose memory was taken away are refused', (t) => {
  const gone = <T extends Uint8Array | Int32Array>(array: T): T => {
    structuredClone(array, { transfer: [array.buffer as ArrayBuffer] });
    return array;
  };
  t.throws(() => datasets.fromArrays({ ...good, inputs: gone(bytes(6)) }), { code: 'ERR_DETACHED_BUFFER' });
  t.throws(() => datasets.fromArrays({ ...good, labels: gone(new Int32Array(2)) }), { code: 'ERR_DETACHED_BUFFER' });
  t.throws(() => datasets.fromArrays({ ...good, shape: [3, 1], lengths: gone(new Int32Array(2)) }), {
    code: 'ERR_DETACHED_BUFFER',
  });
});
