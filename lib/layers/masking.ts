/** Lengths from the padding itself. */
import { expectNumber } from '../checks.js';
import { CugruError } from '../errors.js';
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { expectSteps } from './forms.js';
import { Layer, type LayerConfig } from './layer.js';

/** Options of {@link masking}. */
export interface MaskingOptions {
  /**
   * What padding consists of.
   * @defaultValue 0
   */
  readonly value?: number;
  readonly name?: string;
}

class MaskingLayer extends Layer {
  readonly kind = 'masking';
  readonly config: LayerConfig;
  readonly #value: number;

  constructor(options: MaskingOptions) {
    super('layers.masking', options, ['value']);
    this.#value = expectNumber('value', options.value ?? 0, { min: -3.4e38, max: 3.4e38 });
    this.config = { value: this.#value };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    expectSteps(name, input);
    if (builder.lengths !== undefined) {
      throw new CugruError(
        'ERR_GRAPH',
        `${name} finds lengths, but the sequences have some already; leave one of them out`,
      );
    }
    if (builder.streaming) return input; // what comes in a stream is there
    builder.lengths = builder.tensor('i32', 0, [], input.rows);
    builder.node(name, 'trailingLengths', { value: this.#value }, [input], [builder.lengths]);
    return { ...input }; // another name for the same tensor: only what comes behind this layer sees the lengths
  }
}

/**
 * Takes trailing steps whose features all are `value` for padding: layers behind this one see each sequence as long as it is without
 * them, at least one step. Unlike Keras's Masking it leaves such steps in the middle of a sequence alone. The sequence itself goes
 * through unchanged.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`; when the model is built, `ERR_GRAPH` for sequences that have lengths already, and
 * `ERR_SHAPE` for anything without steps.
 */
export function masking(options: MaskingOptions = {}): Layer {
  return new MaskingLayer(options);
}
