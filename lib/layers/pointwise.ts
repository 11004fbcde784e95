/** An activation as a layer of its own. */
import { expectOneOf } from '../checks.js';
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { Layer, type LayerConfig } from './layer.js';

/** What {@link activation} does to each element. */
export type ActivationKind = 'relu' | 'tanh' | 'sigmoid' | 'gelu' | 'silu';

const kinds = ['relu', 'tanh', 'sigmoid', 'gelu', 'silu'] as const;

/** Options of {@link activation}. */
export interface ActivationOptions {
  readonly kind: ActivationKind;
  readonly name?: string;
}

class ActivationLayer extends Layer {
  readonly kind = 'activation';
  /** @internal */
  override readonly perPosition = true;
  readonly config: LayerConfig;
  readonly #kind: ActivationKind;

  constructor(options: ActivationOptions) {
    super('layers.activation', options, ['kind']);
    this.#kind = expectOneOf('kind', options.kind, kinds);
    this.config = { kind: this.#kind };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const output = builder.like(input);
    builder.node(name, 'activation', { kind: this.#kind }, [input], [output]);
    return output;
  }
}

/**
 * A function of each element:
 * - `relu`: max(x, 0)
 * - `tanh`, `sigmoid`: 1 / (1 + exp(−x))
 * - `gelu`: x Φ(x), Φ the distribution function of the normal distribution (Hendrycks and Gimpel, 2016), in its exact form: PyTorch's
 *   default
 * - `silu`: x sigmoid(x) (Elfwing et al., 2017), also known as swish
 *
 * The softmax is a layer of its own, {@link softmax}.
 * @throws {@link CugruError} `ERR_VALUE` for an unknown kind.
 */
export function activation(options: ActivationOptions): Layer {
  return new ActivationLayer(options);
}
