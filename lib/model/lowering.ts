/** From a list of layers to graphs: for batches, with or without labels, and for a stream. */
import { CugruError } from '../errors.js';
import type { DType, GraphSpec } from '../graph_spec.js';
import { sequenceMap, type ToSequence } from '../image/index.js';
import { SoftmaxLayer } from '../layers/activation.js';
import { GraphBuilder, type GroupTable, type NamedGroup, type SymbolicTensor } from '../layers/builder.js';
import { DenseLayer, lowerSoftmax } from '../layers/dense.js';
import type { Layer } from '../layers/layer.js';
import { type LabelKind, type Loss, lowerLoss, type ModelHead } from '../layers/loss.js';
import { type Augmented, type Augmenting, expectImages, lowerAugment } from './augmenting.js';
import type { StreamGraph } from './stream.js';

/** A layer with the name that it has in this model. */
export interface NamedLayer {
  readonly name: string;
  readonly layer: Layer;
}

/** What a model is, as far as lowering goes. */
export interface ModelSpec {
  readonly layers: readonly NamedLayer[];
  readonly toSequence: ToSequence | undefined;
  /** `[height, width, channels]`, `[steps, features]` or `[features]`. */
  readonly inputShape: readonly number[];
  readonly groups: GroupTable;
}

/** Everything in the data that changes the graph. */
export interface Variant {
  readonly input: 'u8' | 'f32';
  readonly lengths: boolean;
  readonly loss?: { readonly loss: Loss; readonly labels: LabelKind };
  /** For training only: how images are changed at random. */
  readonly augment?: Augmenting;
  /** The name of the layer whose output is wanted; the last one by default. */
  readonly until?: string;
}

/** A graph with the places of its inputs and output. */
export interface Lowered {
  readonly graph: GraphSpec;
  readonly inputs: { readonly x: number; readonly lengths: number; readonly labels: number; readonly samples: number };
  readonly output: number;
  /** Of one row, without the batch axis. */
  readonly outputShape: readonly number[];
  /** Output shape of each layer, without the batch axis. */
  readonly layerShapes: readonly (readonly number[])[];
}

/** Name of the group of the normalisation's mean and deviation. */
export const normalizationGroup = 'normalization';

function shapeOf(tensor: SymbolicTensor): number[] {
  return tensor.steps > 0 ? [tensor.steps, ...tensor.dims] : [...tensor.dims];
}

function channelsOf(spec: ModelSpec): number {
  return spec.inputShape[2] ?? 1;
}

// Statistics are a buffer, so that they are saved with the weights; mean 0 and deviation 1 until they are set.
function normalization(spec: ModelSpec, owner: ToSequence, builder: GraphBuilder): number {
  if (owner.normalization === 'none') return -1;
  const shape = [channelsOf(spec)];
  return builder.groups.index(
    owner,
    normalizationGroup,
    (): NamedGroup => ({
      name: normalizationGroup,
      op: 'gather',
      params: [
        { name: 'mean', shape },
        { name: 'std', shape },
      ],
      publicNames: ['mean', 'std'],
      initializers: [{ kind: 'zeros' }, { kind: 'constant', value: 1 }],
      buffer: true,
    }),
  );
}

interface LoweredInput {
  readonly tensor: SymbolicTensor;
  readonly x: number;
  readonly indices: SymbolicTensor;
  readonly augmented?: Augmented;
}

function lowerInput(builder: GraphBuilder, spec: ModelSpec, dtype: DType, augment?: Augmenting): LoweredInput {
  const elements = spec.inputShape.reduce((product, dim) => product * dim, 1);
  const { toSequence } = spec;
  const indices = builder.input('indices', 'indices', { dtype: 'i32', steps: 0, dims: [] }).tensor;
  if (toSequence === undefined) {
    if (augment !== undefined) expectImages(spec.inputShape);
    const [steps, features] = spec.inputShape.length === 2 ? spec.inputShape : [0, spec.inputShape[0]];
    const dims = builder.streaming ? [features as number] : [elements];
    const slab = builder.input('x', 'slab', { dtype, steps: 0, dims });
    const tensor = builder.tensor('f32', builder.streaming ? 1 : (steps as number), [features as number]);
    builder.node('input', 'gather', {}, [slab.tensor, indices], [tensor]);
    return { tensor, x: slab.index, indices };
  }
  const [height, width] = spec.inputShape as [number, number, number];
  const channels = channelsOf(spec);
  const { steps, features, map } = sequenceMap(toSequence, { height, width, channels });
  const group = normalization(spec, toSequence, builder);
  if (builder.streaming) {
    const slab = builder.input('x', 'slab', { dtype, steps: 0, dims: [features] });
    const tensor = builder.tensor('f32', 1, [features]);
    builder.node('toSequence', 'gather', { channels }, [slab.tensor, indices], [tensor], group);
    return { tensor, x: slab.index, indices };
  }
  const slab = builder.input('x', 'slab', { dtype, steps: 0, dims: [elements] });
  const augmented = augment && lowerAugment(builder, augment, spec.inputShape, slab.tensor, indices);
  const tensor = builder.tensor('f32', steps, [features]);
  const source = augmented === undefined ? [slab.tensor, indices] : [augmented.image];
  builder.node('toSequence', 'gather', { channels, map }, source, [tensor], group);
  return { tensor, x: slab.index, indices, ...(augmented && { augmented }) };
}

function lowerLayers(
  builder: GraphBuilder,
  spec: ModelSpec,
  input: SymbolicTensor,
): ModelHead & { shapes: number[][] } {
  const shapes: number[][] = [];
  let x = input;
  let sums: SymbolicTensor | undefined;
  spec.layers.forEach(({ name, layer }, i) => {
    const last = i === spec.layers.length - 1;
    if (last && layer instanceof DenseLayer && layer.activation === 'softmax') {
      sums = layer.lowerSums(builder, name, x);
      x = lowerSoftmax(builder, name, sums);
    } else {
      if (last && layer instanceof SoftmaxLayer) sums = x;
      x = layer.lower(builder, name, x);
    }
    shapes.push(shapeOf(x));
  });
  return { output: x, sums, shapes };
}

// The model up to a layer: where a layer is used several times, up to its first use.
function upTo(spec: ModelSpec, until: string | undefined): ModelSpec {
  if (until === undefined) return spec;
  const last = spec.layers.findIndex(({ name }) => name === until);
  if (last >= 0) return { ...spec, layers: spec.layers.slice(0, last + 1) };
  const known = spec.layers.map(({ name }) => name).join(', ');
  throw new CugruError('ERR_VALUE', `there is no layer '${until}'; known are ${known}`, { layer: until });
}

/** The graph for batches. */
export function lower(whole: ModelSpec, variant: Variant): Lowered {
  const spec = upTo(whole, variant.until);
  const builder = new GraphBuilder({ groups: spec.groups });
  const { tensor, x, indices, augmented } = lowerInput(builder, spec, variant.input, variant.augment);
  let lengthsInput = -1;
  if (variant.lengths) {
    if (tensor.steps === 0 || spec.toSequence !== undefined) {
      throw new CugruError('ERR_VALUE', 'lengths are for models whose inputShape is [steps, features]');
    }
    const slab = builder.input('lengths', 'slab', { dtype: 'i32', steps: 0, dims: [] });
    builder.lengths = builder.tensor('i32', 0, []);
    builder.node('lengths', 'gather', { fill: 1 }, [slab.tensor, indices], [builder.lengths]);
    lengthsInput = slab.index;
  }
  const head = lowerLayers(builder, spec, tensor);
  const { loss, labels: kind } = variant.loss ?? {};
  const labels = loss && kind ? lowerLoss(builder, loss, head, kind, indices, augmented?.mixing) : -1;
  const samples = augmented?.number() ?? -1;
  const output = builder.output('output', head.output);
  return {
    graph: builder.build(),
    inputs: { x, lengths: lengthsInput, labels, samples },
    output,
    outputShape: shapeOf(head.output),
    layerShapes: head.shapes,
  };
}

/** The graph of one streaming step. */
export function lowerStream(spec: ModelSpec): StreamGraph {
  const builder = new GraphBuilder({ groups: spec.groups, streaming: true });
  const { tensor, x } = lowerInput(builder, spec, 'f32');
  const head = lowerLayers(builder, spec, tensor);
  const output = builder.output('output', head.output);
  return { graph: builder.build(), input: x, output, carried: builder.carried };
}
