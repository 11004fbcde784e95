/** Dropout of whole rows. */
import { expectNumber } from '../checks.js';
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { Layer, type LayerConfig } from './layer.js';

/** Options of {@link dropPath}. */
export interface DropPathOptions {
  /** Share of samples whose input is set to zero while training, in [0, 1). */
  readonly rate: number;
  readonly name?: string;
}

class DropPathLayer extends Layer {
  readonly kind = 'dropPath';
  readonly config: LayerConfig;
  readonly #rate: number;

  constructor(options: DropPathOptions) {
    super('layers.dropPath', options, ['rate']);
    this.#rate = expectNumber('rate', options.rate, { min: 0, below: 1 });
    this.config = { rate: this.#rate };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    if (this.#rate === 0) return input;
    const output = builder.like(input);
    builder.node(name, 'dropout', { rate: this.#rate, scope: 'row' }, [input], [output]);
    return output;
  }
}

/**
 * Stochastic depth (Huang et al., 2016), also known as drop path: while training, everything of a sample is zero with probability
 * `rate`, and the other samples are scaled by 1 / (1 − rate); otherwise nothing happens. Put it at the end of a branch that is then
 * added to what went around it, and some samples skip the branch.
 * @throws {@link CugruError} `ERR_VALUE` for a rate outside of [0, 1).
 */
export function dropPath(options: DropPathOptions): Layer {
  return new DropPathLayer(options);
}
