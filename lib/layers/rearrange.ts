/** Index maps as nodes: parts of tensors, other steps and dims, joined rows. */
import type { TensorSpec } from '../graph_spec.js';
import type { GraphBuilder, SymbolicTensor } from './builder.js';

/** The form of a tensor that {@link lowerRearrange} makes; `rows` as the input has them when left out. */
export interface Form {
  readonly steps: number;
  readonly dims: readonly number[];
  readonly rows?: number;
}

/**
 * Adds a tensor of another form. Without a map, the elements of a batch row keep their order `[steps][rows][dims]`; with one, entry i
 * says which of them comes i-th.
 */
export function lowerRearrange(
  builder: GraphBuilder,
  name: string,
  input: SymbolicTensor,
  { steps, dims, rows = input.rows }: Form,
  map?: Int32Array,
): SymbolicTensor {
  const output = builder.tensor('f32', steps, dims, rows);
  builder.node(name, 'rearrange', map === undefined ? {} : { map }, [input], [output]);
  return output;
}

/** Elements of one batch row. */
export function rowElements({ steps, rows = 1, dims }: TensorSpec): number {
  return dims.reduce((product, dim) => product * dim, Math.max(steps, 1) * rows);
}

/** Features [first, first + width) of a tensor with one axis of them. */
export function lowerFeatures(
  builder: GraphBuilder,
  name: string,
  input: SymbolicTensor,
  first: number,
  width: number,
): SymbolicTensor {
  const features = input.dims[0] as number;
  const map = new Int32Array((rowElements(input) / features) * width);
  for (let i = 0; i < map.length; i++) map[i] = Math.floor(i / width) * features + first + (i % width);
  return lowerRearrange(builder, name, input, { steps: input.steps, dims: [width] }, map);
}

const mostInputs = 8;

/** Joins tensors alike along their last axis, any number of them. */
export function lowerConcat(builder: GraphBuilder, name: string, parts: readonly SymbolicTensor[]): SymbolicTensor {
  const [first] = parts as readonly [SymbolicTensor, ...SymbolicTensor[]];
  if (parts.length === 1) return first;
  const some = parts.slice(0, mostInputs);
  const width = some.reduce((sum, { dims }) => sum + (dims.at(-1) as number), 0);
  const joined = builder.like(first, [...first.dims.slice(0, -1), width]);
  builder.node(name, 'concat', {}, some, [joined]);
  return lowerConcat(builder, `${name}.more`, [joined, ...parts.slice(mostInputs)]);
}
