/** What becomes of the two directions of a bidirectional layer. */
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { lowerFeatures } from './rearrange.js';

/**
 * How the outputs of both directions are joined, as Keras has it: features one after the other, their sum, product or mean; `'none'`:
 * both are outputs of their own.
 */
export type MergeMode = 'concat' | 'sum' | 'mul' | 'ave' | 'none';

/** Names of all merge modes. */
export const mergeModes = ['concat', 'sum', 'mul', 'ave', 'none'] as const;

/** `both`: forward features before reverse ones. */
export function lowerMerge(
  builder: GraphBuilder,
  name: string,
  both: SymbolicTensor,
  mode: MergeMode,
): SymbolicTensor[] {
  if (mode === 'concat') return [both];
  const units = (both.dims[0] as number) / 2;
  const directions = [
    lowerFeatures(builder, `${name}.forward`, both, 0, units),
    lowerFeatures(builder, `${name}.reverse`, both, units, units),
  ];
  if (mode === 'none') return directions;
  const merged = builder.like(both, [units]);
  const op = mode === 'mul' ? 'multiply' : 'add';
  builder.node(`${name}.merge`, op, mode === 'ave' ? { scale: 0.5 } : {}, directions, [merged]);
  return [merged];
}
