/** What a directed graph means: shared parameters, fan-out, unread nodes; gradients against float64 differences. */
import test from 'ava';
import type { GraphSpec } from '../../lib/graph_spec.js';
import type { SymbolicTensor } from '../../lib/layers/builder.js';
import { native, segments } from '../../lib/native.js';
import {
  bufferOf,
  Door,
  denseGroup,
  denseTanh64,
  differences,
  floatsOf,
  gradientStep,
  graphBuilder,
  numbers,
  parameterCount,
  relativeDifference,
  roomFor,
} from '../support/program_door.js';

const [batch, width, tolerance] = [3, 4, 2e-6];
const row = { dtype: 'f32', steps: 0, dims: [width] } as const;

const denseTanh = (params: ArrayLike<number>, at: number, x: ArrayLike<number>) => denseTanh64(params, at, x, width);
const plus = (a: Float64Array, b: ArrayLike<number>) => a.map((value, i) => value + (b[i] as number));
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * (b[i] as number), 0);

interface Case {
  readonly name: string;
  readonly groups: number;
  readonly build: (
    x: SymbolicTensor,
    dense: (from: SymbolicTensor, group: number) => SymbolicTensor,
    add: (...terms: SymbolicTensor[]) => SymbolicTensor,
  ) => SymbolicTensor;
  readonly reference: (x: Float64Array, dense: (from: Float64Array, group: number) => Float64Array) => Float64Array;
}

const cases: readonly Case[] = [
  {
    name: 'one group that two nodes in a row use',
    groups: 1,
    build: (x, dense) => dense(dense(x, 0), 0),
    reference: (x, dense) => dense(dense(x, 0), 0),
  },
  {
    name: 'one group that two branches use, whose results are added',
    groups: 2,
    build: (x, dense, add) => add(dense(x, 0), dense(dense(x, 1), 0)),
    reference: (x, dense) => plus(dense(x, 0), dense(dense(x, 1), 0)),
  },
  {
    name: 'a tensor that three nodes read',
    groups: 4,
    build: (x, dense, add) => {
      const shared = dense(x, 0);
      return add(dense(shared, 1), dense(shared, 2), dense(shared, 3), shared);
    },
    reference: (x, dense) => {
      const shared = dense(x, 0);
      return plus(plus(plus(dense(shared, 1), dense(shared, 2)), dense(shared, 3)), shared);
    },
  },
  {
    name: 'a node that reads one tensor twice',
    groups: 1,
    build: (x, dense, add) => {
      const y = dense(x, 0);
      return add(y, y, x);
    },
    reference: (x, dense) => {
      const y = dense(x, 0);
      return plus(plus(y, y), x);
    },
  },
  {
    name: 'a diamond of diamonds, with the input read at every level',
    groups: 3,
    build: (x, dense, add) => {
      const a = add(dense(x, 0), dense(x, 1));
      const b = add(dense(a, 1), dense(a, 2), x);
      return add(dense(b, 0), a, b);
    },
    reference: (x, dense) => {
      const a = plus(dense(x, 0), dense(x, 1));
      const b = plus(plus(dense(a, 1), dense(a, 2)), x);
      return plus(plus(dense(b, 0), a), b);
    },
  },
];

const groupsOf = (count: number) => Array.from({ length: count }, (_, i) => denseGroup(`g${i}`, width, width));

function graphOf({ build }: Case): GraphSpec {
  const b = graphBuilder();
  const x = b.input('x', 'value', row, { gradient: true }).tensor;
  let nodes = 0;
  const dense = (from: SymbolicTensor, group: number) => {
    const to = b.tensor('f32', 0, [width]);
    b.node(`dense${nodes++}`, 'dense', { units: width, activation: 'tanh' }, [from], [to], group);
    return to;
  };
  const add = (...terms: SymbolicTensor[]) => {
    const to = b.tensor('f32', 0, [width]);
    b.node(`add${nodes++}`, 'add', {}, terms, [to]);
    return to;
  };
  b.output('y', build(x, dense, add), { seeded: true });
  return b.build();
}

for (const c of cases) {
  test(`${c.name}: results and all gradients are those of float64`, async (t) => {
    const door = new Door(t);
    const groups = groupsOf(c.groups);
    const count = parameterCount(groups);
    const store = await door.store(groups, 3);
    const [params, x, seed] = [
      await door.read(store, 'parameters', count),
      numbers(batch * width, 4),
      numbers(batch * width, 5),
    ];
    const program = await door.compile(store, graphOf(c), 'train', batch);
    const [y, dx] = [roomFor(batch * width), roomFor(batch * width)];
    await door.run(program, {
      rows: batch,
      segments: gradientStep,
      inputs: [{ index: 0, buffer: bufferOf(x) }],
      outputs: [{ index: 0, buffer: y }],
      seeds: [{ index: 0, buffer: bufferOf(seed) }],
      gradients: [{ index: 0, buffer: dx }],
    });
    const value = (p: ArrayLike<number>, at: Float64Array) =>
      c.reference(at, (from, group) => denseTanh(p, group * (width * width + width), from));
    t.true(relativeDifference(floatsOf(y, batch * width), value(params, Float64Array.from(x))) < tolerance, 'y');
    const wantX = differences((at) => dot(value(params, at), seed), x);
    t.true(relativeDifference(floatsOf(dx, batch * width), wantX) < tolerance, 'dx');
    const wantParams = differences((at) => dot(value(at, Float64Array.from(x)), seed), params);
    const got = await door.read(store, 'gradients', count);
    t.true(relativeDifference(got, wantParams) < tolerance, 'parameters');
  });
}

test('an output that is read on as well adds its own gradient to that of its readers', async (t) => {
  const b = graphBuilder();
  const x = b.input('x', 'value', row, { gradient: true }).tensor;
  const [middle, end] = [b.tensor('f32', 0, [width]), b.tensor('f32', 0, [width])];
  b.node('first', 'dense', { units: width, activation: 'tanh' }, [x], [middle], 0);
  b.node('second', 'dense', { units: width, activation: 'tanh' }, [middle], [end], 0);
  b.output('middle', middle, { seeded: true });
  b.output('end', end, { seeded: true });
  const door = new Door(t);
  const groups = groupsOf(1);
  const store = await door.store(groups, 3);
  const params = await door.read(store, 'parameters', parameterCount(groups));
  const values = numbers(batch * width, 4);
  const seeds = [numbers(batch * width, 5), numbers(batch * width, 6)] as const;
  const program = await door.compile(store, b.build(), 'train', batch);
  const loss = (at: Float64Array, weights: readonly [number, number]) => {
    const m = denseTanh(params, 0, at);
    return weights[0] * dot(m, seeds[0]) + weights[1] * dot(denseTanh(params, 0, m), seeds[1]);
  };
  for (const given of [
    [1, 1],
    [1, 0],
    [0, 1],
    [0, 0],
  ] as const) {
    const dx = roomFor(batch * width);
    await door.run(program, {
      rows: batch,
      segments: gradientStep,
      inputs: [{ index: 0, buffer: bufferOf(values) }],
      seeds: given.flatMap((weight, i) => (weight === 1 ? [{ index: i, buffer: bufferOf(seeds[i as 0 | 1]) }] : [])),
      gradients: [{ index: 0, buffer: dx }],
    });
    const want = differences((at) => loss(at, given), values);
    t.true(relativeDifference(floatsOf(dx, batch * width), want) < tolerance, `seeds ${given.join()}`);
  }
});

test('an input that is an output too passes values and gradients through', async (t) => {
  const b = graphBuilder();
  const x = b.input('x', 'value', row, { gradient: true });
  b.output('y', x.tensor, { seeded: true });
  const door = new Door(t);
  const program = await door.compile(await door.store([]), b.build(), 'train', batch);
  const [y, dx, values, seed] = [roomFor(12), roomFor(12), numbers(12, 1), numbers(12, 2)];
  await door.run(program, {
    rows: batch,
    segments: gradientStep,
    inputs: [{ index: 0, buffer: bufferOf(values) }],
    outputs: [{ index: 0, buffer: y }],
    seeds: [{ index: 0, buffer: bufferOf(seed) }],
    gradients: [{ index: 0, buffer: dx }],
  });
  t.deepEqual(floatsOf(y, 12), values);
  t.deepEqual(floatsOf(dx, 12), seed);
});

test('a buffer group lets gradients through and takes none', async (t) => {
  const b = graphBuilder();
  const x = b.input('x', 'value', row, { gradient: true }).tensor;
  const [middle, y] = [b.tensor('f32', 0, [width]), b.tensor('f32', 0, [width])];
  b.node('fixed', 'dense', { units: width, activation: 'tanh' }, [x], [middle], 0);
  b.node('learned', 'dense', { units: width, activation: 'tanh' }, [middle], [y], 1);
  b.output('y', y, { seeded: true });
  const door = new Door(t);
  const groups = [denseGroup('fixed', width, width, { buffer: true }), denseGroup('learned', width, width)];
  const store = await door.store(groups, 3);
  const params = await door.read(store, 'parameters', parameterCount(groups));
  const [values, seed, dx] = [numbers(12, 4), numbers(12, 5), roomFor(12)];
  const program = await door.compile(store, b.build(), 'train', batch);
  await door.run(program, {
    rows: batch,
    segments: gradientStep,
    inputs: [{ index: 0, buffer: bufferOf(values) }],
    seeds: [{ index: 0, buffer: bufferOf(seed) }],
    gradients: [{ index: 0, buffer: dx }],
  });
  const half = width * width + width;
  const value = (p: ArrayLike<number>, at: Float64Array) => dot(denseTanh(p, half, denseTanh(p, 0, at)), seed);
  t.true(
    relativeDifference(
      floatsOf(dx, 12),
      differences((at) => value(params, at), values),
    ) < tolerance,
  );
  const want = differences((at) => value(at, Float64Array.from(values)), params).subarray(half);
  t.true(relativeDifference(await door.read(store, 'gradients', half), want) < tolerance);
});

/** x -> trunk -> head -> loss, trunk -> dropout -> side -> 'side' output, and an orphan that nobody reads. */
function branching(): GraphSpec {
  const b = graphBuilder();
  const x = b.input('x', 'value', row).tensor;
  const targets = b.input('targets', 'slab', row).tensor;
  const indices = b.input('indices', 'indices', { dtype: 'i32', steps: 0, dims: [] }).tensor;
  const dense = (name: string, from: SymbolicTensor, group: number) => {
    const to = b.tensor('f32', 0, [width]);
    b.node(name, 'dense', { units: width }, [from], [to], group);
    return to;
  };
  const trunk = dense('trunk', x, 0);
  const head = dense('head', trunk, 1);
  b.node('loss', 'meanSquaredError', {}, [head, targets, indices], []);
  const dropped = b.tensor('f32', 0, [width]);
  b.node('dropout', 'dropout', { rate: 0.5 }, [trunk], [dropped]);
  b.output('side', dense('side', dropped, 2));
  dense('orphan', trunk, 3);
  return b.build();
}

test('each mode runs the nodes that it needs, and no others', async (t) => {
  const door = new Door(t);
  const store = await door.store(groupsOf(4));
  const nodes = async (mode: 'train' | 'evaluate' | 'predict', graph = branching()) => {
    const program = await door.compile(store, graph, mode, 2);
    return native()
      .programInfo(program)
      .nodes.map(({ name }) => name);
  };
  t.deepEqual(await nodes('train'), ['trunk', 'head', 'loss']);
  t.deepEqual(await nodes('evaluate'), ['trunk', 'head', 'loss']);
  t.deepEqual(await nodes('predict'), ['trunk', 'side'], 'dropout vanishes');
  const graph = branching();
  const seeded = { ...graph, outputs: graph.outputs.map((output) => ({ ...output, seeded: true })) };
  t.deepEqual((await nodes('train', seeded)).sort(), ['dropout', 'head', 'loss', 'side', 'trunk']);
});

test('a node is run after those that it reads from, in whatever order they are listed', async (t) => {
  const door = new Door(t);
  const store = await door.store(groupsOf(4));
  const graph = branching();
  const backwards = { ...graph, nodes: [...graph.nodes].reverse() };
  const inputs = [{ index: 0, buffer: bufferOf(numbers(8, 1)) }];
  const results = [];
  for (const spec of [graph, backwards]) {
    const side = roomFor(8);
    const program = await door.compile(store, spec, 'predict', 2);
    t.deepEqual(
      native()
        .programInfo(program)
        .nodes.map(({ name }) => name),
      ['trunk', 'side'],
    );
    await door.run(program, { rows: 2, segments: segments.forward, inputs, outputs: [{ index: 0, buffer: side }] });
    results.push(floatsOf(side, 8));
  }
  t.deepEqual(results[1], results[0]);
});

test('an output that a mode does not compute is refused, not made up', async (t) => {
  const door = new Door(t);
  const program = await door.compile(await door.store(groupsOf(4)), branching(), 'train', 2);
  const run = door.run(program, {
    rows: 2,
    inputs: [{ index: 0, buffer: bufferOf(numbers(8, 1)) }],
    slabs: [{ index: 1, slab: await door.slab(numbers(8, 2), 'f32') }],
    outputs: [{ index: 0, buffer: roomFor(8) }],
  });
  await t.throwsAsync(run, { code: 'ERR_STATE', message: /output 'side' is not computed in this mode/ });
});
