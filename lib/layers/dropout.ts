/** Dropout. */
import { expectNumber } from '../checks.js';
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { Layer, type LayerConfig } from './layer.js';

/** Options of {@link dropout}. */
export interface DropoutOptions {
  /** Share of elements that are set to zero while training, in [0, 1). */
  readonly rate: number;
  readonly name?: string;
}

class DropoutLayer extends Layer {
  readonly kind = 'dropout';
  /** @internal */
  override readonly perPosition = true;
  readonly config: LayerConfig;
  readonly #rate: number;

  constructor(options: DropoutOptions) {
    super('layers.dropout', options, ['rate']);
    this.#rate = expectNumber('rate', options.rate, { min: 0, below: 1 });
    this.config = { rate: this.#rate };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    if (this.#rate === 0) return input;
    const output = builder.like(input);
    builder.node(name, 'dropout', { rate: this.#rate }, [input], [output]);
    return output;
  }
}

/**
 * Inverted dropout (Srivastava et al., 2014): while training, elements are zeroed with probability `rate` and the rest
 * scaled by 1 / (1 − rate); otherwise nothing happens. The choice depends only on (seed, layer, step, element).
 * @throws {@link CugruError} `ERR_VALUE` for a rate outside of [0, 1).
 */
export function dropout(options: DropoutOptions): Layer {
  return new DropoutLayer(options);
}
