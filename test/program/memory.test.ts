/** The memory plan: small, without overlaps that matter, planned without being allocated, and refused when it cannot be. */
import test from 'ava';
import type { GraphSpec, GroupSpec, TensorSpec } from '../../lib/graph_spec.js';
import type { SymbolicTensor } from '../../lib/layers/builder.js';
import { type BufferHandle, native, type ProgramHandle, segments } from '../../lib/native.js';
import {
  bufferOf,
  Door,
  denseGroup,
  floatsOf,
  gradientStep,
  graphBuilder,
  gruGroup,
  numbers,
  parameterCount,
  roomFor,
} from '../support/program_door.js';

const [batch, steps, width, depth] = [6, 4, 9, 8];
const sequence: TensorSpec = { dtype: 'f32', steps, dims: [width] };
const length = batch * steps * width;

/** Layers in turn: GRU, dense with tanh, and a sum with what went in two layers before. */
function layer(b: ReturnType<typeof graphBuilder>, i: number, x: SymbolicTensor, skip: SymbolicTensor): SymbolicTensor {
  const y = b.tensor('f32', steps, [width]);
  if (i % 3 === 0) b.node(`gru${i}`, 'rnn', { cell: 'gru', units: width }, [x], [y, undefined], i);
  if (i % 3 === 1) b.node(`dense${i}`, 'dense', { units: width, activation: 'tanh' }, [x], [y], i);
  if (i % 3 === 2) b.node(`add${i}`, 'add', {}, [x, skip], [y]);
  return y;
}

const groups: readonly GroupSpec[] = Array.from({ length: depth }, (_, i) =>
  i % 3 === 0 ? gruGroup(`g${i}`, width, width) : denseGroup(`g${i}`, width, width),
);

function deepGraph(): GraphSpec {
  const b = graphBuilder();
  const xs = [b.input('x', 'value', sequence, { gradient: true }).tensor];
  for (let i = 0; i < depth; i++) {
    xs.push(layer(b, i, xs[i] as SymbolicTensor, xs[Math.max(0, i - 1)] as SymbolicTensor));
  }
  b.output('y', xs[depth] as SymbolicTensor, { seeded: true });
  return b.build();
}

function layerGraph(i: number): GraphSpec {
  const b = graphBuilder();
  const x = b.input('x', 'value', sequence, { gradient: true }).tensor;
  const skip = i % 3 === 2 ? b.input('skip', 'value', sequence, { gradient: true }).tensor : x;
  b.output('y', layer(b, i, x, skip), { seeded: true });
  return b.build();
}

test('a deep graph in one arena gives the bytes of its layers run one by one, forward and backward', async (t) => {
  const door = new Door(t);
  const [together, apart] = [await door.store(groups, 2), await door.store(groups, 2)];
  const [x, seed] = [numbers(length, 3), numbers(length, 4)];
  const deep = await door.compile(together, deepGraph(), 'train', batch);
  const [y, dx] = [roomFor(length), roomFor(length)];
  await door.run(deep, {
    rows: batch,
    segments: gradientStep,
    inputs: [{ index: 0, buffer: bufferOf(x) }],
    outputs: [{ index: 0, buffer: y }],
    seeds: [{ index: 0, buffer: bufferOf(seed) }],
    gradients: [{ index: 0, buffer: dx }],
  });

  // values[i] is what layer i reads, and layer i - 1 made; a sum reads values[i - 1] as well.
  const values = [x];
  const reads = (i: number) => (i % 3 === 2 ? [i, i - 1] : [i]);
  const inputsOf = (i: number) => reads(i).map((v, index) => ({ index, buffer: bufferOf(values[v] as Float32Array) }));
  const programs: ProgramHandle[] = [];
  for (let i = 0; i < depth; i++) {
    const program = await door.compile(apart, layerGraph(i), 'train', batch);
    const out = roomFor(length);
    await door.run(program, { rows: batch, inputs: inputsOf(i), outputs: [{ index: 0, buffer: out }] });
    values.push(floatsOf(out, length));
    programs.push(program);
  }
  t.deepEqual(floatsOf(y, length), values[depth]);

  const gradients: Float32Array[] = Array.from({ length: depth }, () => new Float32Array(length));
  gradients.push(seed);
  for (let i = depth - 1; i >= 0; i--) {
    const inputs = inputsOf(i);
    const out = inputs.map(({ index }) => ({ index, buffer: roomFor(length) }));
    await door.run(programs[i] as ProgramHandle, {
      rows: batch,
      segments: segments.forward | segments.backward,
      inputs,
      seeds: [{ index: 0, buffer: bufferOf(gradients[i + 1] as Float32Array) }],
      gradients: out,
    });
    for (const [slot, v] of reads(i).entries()) {
      const term = floatsOf(out[slot]?.buffer as BufferHandle, length);
      gradients[v] = (gradients[v] as Float32Array).map((sum, k) => sum + (term[k] as number));
    }
  }
  t.deepEqual(floatsOf(dx, length), gradients[0]);
  const count = parameterCount(groups);
  t.deepEqual(await door.read(together, 'gradients', count), await door.read(apart, 'gradients', count));
});

test('the arena of a prediction is far smaller than its tensors together, and gives the bytes of training', async (t) => {
  const rows = 40; // enough that a recurrent layer needs no scratch for few rows
  const numbersOfRows = rows * (length / batch);
  const door = new Door(t);
  const store = await door.store(groups, 2);
  const results = new Map<string, { bytes: number; y: Float32Array }>();
  for (const mode of ['predict', 'train'] as const) {
    const program = await door.compile(store, deepGraph(), mode, rows);
    const y = roomFor(numbersOfRows);
    const inputs = [{ index: 0, buffer: bufferOf(numbers(numbersOfRows, 3)) }];
    await door.run(program, { rows, inputs, outputs: [{ index: 0, buffer: y }] });
    results.set(mode, { bytes: native().programInfo(program).arenaBytes, y: floatsOf(y, numbersOfRows) });
  }
  const tensors = (depth + 1) * numbersOfRows * 4;
  const [predict, train] = [results.get('predict'), results.get('train')];
  if (predict === undefined || train === undefined) throw new Error('both modes ran');
  t.true(predict.bytes < 0.6 * tensors, `${predict.bytes} of ${tensors} bytes`);
  t.true(train.bytes > tensors, 'training keeps them all');
  t.deepEqual(predict.y, train.y);
});

test('two losses in one graph read their own inputs, though they run after everything else', async (t) => {
  const row: TensorSpec = { dtype: 'f32', steps: 0, dims: [width] };
  const b = graphBuilder();
  const x = b.input('x', 'value', row).tensor;
  const targets = b.input('targets', 'slab', row).tensor;
  const indices = b.input('indices', 'indices', { dtype: 'i32', steps: 0, dims: [] }).tensor;
  const heads = [0, 1, 2].map((group) => {
    const head = b.tensor('f32', 0, [width]);
    b.node(`head${group}`, 'dense', { units: width }, [x], [head], group);
    b.node(`loss${group}`, 'meanSquaredError', {}, [head, targets, indices], []);
    return head;
  });
  for (const [i, head] of heads.entries()) b.output(`head${i}`, head);
  const door = new Door(t);
  const store = await door.store(
    [0, 1, 2].map((i) => denseGroup(`head${i}`, width, width)),
    2,
  );
  const values = numbers(batch * width, 3);
  const wanted = numbers(batch * width, 4);
  const request = {
    rows: batch,
    inputs: [{ index: 0, buffer: bufferOf(values) }],
    slabs: [{ index: 1, slab: await door.slab(wanted, 'f32') }],
  };
  const outputs = [0, 1, 2].map((index) => ({ index, buffer: roomFor(batch * width) }));
  await door.run(await door.compile(store, b.build(), 'predict', batch), { ...request, outputs });
  const expected = outputs.map(({ buffer }) =>
    floatsOf(buffer, batch * width).reduce((sum, value, i) => sum + (value - (wanted[i] as number)) ** 2 / width, 0),
  );
  for (const mode of ['evaluate', 'train'] as const) {
    const program = await door.compile(store, b.build(), mode, batch);
    const { losses } = await door.run(program, { ...request, segments: segments.forward | segments.loss });
    for (const [i, { lossSum }] of losses.entries()) {
      t.true(Math.abs(lossSum - (expected[i] as number)) < 1e-6, `${mode} loss${i}: ${lossSum}, want ${expected[i]}`);
    }
    t.is(losses.length, 3);
  }
});

test('a plan allocates nothing, says what it would take, and refuses to run', async (t) => {
  const door = new Door(t);
  const store = await door.store(groups, 2);
  const { bytes } = await native().storeInfo(store);
  const external = process.memoryUsage().external;
  const huge = await native().compile(store, deepGraph(), { mode: 'train', batch: 2 ** 24, planOnly: true });
  const info = native().programInfo(huge);
  t.true(info.arenaBytes > 2 ** 35, `${info.arenaBytes} bytes`);
  t.is(info.nodes.length, depth);
  t.is((await native().storeInfo(store)).bytes, bytes, 'not even gradients');
  t.true(process.memoryUsage().external - external < 2 ** 24, 'nor is the garbage collector told of any');
  await t.throwsAsync(door.run(huge, { rows: 1 }), { code: 'ERR_STATE', message: /only planned/ });

  const small = await native().compile(store, deepGraph(), { mode: 'train', batch, planOnly: true });
  const real = await door.compile(store, deepGraph(), 'train', batch);
  t.is(native().programInfo(small).arenaBytes, native().programInfo(real).arenaBytes);
});

test('a batch that cannot fit is refused before it is attempted', async (t) => {
  const door = new Door(t);
  const store = await door.store(groups, 2);
  await t.throwsAsync(door.compile(store, deepGraph(), 'train', 2 ** 24), {
    code: 'ERR_OUT_OF_MEMORY',
    message: /needs \d+ bytes, but only \d+ bytes of memory are free/,
  });
  await t.throwsAsync(door.compile(store, deepGraph(), 'train', 2 ** 24 + 1), {
    code: 'ERR_RANGE',
    message: /batch size/,
  });
  for (const size of [0, -1, 1.5, Number.NaN, 2 ** 40]) {
    t.throws(() => door.compile(store, deepGraph(), 'train', size), { code: 'ERR_VALUE' }, String(size));
  }
});

test('tensors beyond all bounds are refused, planned or not', async (t) => {
  const door = new Door(t);
  const store = await door.store([]);
  const graph = (dims: readonly number[], steps = 0): GraphSpec => ({
    tensors: [
      { dtype: 'f32', steps, dims },
      { dtype: 'f32', steps, dims },
    ],
    nodes: [{ name: 'add', op: 'add', inputs: [0, 0], outputs: [1] }],
    inputs: [{ name: 'x', tensor: 0, kind: 'value' }],
    outputs: [{ name: 'y', tensor: 1 }],
  });
  const compile = (spec: GraphSpec, size: number) =>
    native().compile(store, spec, { mode: 'predict', batch: size, planOnly: true });
  for (const dims of [[2 ** 40, 2 ** 40], [2 ** 24, 2 ** 24], new Array<number>(64).fill(2)]) {
    t.throws(() => compile(graph(dims), 1), { code: 'ERR_RANGE' }, dims.join());
  }
  await t.throwsAsync(compile(graph([2 ** 30]), 2 ** 20), { code: 'ERR_RANGE' });
  await t.throwsAsync(compile(graph([2 ** 20], 2 ** 20), 2 ** 10), { code: 'ERR_RANGE' });
  for (const dims of [[0], [-1], [1.5], [2 ** 41]]) {
    t.throws(() => compile(graph(dims), 1), { code: 'ERR_VALUE' }, dims.join());
  }
  await t.throwsAsync(door.compile(store, graph([2 ** 40]), 'predict', 1), { code: 'ERR_OUT_OF_MEMORY' });
});

test('parameters that no host can hold are refused before they are attempted', async (t) => {
  const { session } = new Door(t);
  const create = (...list: GroupSpec[]) => native().createStore(session, list);
  await t.throwsAsync(create(denseGroup('huge', 2 ** 20, 2 ** 20)), { code: 'ERR_OUT_OF_MEMORY' });
  await t.throwsAsync(create(gruGroup('huge', 2 ** 20, 2 ** 20)), { code: 'ERR_OUT_OF_MEMORY' });
  await t.throwsAsync(create(denseGroup('overflowing', 2 ** 40, 2 ** 40)), { code: 'ERR_RANGE' });
  const many = Array.from({ length: 40 }, (_, i) => denseGroup(`g${i}`, 2 ** 22, 2 ** 20));
  await t.throwsAsync(create(...many), {
    code: 'ERR_OUT_OF_MEMORY',
    message: /up to group 'g\d+' are more than any host/,
  });
});

test('buffers that cannot be are refused before they are attempted', (t) => {
  t.throws(() => native().createBuffer(2 ** 45), { code: 'ERR_OUT_OF_MEMORY' });
  for (const bytes of [0, -1, 2 ** 47, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => native().createBuffer(bytes), { code: 'ERR_VALUE' }, String(bytes));
  }
});
