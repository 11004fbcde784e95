/** From a topology to graphs: for batches, with or without labels, and for a stream. */
import { CugruError } from '../errors.js';
import type { GraphSpec } from '../graph_spec.js';
import { GraphBuilder, type GroupTable, type SymbolicTensor } from '../layers/builder.js';
import { shapeOf } from '../layers/layer_tensor.js';
import { type LabelKind, type Loss, lowerLoss } from '../layers/loss.js';
import { lowerNode } from '../layers/lower_node.js';
import { addSource, type DataSource } from '../layers/reading.js';
import type { TensorRef, Topology } from '../layers/topology.js';
import { type Augmenting, lowerAugment } from './augmenting.js';
import type { StreamGraph } from './stream.js';

/** What a model is, as far as lowering goes. */
export interface ModelSpec {
  readonly topology: Topology;
  readonly groups: GroupTable;
}

/** Everything in the data that changes the graph. */
export interface Variant {
  readonly input: 'u8' | 'f32';
  readonly lengths: boolean;
  readonly loss?: { readonly loss: Loss; readonly labels: LabelKind };
  /** For training only: how images are changed at random. */
  readonly augment?: Augmenting;
  /** The name of the layer whose (first) output is wanted; the model's outputs by default. */
  readonly until?: string;
}

/** An output of a graph: its place, and the shape of one row without the batch axis. */
export interface LoweredOutput {
  readonly index: number;
  readonly shape: readonly number[];
}

/** A graph with the places of its inputs and outputs. */
export interface Lowered {
  readonly graph: GraphSpec;
  readonly inputs: { readonly x: number; readonly lengths: number; readonly labels: number; readonly samples: number };
  readonly outputs: readonly LoweredOutput[];
  /** Shapes of the outputs of each node of the topology, as far as it was lowered. */
  readonly nodeShapes: readonly (readonly (readonly number[])[])[];
}

type NodeOutputs = readonly (readonly SymbolicTensor[])[];

// The model up to a layer: where a layer is used several times, up to its first use.
function upTo(topology: Topology, until: string | undefined): Topology {
  if (until === undefined) return topology;
  const last = topology.nodes.findIndex(({ name, layer }) => layer !== undefined && name === until);
  if (last >= 0) {
    return { ...topology, nodes: topology.nodes.slice(0, last + 1), outputs: [{ node: last, output: 0 }] };
  }
  const known = topology.nodes.flatMap(({ name, layer }) => (layer === undefined ? [] : [name]));
  throw new CugruError('ERR_VALUE', `there is no layer '${until}'; known are ${known.join(', ')}`, { layer: until });
}

// Lengths are of the data's own steps: they hold for an input that is read as it is, of which there is one. Returns their place.
function addLengths(builder: GraphBuilder, source: DataSource, read: SymbolicTensor): number {
  if (source.spec.shape.length !== 2) {
    throw new CugruError('ERR_VALUE', 'lengths are for models whose inputShape is [steps, features]');
  }
  const slab = builder.input('lengths', 'slab', { dtype: 'i32', steps: 0, dims: [] });
  const tensor = builder.tensor('i32', 0, []);
  builder.node('lengths', 'gather', { fill: 1 }, [slab.tensor, source.indices], [tensor]);
  builder.setLengths(read, tensor);
  return slab.index;
}

function resolve(made: NodeOutputs, { node, output }: TensorRef): SymbolicTensor {
  return made[node]?.[output] as SymbolicTensor;
}

function lowerNodes(
  builder: GraphBuilder,
  { nodes }: Topology,
  afterReading: (read: SymbolicTensor) => void = () => {},
): NodeOutputs {
  const made: (readonly SymbolicTensor[])[] = [];
  for (const node of nodes) {
    const outputs = lowerNode(
      builder,
      node,
      node.inputs.map((ref) => resolve(made, ref)),
    );
    if (node.layer === undefined) afterReading(outputs[0] as SymbolicTensor);
    made.push(outputs);
  }
  return made;
}

// A loss has one prediction to look at.
function expectOneOutput({ outputs }: Topology, what: string): void {
  if (outputs.length === 1) return;
  throw new CugruError(
    'ERR_GRAPH',
    `${what} needs a model with one output, this one has ${outputs.length}; make another model that ends at the one that is meant`,
    { outputs: outputs.length },
  );
}

/** The graph for batches. */
export function lower(spec: ModelSpec, variant: Variant): Lowered {
  const topology = upTo(spec.topology, variant.until);
  const builder = new GraphBuilder({ groups: spec.groups });
  const source = addSource(builder, topology.input, variant.input);
  const augmented = variant.augment && lowerAugment(builder, variant.augment, source);
  let lengths = -1;
  let first: SymbolicTensor | undefined;
  const made = lowerNodes(builder, topology, (read) => {
    first ??= read;
    if (variant.lengths) lengths = addLengths(builder, source, read);
  });
  const outputs = topology.outputs.map((ref) => resolve(made, ref));
  let labels = -1;
  if (variant.loss !== undefined) {
    expectOneOutput(topology, 'a loss');
    const output = outputs[0] as SymbolicTensor;
    const head = { output, sums: builder.sumsOf(output), read: first as SymbolicTensor };
    labels = lowerLoss(builder, variant.loss.loss, head, variant.loss.labels, source.indices, augmented?.mixing);
  }
  const samples = augmented?.number() ?? -1;
  const named = (i: number): string => (i === 0 ? 'output' : `output.${i}`);
  return {
    outputs: outputs.map((tensor, i) => ({ index: builder.output(named(i), tensor), shape: shapeOf(tensor) })),
    inputs: { x: source.slab?.index ?? -1, lengths, labels, samples },
    graph: builder.build(),
    nodeShapes: made.map((tensors) => tensors.map(shapeOf)),
  };
}

/** The graph of one streaming step. */
export function lowerStream({ topology, groups }: ModelSpec): StreamGraph {
  expectOneOutput(topology, 'a stream');
  const builder = new GraphBuilder({ groups, streaming: true });
  const source = addSource(builder, topology.input, 'f32');
  const made = lowerNodes(builder, topology);
  const output = builder.output('output', resolve(made, topology.outputs[0] as TensorRef));
  return { graph: builder.build(), input: source.slab?.index ?? -1, output, carried: builder.carried };
}
