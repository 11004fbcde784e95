/** Gather on every target: rows by index, through a map, scaled and normalised, exact to the last float. */
import test from 'ava';
import type { DType, GraphSpec, GroupSpec } from '../../lib/graph_spec.js';
import { opGraph, type ProgramOptions, runOnce, targets, tensor } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';

interface GatherCase {
  readonly dtype: 'u8' | 'f32';
  readonly rows: number;
  readonly source: number;
  readonly steps: number;
  readonly features: number;
  readonly channels: number;
  readonly mapped: boolean;
  readonly normalizes: boolean;
  readonly batch: number;
}

const describe = (c: GatherCase) => JSON.stringify(c);

const base = {
  rows: 11,
  source: 12,
  steps: 0,
  features: 12,
  channels: 1,
  mapped: false,
  normalizes: false,
  batch: 5,
} as const;
const cases: readonly GatherCase[] = [
  { ...base, dtype: 'f32' },
  { ...base, dtype: 'u8' },
  { ...base, dtype: 'f32', steps: 3, features: 4 },
  { ...base, dtype: 'u8', steps: 4, features: 3, mapped: true },
  { ...base, dtype: 'u8', channels: 3, normalizes: true },
  { ...base, dtype: 'f32', channels: 3, normalizes: true },
  { ...base, dtype: 'f32', steps: 5, features: 7, channels: 3, mapped: true, normalizes: true },
  { ...base, dtype: 'u8', steps: 7, features: 5, channels: 4, mapped: true, normalizes: true, batch: 1 },
  // Too many channels for a table of bytes.
  { ...base, dtype: 'u8', source: 60, steps: 3, features: 20, channels: 20, mapped: true, normalizes: true },
  // Many tasks.
  { ...base, dtype: 'u8', rows: 90, source: 784, steps: 28, features: 28, normalizes: true, batch: 70 },
];

function program(c: GatherCase, map: Int32Array | undefined, parameters: Float32Array): ProgramOptions {
  const shape = [c.channels];
  const params = ['mean', 'std'].map((name) => ({ name, shape }));
  const groups: readonly GroupSpec[] = [{ name: 'normalization', op: 'gather', params, buffer: true }];
  const graph = opGraph({
    op: 'gather',
    attrs: { channels: c.channels, ...(map && { map }) },
    inputs: [
      { name: 'slab', spec: tensor([c.source], 0, c.dtype), kind: 'slab' },
      { name: 'indices', spec: tensor([], 0, 'i32'), kind: 'indices' },
    ],
    outputs: [{ name: 'y', spec: tensor([c.features], c.steps) }],
    grouped: c.normalizes,
  });
  return { graph, batch: c.batch, mode: 'predict', ...(c.normalizes && { groups, parameters }) };
}

// One element, with each operation rounded to a float.
function expected(c: GatherCase, value: number, channel: number, parameters: Float32Array): number {
  const scaled = c.dtype === 'u8' ? Math.fround(value * Math.fround(1 / 255)) : value;
  if (!c.normalizes) return scaled;
  const [mean, std] = [parameters[channel] ?? Number.NaN, parameters[c.channels + channel] ?? Number.NaN];
  return Math.fround(Math.fround(scaled - mean) / std);
}

for (const target of targets()) {
  test(`gather on ${target.name}: rows, maps, channels, bytes and floats`, async (t) => {
    for (const [seed, c] of cases.entries()) {
      const random = new Random(seed);
      const out = Math.max(c.steps, 1) * c.features;
      const slab =
        c.dtype === 'u8'
          ? Uint8Array.from(random.integers(c.rows * c.source, 0, 255))
          : random.floats(c.rows * c.source);
      const map = c.mapped ? random.integers(out, -1, c.source - 1) : undefined;
      const parameters = random
        .floats(2 * c.channels)
        .map((value, i) => (i < c.channels ? value : 0.5 + Math.abs(value)));
      const rows = 2 * c.batch + 1; // three batches, the last of one row
      const indices = random.integers(rows, 0, c.rows - 1);
      const got = await runOnce(target, program(c, map, parameters), { inputs: { slab }, indices, rows });
      const wanted = Float32Array.from({ length: rows * out }, (_, i) => {
        const at = map ? (map[i % out] ?? -1) : i % out;
        const value = slab[(indices[Math.floor(i / out)] ?? 0) * c.source + at] ?? Number.NaN;
        return at < 0 ? 0 : expected(c, value, at % c.channels, parameters);
      });
      t.deepEqual(got.outputs['y'], wanted, describe(c));
    }
  });

  test(`gather on ${target.name}: without indices the rows come in their order`, async (t) => {
    const slab = new Random(1).floats(6 * 12);
    const got = await runOnce(target, program({ ...base, dtype: 'f32' }, undefined, slab), {
      inputs: { slab },
      rows: 6,
    });
    t.deepEqual(got.outputs['y'], slab);
  });

  test(`gather on ${target.name}: integers stay, and rows of padding get the fill`, async (t) => {
    const i32 = (dims: readonly number[]) => tensor(dims, 0, 'i32' as DType);
    const sequence = { batch: 4, steps: 5, units: 3 };
    // Lengths through a gather: a padded row without a valid length would be out of range for the recurrent op.
    const graph: GraphSpec = {
      tensors: [i32([]), i32([]), i32([]), tensor([2], sequence.steps), tensor([sequence.units], sequence.steps)],
      nodes: [
        { name: 'lengths', op: 'gather', attrs: { fill: sequence.steps }, inputs: [0, 1], outputs: [2] },
        {
          name: 'gru',
          op: 'rnn',
          attrs: { cell: 'gru', units: sequence.units },
          inputs: [3, -1, 2],
          outputs: [4, -1],
          group: 0,
        },
      ],
      inputs: [
        { name: 'lengths', tensor: 0, kind: 'slab' },
        { name: 'indices', tensor: 1, kind: 'indices' },
        { name: 'x', tensor: 3, kind: 'value' },
      ],
      outputs: [{ name: 'y', tensor: 4 }],
    };
    const params = [
      { name: 'weight_ih_l0', shape: [9, 2] },
      { name: 'weight_hh_l0', shape: [9, 3] },
      { name: 'bias_ih_l0', shape: [9] },
      { name: 'bias_hh_l0', shape: [9] },
    ];
    const groups = [{ name: 'gru', op: 'rnn', attrs: { cell: 'gru', units: sequence.units }, params }];
    const random = new Random(3);
    const feed = { lengths: Int32Array.of(1, 5, 2), x: random.floats(3 * 5 * 2) };
    const options = { graph, batch: 4, mode: 'predict', groups, parameters: random.floats(63) } as const;
    const got = await runOnce(target, options, { inputs: feed, indices: Int32Array.of(2, 0, 1), rows: 3 });
    const steps = [2, 1, 5];
    for (const [row, length] of steps.entries()) {
      for (let step = 0; step < 5; step++) {
        const at = (row * 5 + step) * 3;
        const values = got.outputs['y']?.slice(at, at + 3) ?? new Float32Array(0);
        t.is(
          values.every((value) => value === 0),
          step >= length,
          `row ${row} step ${step}`,
        );
      }
    }
  });
}
