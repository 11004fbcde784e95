/** A vector as a sequence of itself. */
import { expectInteger } from '../checks.js';
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { lowerForm } from './forms.js';
import { Layer, type LayerConfig } from './layer.js';

/** Options of {@link repeat}. */
export interface RepeatOptions {
  /** Steps, at least 1. */
  readonly count: number;
  readonly name?: string;
}

class RepeatLayer extends Layer {
  readonly kind = 'repeat';
  readonly config: LayerConfig;
  readonly #count: number;

  constructor(options: RepeatOptions) {
    super('layers.repeat', options, ['count']);
    this.#count = expectInteger('count', options.count, { min: 1, max: 2 ** 20 });
    this.config = { count: this.#count };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    if (input.steps > 0 || input.dims.length !== 1) {
      throw new CugruError('ERR_SHAPE', `${name} expects [batch, features], got ${describeShape(input)}`, {
        got: input.dims,
        steps: input.steps,
      });
    }
    const features = input.dims[0] as number;
    const map = Int32Array.from({ length: this.#count * features }, (_, i) => i % features);
    return lowerForm(builder, name, input, { steps: this.#count, dims: [features] }, map);
  }
}

/**
 * A vector as a sequence of `count` equal steps: `[batch, features]` becomes `[batch, count, features]` (Keras's RepeatVector). What a
 * decoder of sequences reads.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`; `ERR_SHAPE`, when the model is built, for anything but vectors.
 */
export function repeat(options: RepeatOptions): Layer {
  return new RepeatLayer(options);
}
