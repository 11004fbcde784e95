/** First values of weights, by name, as Keras calls them. */
import { expectOneOf } from '../checks.js';
import type { InitializerSpec } from '../graph_spec.js';

/**
 * How weights start. All are reproducible from the model's seed.
 * - `zeros`, `ones`
 * - `glorotUniform`: uniform in ±sqrt(6 / (rows + columns)) of PyTorch's weight matrix (Glorot and Bengio, 2010)
 * - `orthogonal`: a random orthogonal matrix, for recurrent layers one for each gate (Saxe et al., 2013)
 * - `uniform`: uniform in ±1/sqrt(units), PyTorch's default for recurrent layers
 */
export type Initializer = 'zeros' | 'ones' | 'glorotUniform' | 'orthogonal' | 'uniform';

const known = ['zeros', 'ones', 'glorotUniform', 'orthogonal', 'uniform'] as const;

/** Checks an initializer's name. */
export function expectInitializer(name: string, value: unknown): Initializer {
  return expectOneOf(name, value, known);
}

/** The native form. `units`: for `uniform`; `gates`: the rows fall into this many blocks. */
export function initializerSpec(initializer: Initializer, units: number, gates: number): InitializerSpec {
  switch (initializer) {
    case 'zeros':
      return { kind: 'zeros' };
    case 'ones':
      return { kind: 'constant', value: 1 };
    case 'glorotUniform':
      return { kind: 'glorotUniform' };
    case 'orthogonal':
      return { kind: 'orthogonal', value: 1, blocks: gates };
    case 'uniform':
      return { kind: 'uniform', value: 1 / Math.sqrt(units) };
  }
}
