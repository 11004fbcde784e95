/** Native objects of every kind, made through the typed door, for tests that call it directly. */
import type { GraphSpec, GroupSpec } from '../../lib/graph_spec.js';
import {
  type AnyHandle,
  type BufferHandle,
  type CancelHandle,
  native,
  type ProgramHandle,
  type RunRequest,
  type SessionHandle,
  type SlabHandle,
  type StoreHandle,
  type StreamerHandle,
  type StreamStateHandle,
  segments,
} from '../../lib/native.js';

/** Rows in the rig's slabs. */
export const rigRows = 16;
const batch = 5;

/** Rows of 3 steps of 4 features with lengths, through a GRU of 4 units and a dense layer, to 3 classes. */
export const graph: GraphSpec = {
  tensors: [
    { dtype: 'f32', steps: 0, dims: [12] },
    { dtype: 'i32', steps: 0, dims: [] },
    { dtype: 'i32', steps: 0, dims: [] },
    { dtype: 'i32', steps: 0, dims: [] },
    { dtype: 'f32', steps: 3, dims: [4] },
    { dtype: 'i32', steps: 0, dims: [] },
    { dtype: 'f32', steps: 1, dims: [4] },
    { dtype: 'f32', steps: 1, dims: [4] },
    { dtype: 'f32', steps: 0, dims: [4] },
    { dtype: 'f32', steps: 0, dims: [4] },
    { dtype: 'f32', steps: 0, dims: [3] },
    { dtype: 'f32', steps: 0, dims: [3] },
  ],
  nodes: [
    {
      name: 'x',
      op: 'gather',
      attrs: { map: Int32Array.from({ length: 12 }, (_, i) => 11 - i) },
      inputs: [0, 1],
      outputs: [4],
    },
    { name: 'lengths', op: 'gather', attrs: { fill: 1 }, inputs: [2, 1], outputs: [5] },
    { name: 'gru', op: 'rnn', attrs: { cell: 'gru', units: 4 }, inputs: [4, 6, 5], outputs: [-1, 7], group: 0 },
    { name: 'last', op: 'lastState', attrs: { directions: 1 }, inputs: [7], outputs: [8] },
    { name: 'dropout', op: 'dropout', attrs: { rate: 0.25 }, inputs: [8], outputs: [9] },
    { name: 'dense', op: 'dense', attrs: { units: 3 }, inputs: [9], outputs: [10], group: 1 },
    { name: 'softmax', op: 'softmax', inputs: [10], outputs: [11] },
    { name: 'loss', op: 'softmaxCrossEntropy', attrs: { labelSmoothing: 0.1 }, inputs: [10, 3, 1], outputs: [] },
  ],
  inputs: [
    { name: 'x', tensor: 0, kind: 'slab' },
    { name: 'indices', tensor: 1, kind: 'indices' },
    { name: 'lengths', tensor: 2, kind: 'slab' },
    { name: 'labels', tensor: 3, kind: 'slab' },
    { name: 'h0', tensor: 6, kind: 'value', gradient: true },
  ],
  outputs: [
    { name: 'output', tensor: 11 },
    { name: 'hN', tensor: 7, seeded: true },
  ],
};

/** The parameters of {@link graph} and {@link streamGraph}. */
export const groups: readonly GroupSpec[] = [
  {
    name: 'gru',
    op: 'rnn',
    attrs: { cell: 'gru', units: 4 },
    params: [
      { name: 'weight_ih_l0', shape: [12, 4] },
      { name: 'weight_hh_l0', shape: [12, 4] },
      { name: 'bias_ih_l0', shape: [12] },
      { name: 'bias_hh_l0', shape: [12] },
    ],
    initializers: [{ kind: 'glorotUniform' }, { kind: 'orthogonal', blocks: 3 }, { kind: 'zeros' }, { kind: 'zeros' }],
  },
  {
    name: 'dense',
    op: 'dense',
    attrs: { units: 3 },
    params: [
      { name: 'weight', shape: [3, 4] },
      { name: 'bias', shape: [3] },
    ],
    initializers: [
      { kind: 'normal', value: 0.1 },
      { kind: 'constant', value: 0.5 },
    ],
  },
];

/** One step of the GRU alone: slab 0, state from input 2 to output 0, which is also the result. */
export const streamGraph: GraphSpec = {
  tensors: [
    { dtype: 'f32', steps: 0, dims: [4] },
    { dtype: 'i32', steps: 0, dims: [] },
    { dtype: 'f32', steps: 1, dims: [4] },
    { dtype: 'f32', steps: 1, dims: [4] },
    { dtype: 'f32', steps: 1, dims: [4] },
  ],
  nodes: [
    { name: 'x', op: 'gather', inputs: [0, 1], outputs: [2] },
    { name: 'gru', op: 'rnn', attrs: { cell: 'gru', units: 4 }, inputs: [2, 3], outputs: [-1, 4], group: 0 },
  ],
  inputs: [
    { name: 'x', tensor: 0, kind: 'slab' },
    { name: 'indices', tensor: 1, kind: 'indices' },
    { name: 'h0', tensor: 3, kind: 'value' },
  ],
  outputs: [{ name: 'hN', tensor: 4 }],
};
export const streamOptions = { input: 0, output: 0, states: Int32Array.of(2, 0) };

/** See the file's head. */
export interface Rig {
  readonly session: SessionHandle;
  readonly buffer: BufferHandle;
  readonly slabs: { readonly x: SlabHandle; readonly lengths: SlabHandle; readonly labels: SlabHandle };
  readonly store: StoreHandle;
  readonly program: ProgramHandle;
  readonly cancel: CancelHandle;
  readonly streamer: StreamerHandle;
  readonly state: StreamStateHandle;
}

async function slab(session: SessionHandle, array: Float32Array | Int32Array): Promise<SlabHandle> {
  const buffer = native().createBuffer(array.byteLength);
  native().bufferWrite(buffer, 0, array);
  return native().createSlab(session, buffer, array instanceof Int32Array ? 'i32' : 'f32');
}

/** One object of each kind that fits the others, with an optimiser in the store. */
export async function openRig(): Promise<Rig> {
  const session = native().createSession({ device: 'cpu' });
  const store = await native().createStore(session, groups);
  await native().storeInitialize(store, 1);
  await native().storeConfigure(store, { kind: 'adam', clipNorm: 1 });
  const streamer = await native().createStreamer(store, streamGraph, streamOptions);
  return {
    session,
    store,
    streamer,
    buffer: native().createBuffer(4096),
    slabs: {
      x: await slab(
        session,
        Float32Array.from({ length: rigRows * 12 }, (_, i) => Math.sin(i)),
      ),
      lengths: await slab(
        session,
        Int32Array.from({ length: rigRows }, (_, i) => 1 + (i % 3)),
      ),
      labels: await slab(
        session,
        Int32Array.from({ length: rigRows }, (_, i) => i % 3),
      ),
    },
    program: await native().compile(store, graph, { mode: 'train', batch }),
    cancel: native().createCancel(),
    state: native().createStreamState(streamer),
  };
}

/** A training run over all rows of the rig. */
export function trainRequest(rig: Rig): RunRequest {
  return {
    segments: segments.zeroGradients | segments.forward | segments.loss | segments.backward | segments.update,
    rows: rigRows,
    indices: Int32Array.from({ length: rigRows }, (_, i) => rigRows - 1 - i),
    learningRates: new Float32Array(Math.ceil(rigRows / batch)).fill(0.01),
    seed: 3,
    slabs: [
      { index: 0, slab: rig.slabs.x },
      { index: 2, slab: rig.slabs.lengths },
      { index: 3, slab: rig.slabs.labels },
    ],
    inputs: [{ index: 4, buffer: native().createBuffer(rigRows * 16) }],
    outputs: [{ index: 1, buffer: native().createBuffer(rigRows * 16) }],
    gradients: [{ index: 4, buffer: native().createBuffer(rigRows * 16) }],
    cancel: native().createCancel(),
  };
}

/** All handles, by kind. */
export function handlesOf(rig: Rig): Readonly<Record<string, AnyHandle>> {
  const { slabs, ...rest } = rig;
  return { ...rest, slab: slabs.x };
}

/** Frees everything. */
export function closeRig(rig: Rig): void {
  native().closeSession(rig.session);
  for (const handle of [...Object.values(handlesOf(rig)), rig.slabs.lengths, rig.slabs.labels])
    native().dispose(handle);
}
