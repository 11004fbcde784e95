import test from 'ava';
import { datasetStatistics, datasets } from '../../lib/data/index.js';
import fc from '../support/edges_fc.js';

/** Mean and deviation of each channel in two passes of float64. */
function reference(values: ArrayLike<number>, channels: number): { mean: number[]; std: number[] } {
  const of = (c: number): number[] => Array.from(values).filter((_, i) => i % channels === c);
  const average = (list: readonly number[]): number => list.reduce((sum, x) => sum + x, 0) / list.length;
  const mean = Array.from({ length: channels }, (_, c) => average(of(c)));
  const std = mean.map((m, c) => Math.sqrt(average(of(c).map((x) => (x - m) ** 2))));
  return { mean, std: std.map((s) => (s < 1e-6 ? 1 : s)) };
}

function near(actual: readonly number[], expected: readonly number[], scale: number): boolean {
  return (
    actual.length === expected.length && actual.every((a, i) => Math.abs(a - (expected[i] as number)) <= 1e-12 * scale)
  );
}

const layout = fc.record({
  channels: fc.constantFrom(1, 2, 3, 4),
  pixels: fc.integer({ min: 1, max: 5 }),
  rows: fc.integer({ min: 1, max: 7 }),
});

test('bytes count as 0 to 1, channel by channel', async (t) => {
  const cases = layout.chain(({ channels, pixels, rows }) => {
    const length = channels * pixels * rows;
    return fc.record({
      shape: fc.constant([pixels, channels]),
      inputs: fc.uint8Array({ minLength: length, maxLength: length }),
    });
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ shape, inputs }) => {
      const channels = shape[1] as number;
      const { mean, std } = await datasetStatistics(datasets.fromArrays({ inputs, shape }), channels);
      const expected = reference(
        Array.from(inputs, (byte) => byte / 255),
        channels,
      );
      t.true(near(mean, expected.mean, 1), `${mean} for ${expected.mean}`);
      t.true(near(std, expected.std, 1), `${std} for ${expected.std}`);
    }),
    { numRuns: 60 },
  );
});

test('floats are taken as they are, without cancellation far from zero', async (t) => {
  const cases = layout.chain(({ channels, pixels, rows }) => {
    const length = channels * pixels * rows;
    const value = fc.float({ min: -1000, max: 1000, noNaN: true }).map((x) => x + 1e6);
    return fc.record({
      shape: fc.constant([pixels, channels]),
      values: fc.array(value, { minLength: length, maxLength: length }),
    });
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ shape, values }) => {
      const channels = shape[1] as number;
      const inputs = Float32Array.from(values);
      const { mean, std } = await datasetStatistics(datasets.fromArrays({ inputs, shape }), channels);
      const expected = reference(inputs, channels);
      t.true(near(mean, expected.mean, 1e7), `${mean} for ${expected.mean}`);
      t.true(near(std, expected.std, 1e4), `${std} for ${expected.std}`);
    }),
    { numRuns: 60 },
  );
});

test('a view has the figures of its own rows, as often as it names them', async (t) => {
  const view = datasets.fromArrays({ inputs: Float32Array.of(0, 1, 5, 100), shape: [1] }).subset([0, 1, 2, 1, 0, 0]);
  const { mean, std } = await datasetStatistics(view, 1);
  const expected = reference([0, 1, 5, 1, 0, 0], 1);
  t.true(near(mean, expected.mean, 10));
  t.true(near(std, expected.std, 10));
});

test('a channel that never changes has deviation 1, so that dividing by it is harmless', async (t) => {
  const inputs = Uint8Array.of(51, 0, 51, 255);
  t.deepEqual(await datasetStatistics(datasets.fromArrays({ inputs, shape: [2] }), 2), {
    mean: [0.2, 0.5],
    std: [1, 0.5],
  });
});

test('inputs that are not finite, and channels that do not divide a row, are refused', async (t) => {
  for (const bad of [Number.NaN, Infinity, -Infinity]) {
    const dataset = datasets.fromArrays({ inputs: Float32Array.of(0, bad), shape: [1], name: 'bad' });
    await t.throwsAsync(datasetStatistics(dataset, 1), { code: 'ERR_NOT_FINITE', message: /dataset 'bad'/ });
    t.deepEqual((await datasetStatistics(dataset.take(1), 1)).mean, [0], 'rows outside of a view do not count');
  }
  const dataset = datasets.fromArrays({ inputs: new Uint8Array(6), shape: [3] });
  await t.throwsAsync(datasetStatistics(dataset, 2), { code: 'ERR_SHAPE', message: /pixels of 2 channels/ });
  await t.throwsAsync(datasetStatistics(dataset, 0), { code: 'ERR_VALUE' });
});

test('the event loop turns while a large dataset is counted', async (t) => {
  const dataset = datasets.fromArrays({ inputs: new Uint8Array(2 ** 25), shape: [1024] });
  let turns = 0;
  let counting = true;
  const turn = (): void => {
    turns++;
    if (counting) setImmediate(turn);
  };
  setImmediate(turn);
  await datasetStatistics(dataset, 1);
  counting = false;
  t.true(turns >= 3, `${turns} turns`);
});
