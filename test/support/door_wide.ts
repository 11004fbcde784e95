/** Two graphs that hold the operations that door_rig.ts leaves out, for the fuzzers of the native door: over sequences, over images. */
import type { GraphSpec, GroupSpec } from '../../lib/graph_spec.js';
import type { SymbolicTensor } from '../../lib/layers/builder.js';
import { type NumericArray, native, type RunRequest, type SessionHandle, type SlabHandle } from '../../lib/native.js';
import { denseGroup, graphBuilder, gruGroup, numbers, trainStep } from './program_door.js';

/** Rows of every batch: what is kept by the operation `state` is of as many. */
export const wideBatch = 5;
/** Of all slabs; the last batch is partial. */
const rows = 13;

/** A graph with its groups and the data of a training run. */
export interface WideGraph {
  readonly graph: GraphSpec;
  readonly groups: readonly GroupSpec[];
  readonly request: RunRequest;
}

const buffer = (group: Omit<GroupSpec, 'buffer'>): GroupSpec => ({ ...group, buffer: true });
const reversed = (length: number): Int32Array => Int32Array.from({ length }, (_, i) => length - 1 - i);

function slab(session: SessionHandle, values: NumericArray, type: 'u8' | 'f32' | 'i32'): Promise<SlabHandle> {
  const room = native().createBuffer(values.byteLength);
  native().bufferWrite(room, 0, values);
  return native().createSlab(session, room, type);
}

function requestOf(slabs: RunRequest['slabs']): RunRequest {
  return {
    segments: trainStep,
    rows,
    indices: Int32Array.from({ length: rows }, (_, i) => (i * 5) % rows),
    learningRates: new Float32Array(Math.ceil(rows / wideBatch)).fill(0.01),
    seed: 3,
    ...(slabs === undefined ? {} : { slabs }),
    cancel: native().createCancel(),
  };
}

const classes = (): Int32Array => Int32Array.from({ length: rows }, (_, i) => i % 3);

/** Steps with positions, reversed, through a GRU that keeps its state, read out in several ways, and rows that are treated apart. */
export async function sequenceGraph(session: SessionHandle): Promise<WideGraph> {
  const groups: GroupSpec[] = [
    { name: 'positions', op: 'addTable', params: [{ name: 'table', shape: [3, 4] }] },
    gruGroup('gru', 6, 4),
    buffer({ name: 'kept', op: 'state', params: [{ name: 'state', shape: [1, wideBatch, 4] }] }),
    denseGroup('scores', 10, 1),
    denseGroup('guess', 10, 4),
    denseGroup('head', 26, 3, { rules: [{ l2: 0.1, maxNorm: 0.5 }, {}] }),
  ];
  const b = graphBuilder();
  const x = b.input('x', 'slab', { dtype: 'f32', steps: 0, dims: [12] });
  const indices = b.input('indices', 'indices', { dtype: 'i32', steps: 0, dims: [] });
  const labels = b.input('labels', 'slab', { dtype: 'i32', steps: 0, dims: [] });
  const sequence = (width: number): SymbolicTensor => b.tensor('f32', 3, [width]);
  const vector = (width: number): SymbolicTensor => b.tensor('f32', 0, [width]);
  const [steps, placed, wide, turned] = [sequence(4), sequence(4), sequence(6), sequence(6)];
  const lengths = b.tensor('i32', 0, []);
  b.node('x', 'gather', { map: reversed(12) }, [x.tensor, indices.tensor], [steps]);
  b.node('lengths', 'trailingLengths', { value: 0 }, [steps], [lengths]);
  b.node('positions', 'addTable', {}, [steps], [placed], 0);
  b.node('coordinates', 'appendTable', { width: 2, table: numbers(6, 4) }, [placed], [wide]);
  b.node('reverse', 'reverse', {}, [wide, lengths], [turned]);
  const [before, after, y] = [b.tensor('f32', 1, [4]), b.tensor('f32', 1, [4]), sequence(4)];
  b.node('read', 'state', { write: false }, [], [before], -1, 2);
  b.node('gru', 'rnn', { cell: 'gru', units: 4 }, [turned, before, lengths], [y, after], 1);
  b.node('write', 'state', { write: true }, [after], [], -1, 2);
  const [active, gated, all] = [sequence(4), sequence(4), sequence(10)];
  b.node('gelu', 'activation', { kind: 'gelu' }, [y], [active]);
  b.node('gate', 'multiply', {}, [y, active], [gated]);
  b.node('all', 'concat', {}, [gated, wide], [all]);
  const [scores, guess, pooled, largest] = [sequence(1), sequence(4), vector(10), vector(10)];
  b.node('scores', 'dense', { units: 1 }, [all], [scores], 3);
  b.node('pool', 'attentionPool', {}, [all, scores, lengths], [pooled, undefined]);
  b.node('largest', 'reduceSteps', { kind: 'max' }, [all, lengths], [largest]);
  b.node('guess', 'dense', { units: 4 }, [all], [guess], 4);
  const [apart, means, flat] = [b.tensor('f32', 2, [2], 3), b.tensor('f32', 0, [2], 3), vector(6)];
  const map = Int32Array.from({ length: 12 }, (_, i) => (i % 5 === 4 ? -1 : (i * 7) % 12));
  b.node('apart', 'rearrange', { map }, [steps], [apart]);
  b.node('means', 'reduceSteps', { kind: 'mean' }, [apart], [means]);
  b.node('flat', 'rearrange', {}, [means], [flat]);
  const [row, sums] = [vector(26), vector(3)];
  b.node('row', 'concat', {}, [pooled, largest, flat], [row]);
  b.node('head', 'dense', { units: 3 }, [row], [sums], 5);
  b.node('error', 'squaredError', {}, [guess, steps, lengths], []);
  b.node('loss', 'softmaxCrossEntropy', {}, [sums, labels.tensor, indices.tensor], []);
  b.output('sums', sums, { seeded: true });
  const slabs = [
    { index: x.index, slab: await slab(session, numbers(rows * 12, 5), 'f32') },
    { index: labels.index, slab: await slab(session, classes(), 'i32') },
  ];
  return { graph: b.build(), groups, request: requestOf(slabs) };
}

/** Augmented and mixed images through convolutions, normalisations and pooling. */
export async function imageGraph(session: SessionHandle): Promise<WideGraph> {
  const filter = (name: string, shape: readonly number[]): GroupSpec => ({
    name,
    op: 'conv2d',
    params: [
      { name: 'weight', shape },
      { name: 'bias', shape: shape.slice(0, 1) },
    ],
  });
  const scale = (name: string, op: string, names: readonly string[]): GroupSpec => ({
    name,
    op,
    params: names.map((param) => ({ name: param, shape: [3] })),
    initializers: names.map(() => ({ kind: 'constant', value: 1 })),
  });
  const groups: GroupSpec[] = [
    buffer({
      name: 'normalization',
      op: 'gather',
      params: ['mean', 'std'].map((name) => ({ name, shape: [2] })),
      initializers: [{ kind: 'zeros' }, { kind: 'constant', value: 1 }],
    }),
    filter('first', [3, 2, 3, 3]),
    scale('batchNorm', 'batchNorm', ['weight', 'bias']),
    buffer(scale('running', 'batchNorm', ['running_mean', 'running_var'])),
    filter('second', [3, 3, 2, 2]),
    scale('layerNorm', 'layerNorm', ['weight', 'bias']),
    denseGroup('head', 6, 3),
  ];
  const b = graphBuilder();
  const x = b.input('x', 'slab', { dtype: 'u8', steps: 0, dims: [60] });
  const indices = b.input('indices', 'indices', { dtype: 'i32', steps: 0, dims: [] });
  const labels = b.input('labels', 'slab', { dtype: 'i32', steps: 0, dims: [] });
  const numbered = b.input('samples', 'slab', { dtype: 'i32', steps: 0, dims: [] });
  const map = (...dims: number[]): SymbolicTensor => b.tensor('f32', 0, dims);
  const [image, normal, samples] = [map(6, 5, 2), map(6, 5, 2), b.tensor('i32', 0, [])];
  const [partners, lambda] = [b.tensor('i32', 0, []), map()];
  b.node('samples', 'gather', {}, [numbered.tensor, indices.tensor], [samples]);
  const values = new Float32Array(4 * 6);
  [[1, 2], [15], [1, 0.1, 0.4, 0.5, 2, 0.5], [0.4]].forEach((some, i) => void values.set(some, i * 6));
  const attrs = { height: 6, width: 5, channels: 2, fill: 0.5, kinds: Int32Array.of(0, 2, 4, 7), values };
  b.node('augment', 'augment', attrs, [x.tensor, indices.tensor, samples], [image, partners, lambda]);
  b.node('normal', 'gather', { channels: 2 }, [image], [normal], 0);
  const same = { padTop: 1, padBottom: 1, padLeft: 1, padRight: 1 };
  const [first, even, large] = [map(6, 5, 3), map(6, 5, 3), map(3, 3, 3)];
  const window = { kernelHeight: 3, kernelWidth: 3, ...same, activation: 'relu' };
  b.node('first', 'conv2d', { filters: 3, ...window }, [normal], [first], 1);
  b.node('batchNorm', 'batchNorm', { momentum: 0.1 }, [first], [even], 2, 3);
  const pool = { poolHeight: 2, poolWidth: 2, strideY: 2, strideX: 2, padRight: 1 };
  b.node('largest', 'maxPool2d', pool, [even], [large]);
  const [second, level, small, kept] = [map(2, 1, 3), map(2, 1, 3), map(2, 1, 3), map(2, 1, 3)];
  b.node(
    'second',
    'conv2d',
    { filters: 3, kernelHeight: 2, kernelWidth: 2, strideX: 2, dilationX: 2 },
    [large],
    [second],
    4,
  );
  b.node('layerNorm', 'layerNorm', { epsilon: 0.001 }, [second], [level], 5);
  b.node('means', 'avgPool2d', { poolHeight: 2, poolWidth: 1, padBottom: 1 }, [level], [small]);
  b.node('dropPath', 'dropout', { rate: 0.25, scope: 'row' }, [small], [kept]);
  const [sum, flat, sums] = [map(2, 1, 3), map(6), map(3)];
  b.node('sum', 'add', { scale: 0.5 }, [kept, level], [sum]);
  b.node('flat', 'rearrange', {}, [sum], [flat]);
  b.node('head', 'dense', { units: 3 }, [flat], [sums], 6);
  const wanted = [sums, labels.tensor, indices.tensor, partners, lambda];
  b.node('loss', 'softmaxCrossEntropy', { labelSmoothing: 0.1 }, wanted, []);
  b.output('sums', sums);
  const pixels = Uint8Array.from({ length: rows * 60 }, (_, i) => (i * 37) % 256);
  const slabs = [
    { index: x.index, slab: await slab(session, pixels, 'u8') },
    { index: labels.index, slab: await slab(session, classes(), 'i32') },
    { index: numbered.index, slab: await slab(session, reversed(rows), 'i32') },
  ];
  return { graph: b.build(), groups, request: requestOf(slabs) };
}

/** A copy whose typed arrays are its own. */
export function copyOfGraph(spec: GraphSpec): GraphSpec {
  const own = (value: unknown): unknown =>
    value instanceof Int32Array || value instanceof Float32Array ? value.slice() : value;
  const copied = (attrs: GraphSpec['nodes'][number]['attrs']): Record<string, unknown> =>
    Object.fromEntries(Object.entries(attrs ?? {}).map(([key, value]) => [key, own(value)]));
  return {
    ...spec,
    nodes: spec.nodes.map((node) => ({ ...node, attrs: copied(node.attrs) as NonNullable<typeof node.attrs> })),
  };
}
