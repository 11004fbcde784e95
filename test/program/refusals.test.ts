import test, { type ExecutionContext } from 'ava';
import type { ErrorCode } from '../../lib/errors.js';
import type { GraphSpec, GroupSpec, NodeSpec, TensorSpec } from '../../lib/graph_spec.js';
import type { Mode } from '../../lib/native.js';
import {
  bufferOf,
  Door,
  denseGroup,
  gradientStep,
  graphBuilder,
  gruGroup,
  numbers,
  roomFor,
} from '../support/program_door.js';

const row: TensorSpec = { dtype: 'f32', steps: 0, dims: [4] };
const indices: TensorSpec = { dtype: 'i32', steps: 0, dims: [] };

/** x -> dense 'a' -> dense 'b' -> y, as plain data that a test can bend. */
function chain(): {
  tensors: TensorSpec[];
  nodes: NodeSpec[];
  inputs: GraphSpec['inputs'];
  outputs: GraphSpec['outputs'];
} {
  const dense = (name: string, from: number, to: number): NodeSpec => ({
    name,
    op: 'dense',
    attrs: { units: 4 },
    inputs: [from],
    outputs: [to],
    group: 0,
  });
  return {
    tensors: [row, row, row],
    nodes: [dense('a', 0, 1), dense('b', 1, 2)],
    inputs: [{ name: 'x', tensor: 0, kind: 'value' }],
    outputs: [{ name: 'y', tensor: 2 }],
  };
}

async function refuses(
  t: ExecutionContext,
  graph: GraphSpec,
  code: ErrorCode,
  message: RegExp,
  options: { readonly mode?: Mode; readonly groups?: readonly GroupSpec[] } = {},
): Promise<void> {
  const door = new Door(t);
  const store = await door.store(options.groups ?? [denseGroup('dense', 4, 4)]);
  await t.throwsAsync(door.compile(store, graph, options.mode ?? 'predict', 2), { code, message });
}

test('the graph that the others bend compiles', async (t) => {
  const door = new Door(t);
  const store = await door.store([denseGroup('dense', 4, 4)]);
  await t.notThrowsAsync(door.compile(store, chain(), 'predict', 2));
});

test('a cycle is refused, and the nodes in it are named', async (t) => {
  const graph = chain();
  graph.tensors.push(row, row);
  graph.nodes.push(
    { name: 'left', op: 'add', inputs: [2, 4], outputs: [3] },
    { name: 'right', op: 'dense', attrs: { units: 4 }, inputs: [3], outputs: [4], group: 0 },
  );
  await refuses(t, graph, 'ERR_GRAPH', /cycle; these nodes wait for each other: left, right$/);
});

test('a node that reads what it writes is a cycle', async (t) => {
  const graph = chain();
  graph.tensors.push(row);
  graph.nodes.push({ name: 'self', op: 'add', inputs: [2, 3], outputs: [3] });
  await refuses(t, graph, 'ERR_GRAPH', /cycle.*: self$/);
});

test('a tensor has one producer', async (t) => {
  const twice = chain();
  twice.nodes.push({ name: 'again', op: 'dense', attrs: { units: 4 }, inputs: [0], outputs: [2], group: 0 });
  await refuses(t, twice, 'ERR_GRAPH', /^again writes tensor 2, which already has a producer/);

  const intoInput = chain();
  intoInput.nodes.push({ name: 'back', op: 'dense', attrs: { units: 4 }, inputs: [2], outputs: [0], group: 0 });
  await refuses(t, intoInput, 'ERR_GRAPH', /^back writes tensor 0, which already has a producer/);

  const inputTwice = {
    ...chain(),
    inputs: [
      { name: 'x', tensor: 0, kind: 'value' as const },
      { name: 'z', tensor: 0, kind: 'value' as const },
    ],
  };
  await refuses(t, inputTwice, 'ERR_GRAPH', /^input 'z' writes tensor 0, which already has a producer/);
});

test('unknown tensors are refused wherever they are named', async (t) => {
  const read = chain();
  read.nodes[1] = { ...(read.nodes[1] as NodeSpec), inputs: [7] };
  await refuses(t, read, 'ERR_GRAPH', /^b names tensor 7; the graph has 3/);
  const written = chain();
  written.nodes[1] = { ...(written.nodes[1] as NodeSpec), outputs: [3] };
  await refuses(t, written, 'ERR_GRAPH', /^b names tensor 3; the graph has 3/);
  const input = { ...chain(), inputs: [{ name: 'x', tensor: -1, kind: 'value' as const }] };
  await refuses(t, input, 'ERR_GRAPH', /^input 'x' names tensor -1/);
  const output = { ...chain(), outputs: [{ name: 'y', tensor: 9 }] };
  await refuses(t, output, 'ERR_GRAPH', /^output 'y' names tensor 9/);
});

test('a tensor that nothing produces is refused for its reader', async (t) => {
  const graph = chain();
  graph.tensors.push(row);
  graph.nodes[1] = { ...(graph.nodes[1] as NodeSpec), inputs: [3] };
  await refuses(t, graph, 'ERR_GRAPH', /^b reads tensor 3, which nothing produces/);
  const output = { ...chain(), tensors: [row, row, row, row], outputs: [{ name: 'y', tensor: 3 }] };
  await refuses(t, output, 'ERR_GRAPH', /^output 'y' reads tensor 3, which nothing produces/);
});

test('unknown operations are refused, and the known ones listed', async (t) => {
  const graph = chain();
  graph.nodes[0] = { ...(graph.nodes[0] as NodeSpec), op: 'conv9d' };
  await refuses(t, graph, 'ERR_GRAPH', /unknown operation 'conv9d'; known are gather, rnn, .*dense/);
});

test('unknown parameter groups are refused', async (t) => {
  const graph = chain();
  graph.nodes[0] = { ...(graph.nodes[0] as NodeSpec), group: 1 };
  await refuses(t, graph, 'ERR_GRAPH', /^a names parameter group 1; there are 1/);
});

test('a node without its parameters is refused with those that it needs', async (t) => {
  const graph = chain();
  graph.nodes[0] = { ...(graph.nodes[0] as NodeSpec), group: -1 };
  await refuses(t, graph, 'ERR_SHAPE', /^a \(dense\) needs the parameters weight \(4, 4\), bias \(4\)/);
  await refuses(t, chain(), 'ERR_SHAPE', /needs the parameters weight \(4, 4\)/, { groups: [denseGroup('d', 5, 4)] });
});

test('a group of another operation is refused, even where its parameters would fit', async (t) => {
  const groups = [{ ...denseGroup('statistics', 4, 4), op: 'gather' }];
  await refuses(t, chain(), 'ERR_GRAPH', /^a \(dense\) names group 'statistics', which is of gather/, { groups });
});

test('a node without a needed input, or with too many, is refused', async (t) => {
  const graph = chain();
  graph.nodes[0] = { ...(graph.nodes[0] as NodeSpec), inputs: [-1] };
  await refuses(t, graph, 'ERR_GRAPH', /^a \(dense\) needs its input 'x'/);
  const many = chain();
  many.nodes[1] = { ...(many.nodes[1] as NodeSpec), inputs: [1, 0] };
  await refuses(t, many, 'ERR_GRAPH', /^b \(dense\) takes 1 to 1 inputs, got 2/);
});

test('shapes that do not fit are refused with both', async (t) => {
  const graph = chain();
  graph.tensors[2] = { dtype: 'f32', steps: 0, dims: [5] };
  await refuses(t, graph, 'ERR_SHAPE', /^b \(dense\) expects output \[batch, 4\] f32, got \[batch, 5\] f32/);
});

test('a dropout that changes the shape is refused in every mode, though it vanishes outside of training', async (t) => {
  for (const mode of ['predict', 'train'] as const) {
    const graph = chain();
    graph.tensors.push({ dtype: 'f32', steps: 0, dims: [1] });
    graph.nodes.push({ name: 'drop', op: 'dropout', attrs: { rate: 0.5 }, inputs: [2], outputs: [3] });
    const bent = { ...graph, outputs: [{ name: 'y', tensor: 3, seeded: true }] };
    await refuses(t, bent, 'ERR_SHAPE', /^drop \(dropout\) expects output \[batch, 4\] f32, got \[batch, 1\] f32/, {
      mode,
    });
  }
});

test('a mode needs something to compute', async (t) => {
  await refuses(t, chain(), 'ERR_GRAPH', /no loss to evaluate/, { mode: 'evaluate' });
  await refuses(t, chain(), 'ERR_GRAPH', /neither a loss nor a seeded output/, { mode: 'train' });
});

test('slabs are read by row number, and by nothing else', async (t) => {
  const direct: GraphSpec = { ...chain(), inputs: [{ name: 'x', tensor: 0, kind: 'slab' }] };
  await refuses(t, direct, 'ERR_GRAPH', /^a \(dense\) cannot read the slab 'x' directly/);

  const gather = (kind: 'slab' | 'value', rows: 'indices' | 'value'): GraphSpec => ({
    tensors: [row, indices, row],
    nodes: [{ name: 'pick', op: 'gather', inputs: [0, 1], outputs: [2] }],
    inputs: [
      { name: 'x', tensor: 0, kind },
      { name: 'rows', tensor: 1, kind: rows },
    ],
    outputs: [{ name: 'y', tensor: 2 }],
  });
  await refuses(
    t,
    gather('value', 'indices'),
    'ERR_GRAPH',
    /^pick \(gather\) picks rows, and can only do so from a slab/,
  );
  await refuses(
    t,
    gather('slab', 'value'),
    'ERR_GRAPH',
    /^pick \(gather\) takes its row numbers from the indices alone/,
  );
  const door = new Door(t);
  await t.notThrowsAsync(door.compile(await door.store([]), gather('slab', 'indices'), 'predict', 2));
});

test('losses take their labels from a slab', async (t) => {
  const graph: GraphSpec = {
    tensors: [row, row, indices],
    nodes: [{ name: 'loss', op: 'meanSquaredError', inputs: [0, 1, 2], outputs: [] }],
    inputs: [
      { name: 'x', tensor: 0, kind: 'value', gradient: true },
      { name: 'targets', tensor: 1, kind: 'value' },
      { name: 'rows', tensor: 2, kind: 'indices' },
    ],
    outputs: [],
  };
  await refuses(t, graph, 'ERR_GRAPH', /^loss \(meanSquaredError\) picks rows/, { mode: 'train' });
});

test('a slab or the indices cannot be an output', async (t) => {
  const graph: GraphSpec = {
    tensors: [row],
    nodes: [],
    inputs: [{ name: 'x', tensor: 0, kind: 'slab' }],
    outputs: [{ name: 'y', tensor: 0 }],
  };
  await refuses(t, graph, 'ERR_GRAPH', /output 'y' is a slab or the indices/);
});

test('one tensor takes the gradient of one output', async (t) => {
  const graph: GraphSpec = {
    ...chain(),
    outputs: [
      { name: 'y', tensor: 2, seeded: true },
      { name: 'again', tensor: 2, seeded: true },
    ],
  };
  await refuses(t, graph, 'ERR_GRAPH', /outputs 'y' and 'again' are one tensor/, { mode: 'train' });
});

test('a forward needs all the values that its graph reads', async (t) => {
  const door = new Door(t);
  const program = await door.compile(await door.store([denseGroup('dense', 4, 4)]), chain(), 'predict', 2);
  const outputs = [{ index: 0, buffer: roomFor(8) }];
  await t.throwsAsync(door.run(program, { rows: 2, outputs }), {
    code: 'ERR_GRAPH',
    message: /input 'x' needs a buffer/,
  });
  await t.notThrowsAsync(
    door.run(program, { rows: 2, outputs, inputs: [{ index: 0, buffer: bufferOf(numbers(8, 1)) }] }),
  );
});

test('values that a mode does not read may be left out', async (t) => {
  const graph = {
    ...chain(),
    tensors: [row, row, row, row],
    inputs: [...chain().inputs, { name: 'unread', tensor: 3, kind: 'value' as const }],
  };
  const door = new Door(t);
  const program = await door.compile(await door.store([denseGroup('dense', 4, 4)]), graph, 'predict', 2);
  await t.notThrowsAsync(door.run(program, { rows: 2, inputs: [{ index: 0, buffer: bufferOf(numbers(8, 1)) }] }));
});

test('lengths that are not given never reach a kernel', async (t) => {
  const b = graphBuilder();
  const x = b.input('x', 'value', { dtype: 'f32', steps: 3, dims: [2] });
  const lengths = b.input('lengths', 'value', indices);
  const hN = b.tensor('f32', 1, [3]);
  const attrs = { cell: 'gru', units: 3 };
  b.node('gru', 'rnn', attrs, [x.tensor, undefined, lengths.tensor], [undefined, hN], 0);
  b.output('hN', hN);
  const door = new Door(t);
  const program = await door.compile(await door.store([gruGroup('gru', 2, 3)]), b.build(), 'predict', 2);
  const inputs = [{ index: x.index, buffer: bufferOf(numbers(12, 1)) }];
  await t.throwsAsync(door.run(program, { rows: 2, inputs }), {
    code: 'ERR_GRAPH',
    message: /'lengths' needs a buffer/,
  });
});

test('a backward alone takes one batch: what forward kept is that of the last', async (t) => {
  const graph: GraphSpec = { ...chain(), outputs: [{ name: 'y', tensor: 2, seeded: true }] };
  const door = new Door(t);
  const program = await door.compile(await door.store([denseGroup('dense', 4, 4)]), graph, 'train', 2);
  const inputs = [{ index: 0, buffer: bufferOf(numbers(16, 1)) }];
  await door.run(program, { rows: 4, inputs });
  await t.throwsAsync(door.run(program, { rows: 4, segments: gradientStep & ~1 }), {
    code: 'ERR_STATE',
    message: /one batch/,
  });
});

test('learning rates are one for each batch, or none', async (t) => {
  const door = new Door(t);
  const program = await door.compile(await door.store([denseGroup('dense', 4, 4)]), chain(), 'predict', 1);
  const inputs = [{ index: 0, buffer: bufferOf(numbers(16, 1)) }];
  await t.throwsAsync(door.run(program, { rows: 4, inputs, learningRates: Float32Array.of(1) }), {
    code: 'ERR_SHAPE',
    message: /4 batches, but 1 learning rates/,
  });
});
