/**
 * A whole small classifier as one graph, from slab to loss:
 * gather, recurrent stack, lastState, dropout, dense with relu, dense, cross entropy; lengths are gathered too.
 */
import type { GraphSpec, GroupSpec } from '../../lib/graph_spec.js';
import type { Mode, NumericArray } from '../../lib/native.js';
import { gruParams, parameterCount } from './conformance_gru.js';
import { type ProgramOptions, tensor } from './conformance_program.js';
import { Random } from './conformance_random.js';

export interface ModelShape {
  readonly inputs: number;
  readonly units: number;
  readonly layers: number;
  readonly directions: number;
  readonly batch: number;
  readonly steps: number;
  readonly hidden: number;
  readonly classes: number;
  readonly rate?: number;
}

export function modelGroups({
  inputs,
  units,
  layers,
  directions,
  hidden,
  classes,
  ...rest
}: ModelShape): readonly GroupSpec[] {
  const attrs = { cell: 'gru', units, layers, bidirectional: directions === 2 };
  const dense = (name: string, width: number, from: number, activation: string): GroupSpec => ({
    name,
    op: 'dense',
    attrs: { units: width, activation },
    params: [
      { name: 'weight', shape: [width, from] },
      { name: 'bias', shape: [width] },
    ],
  });
  return [
    { name: 'gru', op: 'rnn', attrs, params: gruParams({ inputs, units, layers, directions, ...rest }) },
    dense('hidden', hidden, directions * units, 'relu'),
    dense('logits', classes, hidden, 'linear'),
  ];
}

function modelGraph(shape: ModelShape, groups: readonly GroupSpec[]): GraphSpec {
  const { inputs, units, layers, directions, steps, hidden, classes, rate = 0.2 } = shape;
  const i32 = tensor([], 0, 'i32');
  const attrsOf = (group: number) => groups[group]?.attrs ?? {};
  return {
    tensors: [
      tensor([steps * inputs]), // 0 slab
      i32, // 1 indices
      tensor([inputs], steps), // 2 sequence
      i32, // 3 all lengths
      i32, // 4 lengths
      tensor([units], layers * directions), // 5 states
      tensor([directions * units]), // 6 last
      tensor([directions * units]), // 7 dropped
      tensor([hidden]), // 8 hidden
      tensor([classes]), // 9 logits
      i32, // 10 labels
    ],
    nodes: [
      { name: 'gather', op: 'gather', inputs: [0, 1], outputs: [2] },
      { name: 'lengths', op: 'gather', attrs: { fill: steps }, inputs: [3, 1], outputs: [4] },
      { name: 'gru', op: 'rnn', attrs: attrsOf(0), inputs: [2, -1, 4], outputs: [-1, 5], group: 0 },
      { name: 'last', op: 'lastState', attrs: { directions }, inputs: [5], outputs: [6] },
      { name: 'dropout', op: 'dropout', attrs: { rate }, inputs: [6], outputs: [7] },
      { name: 'hidden', op: 'dense', attrs: attrsOf(1), inputs: [7], outputs: [8], group: 1 },
      { name: 'logits', op: 'dense', attrs: attrsOf(2), inputs: [8], outputs: [9], group: 2 },
      { name: 'loss', op: 'softmaxCrossEntropy', inputs: [9, 10, 1], outputs: [] },
    ],
    inputs: [
      { name: 'slab', tensor: 0, kind: 'slab' },
      { name: 'indices', tensor: 1, kind: 'indices' },
      { name: 'lengths', tensor: 3, kind: 'slab' },
      { name: 'labels', tensor: 10, kind: 'slab' },
    ],
    outputs: [],
  };
}

export interface Model {
  readonly options: ProgramOptions;
  readonly inputs: Readonly<Record<string, NumericArray>>;
}

/** The model with seeded weights, and `rows` seeded rows of data. */
export function model(shape: ModelShape, rows: number, seed: number, mode: Mode = 'train'): Model {
  const groups = modelGroups(shape);
  const random = new Random(seed);
  const count = groups.reduce((sum, { params }) => sum + parameterCount(params), 0);
  return {
    options: {
      graph: modelGraph(shape, groups),
      batch: shape.batch,
      mode,
      groups,
      parameters: random.floats(count, 1 / Math.sqrt(shape.units)),
    },
    inputs: {
      slab: random.floats(rows * shape.steps * shape.inputs, 2),
      lengths: random.integers(rows, 1, shape.steps),
      labels: random.integers(rows, 0, shape.classes - 1),
    },
  };
}
