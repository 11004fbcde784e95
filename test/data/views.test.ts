import test from 'ava';
import { datasets, type RowSelection } from '../../lib/index.js';
import fc from '../support/edges_fc.js';

/** Rows that know their number: row i is [i], with label i mod classes. */
function numbered(size: number, classes = 3) {
  const inputs = Float32Array.from({ length: size }, (_, i) => i);
  const labels = Int32Array.from({ length: size }, (_, i) => i % classes);
  return datasets.fromArrays({ inputs, labels, shape: [1], classes, name: 'numbers' });
}

type Rows = ReturnType<typeof numbered>;
const numbers = (dataset: Rows): number[] =>
  Array.from({ length: dataset.size }, (_, i) => dataset.input(i)[0] as number);

test('a subset takes positions in any order and as often as wanted, or a range', (t) => {
  const dataset = numbered(6);
  t.deepEqual(numbers(dataset.subset([4, 0, 4])), [4, 0, 4]);
  t.deepEqual(numbers(dataset.subset(Int32Array.of(5, 1))), [5, 1]);
  t.deepEqual(numbers(dataset.subset({ start: 2, end: 4 })), [2, 3]);
  t.deepEqual(numbers(dataset.subset({ start: 4 })), [4, 5]);
  t.deepEqual(numbers(dataset.subset({ end: 1 })), [0]);
  t.deepEqual(numbers(dataset.subset({})), [0, 1, 2, 3, 4, 5]);
  t.deepEqual(numbers(dataset.take(2)), [0, 1]);
});

test('a view of a view counts from its own rows, and keeps labels and traits', (t) => {
  const view = numbered(9).subset([8, 7, 6, 5]).subset({ start: 1 }).subset([2, 0]);
  t.deepEqual(numbers(view), [5, 7]);
  t.deepEqual([view.labelOf(0), view.labelOf(1)], [2, 1]);
  t.is(view.name, 'numbers');
  t.is(view.classes, 3);
  t.deepEqual(view.inputShape, [1]);
});

test('lengths and distributions follow their rows', (t) => {
  const labels = Float32Array.of(1, 0, 0, 1, 0.5, 0.5);
  const inputs = new Float32Array(6);
  const dataset = datasets.fromArrays({ inputs, labels, lengths: [1, 2, 1], shape: [2, 1], classes: 2 });
  const view = dataset.subset([2, 1]);
  t.deepEqual([view.lengthOf(0), view.lengthOf(1)], [1, 2]);
  t.deepEqual(view.labelOf(0), Float32Array.of(0.5, 0.5));
});

test('views share the memory of their dataset', (t) => {
  const inputs = new Uint8Array(4);
  const view = datasets.fromArrays({ inputs, shape: [1] }).subset([3]);
  inputs[3] = 5;
  t.is(view.input(0)[0], 5);
});

const wrongSelections: readonly [unknown, string, RegExp][] = [
  [[], 'ERR_VALUE', /at least one row/],
  [{ start: 3, end: 3 }, 'ERR_VALUE', /at least one row/],
  [[0, 6], 'ERR_RANGE', /indices\[1\] must be a row from 0 to 5, got 6/],
  [[-1], 'ERR_RANGE', /got -1/],
  [[0.5], 'ERR_RANGE', /got 0\.5/],
  [Float32Array.of(Number.NaN), 'ERR_RANGE', /got NaN/],
  [['0'], 'ERR_RANGE', /got '0'/],
  [{ start: 4, end: 2 }, 'ERR_VALUE', /end must be an integer from 4 to 6, got 2/],
  [{ end: 7 }, 'ERR_VALUE', /end must be/],
  [{ from: 1 }, 'ERR_VALUE', /no option 'from'/],
  [3, 'ERR_TYPE', /options object/],
  [null, 'ERR_TYPE', /options object/],
];

test('selections without rows, or of rows that are not there, are refused', (t) => {
  const dataset = numbered(6);
  for (const [selection, code, message] of wrongSelections) {
    t.throws(() => dataset.subset(selection as RowSelection), { code, message });
  }
  for (const n of [0, 7, 1.5, Number.NaN]) t.throws(() => dataset.take(n), { code: 'ERR_VALUE' });
  for (const i of [-1, 6, 0.5, Number.NaN]) {
    t.throws(() => dataset.input(i), { code: 'ERR_RANGE' });
    t.throws(() => dataset.labelOf(i), { code: 'ERR_RANGE' });
  }
});

test('a split shares out every row once, keeps their order, and depends on its seed alone', (t) => {
  const cases = fc.record({
    size: fc.integer({ min: 4, max: 60 }),
    fraction: fc.double({ min: 0.2, max: 0.8, noNaN: true }),
    seed: fc.maxSafeNat(),
    stratified: fc.boolean(),
  });
  fc.assert(
    fc.property(cases, ({ size, ...options }) => {
      const parts = numbered(size).split(options).map(numbers);
      t.is(parts[0]?.length, Math.round(options.fraction * size));
      for (const part of parts)
        t.deepEqual(
          part,
          [...part].sort((a, b) => a - b),
        );
      t.deepEqual(
        parts.flat().sort((a, b) => a - b),
        numbers(numbered(size)),
      );
      t.deepEqual(numbered(size).split(options).map(numbers), parts);
    }),
    { numRuns: 60 },
  );
  const split = (seed: number) => numbers(numbered(100).split({ fraction: 0.5, seed })[0]);
  t.notDeepEqual(split(1), split(2));
  t.notDeepEqual(split(1), split(1 + 2 ** 32), 'all bits of the seed count');
});

test('a stratified split gives each part its share of every class, to less than one row', (t) => {
  const labels = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 6, maxLength: 80 });
  fc.assert(
    fc.property(labels, fc.double({ min: 0.25, max: 0.75, noNaN: true }), (classOf, fraction) => {
      const dataset = datasets.fromArrays({ inputs: new Uint8Array(classOf.length), labels: classOf, shape: [1] });
      const [first] = dataset.split({ fraction, seed: 3, stratified: true });
      const share = first.size / classOf.length;
      for (let label = 0; label < 5; label++) {
        const all = classOf.filter((one) => one === label).length;
        const got = Array.from({ length: first.size }, (_, i) => first.labelOf(i)).filter(
          (one) => one === label,
        ).length;
        t.true(Math.abs(got - all * share) < 1, `${got} of ${all} rows of class ${label} at a share of ${share}`);
      }
    }),
    { numRuns: 60 },
  );
});

test('a split of a view has rows of the view only', (t) => {
  const [first, second] = numbered(20).subset([19, 17, 15, 13]).split({ fraction: 0.5 });
  t.deepEqual([...numbers(first), ...numbers(second)].sort(), [13, 15, 17, 19]);
});

test('splits that cannot be are refused', (t) => {
  const dataset = numbered(4);
  const refuse = (options: unknown, code: string, message: RegExp) =>
    t.throws(() => dataset.split(options as { fraction: number }), { code, message });
  refuse({ fraction: 0 }, 'ERR_VALUE', /fraction must be a number above 0/);
  refuse({ fraction: 1 }, 'ERR_VALUE', /fraction/);
  refuse({ fraction: 0.1 }, 'ERR_VALUE', /would leave one part empty/);
  refuse({ fraction: 0.9 }, 'ERR_VALUE', /would leave one part empty/);
  refuse({}, 'ERR_TYPE', /fraction/);
  refuse({ fraction: 0.5, seed: -1 }, 'ERR_VALUE', /seed/);
  refuse({ fraction: 0.5, stratified: 1 }, 'ERR_TYPE', /stratified/);
  refuse({ fraction: 0.5, shuffle: true }, 'ERR_VALUE', /no option 'shuffle'/);
  const plain = datasets.fromArrays({ inputs: new Uint8Array(4), shape: [1] });
  t.throws(() => plain.split({ fraction: 0.5, stratified: true }), { code: 'ERR_VALUE', message: /class numbers/ });
});
