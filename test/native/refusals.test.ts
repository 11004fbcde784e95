/** What a run, a graph and a stream are refused for before anything is read or written: each was a fault once. */
import test from 'ava';
import type { GraphSpec } from '../../lib/graph_spec.js';
import { native, type RunRequest, segments } from '../../lib/native.js';
import { closeRig, graph, groups, openRig, streamGraph, streamOptions, trainRequest } from '../support/door_rig.js';

type Nodes = GraphSpec['nodes'];

// The rig's graph with one node changed.
function withNode(name: string, change: Partial<Nodes[number]>): GraphSpec {
  return { ...graph, nodes: graph.nodes.map((node) => (node.name === name ? { ...node, ...change } : node)) };
}

test('learning rates that are not one for each batch, even when nothing is updated', async (t) => {
  const rig = await openRig();
  const request = { ...trainRequest(rig), segments: segments.forward, learningRates: new Float32Array(1) };
  await t.throwsAsync(native().run(rig.program, request), {
    code: 'ERR_SHAPE',
    message: /4 batches, but 1 learning rates/,
  });
  closeRig(rig);
});

test('a backward pass without a forward pass before it, a second one, or one of several batches', async (t) => {
  const rig = await openRig();
  const of = (parts: number, rows = 5): RunRequest => ({
    ...trainRequest(rig),
    segments: parts,
    rows,
    indices: new Int32Array(rows),
    learningRates: new Float32Array(0),
  });
  const program = await native().compile(rig.store, graph, { mode: 'train', batch: 5 });
  const run = (request: RunRequest) =>
    native().run(program, { ...request, learningRates: new Float32Array(Math.ceil(request.rows / 5)) });
  const state = { code: 'ERR_STATE' };
  await t.throwsAsync(run(of(segments.backward)), state);
  await run(of(segments.forward));
  await run(of(segments.loss));
  await t.throwsAsync(run(of(segments.backward, 10)), state);
  await run(of(segments.backward));
  await t.throwsAsync(run(of(segments.backward)), state);
  closeRig(rig);
});

test('a forward pass without a value input', async (t) => {
  const rig = await openRig();
  const error = { code: 'ERR_GRAPH', message: "input 'h0' needs a buffer" };
  await t.throwsAsync(native().run(rig.program, { ...trainRequest(rig), inputs: [] }), error);
  closeRig(rig);
});

test('slabs and indices where values belong, and values where rows are picked', async (t) => {
  const rig = await openRig();
  const compile = (spec: GraphSpec) => native().compile(rig.store, spec, { mode: 'predict', batch: 5 });
  const error = { code: 'ERR_GRAPH' };
  await t.throwsAsync(compile(withNode('gru', { inputs: [4, 6, 1] })), error, 'indices as lengths');
  await t.throwsAsync(compile(withNode('gru', { inputs: [4, 6, 2] })), error, 'a slab as lengths');
  await t.throwsAsync(compile(withNode('lengths', { inputs: [2, 3] })), error, 'labels as indices');
  closeRig(rig);
});

test('a dropout that changes the shape', async (t) => {
  const rig = await openRig();
  const tensors = graph.tensors.map((tensor, i) => (i === 9 ? { ...tensor, dims: [400] } : tensor));
  const spec = { ...graph, tensors, outputs: [{ name: 'dropped', tensor: 9 }] };
  await t.throwsAsync(native().compile(rig.store, spec, { mode: 'predict', batch: 5 }), { code: 'ERR_SHAPE' });
  closeRig(rig);
});

test('a parameter group of another operation', async (t) => {
  const rig = await openRig();
  const other = groups.map((group) => (group.name === 'dense' ? { ...group, op: 'gather' } : group));
  const store = await native().createStore(rig.session, other);
  const error = { code: 'ERR_GRAPH', message: "dense (dense) names group 'dense', which is of gather" };
  await t.throwsAsync(native().compile(store, graph, { mode: 'predict', batch: 5 }), error);
  closeRig(rig);
});

test('a stream whose input names no tensor, or with a value that nobody gives', async (t) => {
  const rig = await openRig();
  const inputs = streamGraph.inputs.map((input) => (input.name === 'x' ? { ...input, tensor: 99 } : input));
  const error = { code: 'ERR_GRAPH' };
  await t.throwsAsync(native().createStreamer(rig.store, { ...streamGraph, inputs }, streamOptions), error);
  const states = new Int32Array(0);
  await t.throwsAsync(native().createStreamer(rig.store, streamGraph, { ...streamOptions, states }), error);
  closeRig(rig);
});
