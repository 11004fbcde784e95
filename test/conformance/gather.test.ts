/** Gather on every target: rows by index, through a map, scaled and normalised, exact to the last float. */
import test from 'ava';
import type { GraphInput, GroupSpec, NodeSpec } from '../../lib/graph_spec.js';
import { relativeError } from '../support/conformance_compare.js';
import { GruReference, gruParams, gruProgram, parameterCount } from '../support/conformance_gru.js';
import { opGraph, type ProgramOptions, runOnce, TestProgram, targets, tensor } from '../support/conformance_program.js';
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

const shape = { inputs: 2, units: 3, layers: 1, directions: 1, batch: 4, steps: 5 };

// Lengths come from a slab, for a GRU that reads them.
function lengthsProgram(fill: number): Pick<ProgramOptions, 'graph' | 'groups'> {
  const { graph, groups = [] } = gruProgram(
    { ...shape, hasLengths: true, gives: 'y', mode: 'predict' },
    new Float32Array(0),
  );
  const [x, lengths] = graph.inputs as [GraphInput, GraphInput];
  const i32 = tensor([], 0, 'i32');
  const [slab, indices] = [graph.tensors.length, graph.tensors.length + 1];
  const gather: NodeSpec = {
    name: 'pick',
    op: 'gather',
    attrs: { fill },
    inputs: [slab, indices],
    outputs: [lengths.tensor],
  };
  return {
    graph: {
      tensors: [...graph.tensors, i32, i32],
      nodes: [gather, ...graph.nodes],
      inputs: [
        x,
        { name: 'allLengths', tensor: slab, kind: 'slab' },
        { name: 'indices', tensor: indices, kind: 'indices' },
      ],
      outputs: graph.outputs.map(({ name, tensor: id }) => ({ name, tensor: id })),
    },
    groups,
  };
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

  test(`gather on ${target.name}: rows of the batch are mapped and normalised as rows of a slab are`, async (t) => {
    for (const [seed, c] of cases.entries()) {
      if (c.dtype !== 'f32') continue;
      const random = new Random(seed);
      const x = random.floats(c.batch * c.source);
      const map = c.mapped ? random.integers(Math.max(c.steps, 1) * c.features, -1, c.source - 1) : undefined;
      const parameters = random.floats(2 * c.channels).map((value) => 0.5 + Math.abs(value));
      const picking = program(c, map, parameters);
      const wanted = await runOnce(target, picking, { inputs: { slab: x }, rows: c.batch });
      const inputs = [{ name: 'slab', tensor: 0, kind: 'value' as const }];
      const nodes = picking.graph.nodes.map((node) => ({ ...node, inputs: [0] }));
      const feed = { inputs: { slab: x }, rows: c.batch };
      const got = await runOnce(target, { ...picking, graph: { ...picking.graph, inputs, nodes } }, feed);
      t.deepEqual(got.outputs['y'], wanted.outputs['y'], describe(c));
    }
  });

  test(`gather on ${target.name}: a slab needs indices, and rows of the batch get no gradient`, async (t) => {
    const picking = program({ ...base, dtype: 'f32' }, undefined, new Float32Array(0));
    const nodes = picking.graph.nodes.map((node) => ({ ...node, inputs: [0] }));
    const [slab, indices] = picking.graph.inputs as [GraphInput, GraphInput];
    const slabs = { ...picking.graph, nodes, inputs: [slab, indices] };
    await t.throwsAsync(TestProgram.open(target, { ...picking, graph: slabs }), { code: 'ERR_GRAPH' });
    const x: GraphInput = { name: 'x', tensor: 0, kind: 'value', gradient: true };
    const outputs = picking.graph.outputs.map((output) => ({ ...output, seeded: true }));
    const graph = { ...picking.graph, nodes, inputs: [x], outputs };
    await t.throwsAsync(TestProgram.open(target, { ...picking, graph, mode: 'train' }), { code: 'ERR_GRAPH' });
  });

  test(`gather on ${target.name}: without indices the rows come in their order`, async (t) => {
    const slab = new Random(1).floats(6 * 12);
    const got = await runOnce(target, program({ ...base, dtype: 'f32' }, undefined, slab), {
      inputs: { slab },
      rows: 6,
    });
    t.deepEqual(got.outputs['y'], slab);
  });

  test(`gather on ${target.name}: integers stay integers, and the fill of padding must suit their reader`, async (t) => {
    const random = new Random(3);
    const x = random.floats(3 * shape.steps * shape.inputs);
    const parameters = random.floats(parameterCount(gruParams(shape)));
    const options = { batch: 4, mode: 'predict', parameters } as const;
    const inputs = { x, allLengths: Int32Array.of(1, 5, 2) };
    const indices = Int32Array.of(2, 0, 1);
    const got = await runOnce(target, { ...options, ...lengthsProgram(shape.steps) }, { inputs, indices, rows: 3 });
    const reference = new GruReference({ ...shape, batch: 3 }, { x, parameters, lengths: Int32Array.of(2, 1, 5) });
    t.true(relativeError(got.outputs['y'] ?? x, reference.result.y) < 2e-6);
    for (const fill of [0, shape.steps + 1]) {
      await t.throwsAsync(TestProgram.open(target, { ...options, ...lengthsProgram(fill) }), { code: 'ERR_RANGE' });
    }
  });
}
