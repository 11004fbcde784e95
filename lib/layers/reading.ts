/** The data input of a model, and how it is read: as it is, or an image as a sequence. */
import { CugruError } from '../errors.js';
import type { DType } from '../graph_spec.js';
import { type Normalization, sequenceMap, type ToSequence } from '../image/index.js';
import { describeShape, type GraphBuilder, type NamedGroup, type SymbolicTensor } from './builder.js';
import type { AnyLayer } from './layer.js';

/** What one row of the data is. */
export interface InputSpec {
  /** `[height, width, channels]`, `[steps, features]` or `[features]`. */
  readonly shape: readonly number[];
  /** Rows of every batch, where they are fixed: for layers that keep states. */
  readonly batchSize?: number | undefined;
}

/** One way of reading the input. */
export interface Reading {
  readonly toSequence: ToSequence | undefined;
  readonly normalization: Normalization;
}

/** Where a node's outputs come from. */
export type NodeSource =
  | { readonly layer: AnyLayer; readonly reading?: undefined }
  | { readonly reading: Reading; readonly layer?: undefined };

/** The graph's data input, from which readings gather. */
export interface DataSource {
  readonly spec: InputSpec;
  readonly dtype: DType;
  readonly indices: SymbolicTensor;
  /** The slab, made at its first use; and its place among the graph's inputs. */
  slab: { readonly tensor: SymbolicTensor; readonly index: number } | undefined;
  /** `[batch, height, width, channels]`, from 0 to 1: what readings take instead, where images are changed at random. */
  augmented?: SymbolicTensor;
}

/** Name of the group of the normalisation's mean and deviation. */
export const normalizationGroup = 'normalization';

/** Adds the run's row numbers, and names the data that readings take. */
export function addSource(builder: GraphBuilder, spec: InputSpec, dtype: DType): DataSource {
  const indices = builder.input('indices', 'indices', { dtype: 'i32', steps: 0, dims: [] }).tensor;
  const source: DataSource = { spec, dtype, indices, slab: undefined };
  builder.source = source;
  return source;
}

// Statistics are a buffer, so that they are saved with the weights; mean 0 and deviation 1 until they are set.
function normalization(builder: GraphBuilder, channels: number, { normalization: wanted }: Reading): number {
  if (wanted === 'none') return -1;
  const shape = [channels];
  return builder.groups.index(
    builder.groups,
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

// Figures that the user gave must be as many as there are channels.
function expectFigures(figures: Normalization, channels: number): void {
  if (typeof figures !== 'object' || figures.mean.length === channels) return;
  const given = figures.mean.length;
  throw new CugruError(
    'ERR_SHAPE',
    `the normalization has figures for ${given} channels, the input [height, width, channels] has ${channels}`,
    { given, channels },
  );
}

interface Read {
  readonly steps: number;
  readonly dims: readonly number[];
  readonly map?: Int32Array;
  readonly channels?: number;
}

function readOf({ shape }: InputSpec, { toSequence, normalization: figures }: Reading): Read {
  if (shape.length === 3) expectFigures(figures, shape[2] as number);
  if (toSequence !== undefined) {
    if (shape.length !== 3) {
      throw new CugruError(
        'ERR_SHAPE',
        `image.toSequence reads images [height, width, channels], the input has rows of [${shape.join(', ')}]`,
        { got: shape },
      );
    }
    const [height, width, channels] = shape as [number, number, number];
    const { steps, features, map } = sequenceMap(toSequence, { height, width, channels });
    return { steps, dims: [features], map, channels };
  }
  if (shape.length === 3) return { steps: 0, dims: shape, channels: shape[2] as number };
  return shape.length === 2 ? { steps: shape[0] as number, dims: [shape[1] as number] } : { steps: 0, dims: shape };
}

/** The graph's data, an input of its own at the first call. A stream's rows are one step of `dims`. */
export function dataSlab(
  builder: GraphBuilder,
  source: DataSource,
  dims: readonly number[] = source.spec.shape,
): SymbolicTensor {
  const elements = (builder.streaming ? dims : source.spec.shape).reduce((product, dim) => product * dim, 1);
  source.slab ??= builder.input('x', 'slab', { dtype: source.dtype, steps: 0, dims: [elements] });
  return source.slab.tensor;
}

/** Adds the gather that reads the data. A stream hands over one step. */
export function lowerReading(builder: GraphBuilder, name: string, reading: Reading): SymbolicTensor {
  const { source } = builder;
  if (source === undefined) throw new CugruError('ERR_INTERNAL', `${name}: the graph has no data`);
  const { spec, indices } = source;
  const { steps, dims, map, channels } = readOf(spec, reading);
  const group = channels === undefined ? -1 : normalization(builder, channels, reading);
  const output = builder.tensor('f32', builder.streaming ? 1 : steps, dims);
  if (builder.streaming) expectStreamable(source, name, steps, output);
  const data = source.augmented === undefined ? [dataSlab(builder, source, dims), indices] : [source.augmented];
  const attrs = {
    ...(channels === undefined ? {} : { channels }),
    ...(map === undefined || builder.streaming ? {} : { map }),
  };
  builder.node(name, 'gather', attrs, data, [output], group);
  return output;
}

function expectStreamable(source: DataSource, name: string, steps: number, output: SymbolicTensor): void {
  if (steps === 0 && output.dims.length > 1) {
    throw new CugruError(
      'ERR_UNSUPPORTED',
      `a stream takes a sequence step by step; this model takes whole images, ${describeShape({ ...output, steps: 0 })}`,
    );
  }
  if (source.slab !== undefined) {
    throw new CugruError('ERR_UNSUPPORTED', `${name}: this model reads its input in several ways, and cannot stream`);
  }
}
