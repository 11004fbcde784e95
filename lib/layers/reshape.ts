/** Other axes for the same elements. */
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { axesOf, expectAxes, formOf, lowerForm, product } from './forms.js';
import { Layer, type LayerConfig } from './layer.js';

/** Options of {@link reshape}. */
export interface ReshapeOptions {
  /** The axes without the batch's: `[n]`, `[a, b]`, `[h, w, c]` or `[a, h, w, c]`. One of them may be -1: whatever is left. */
  readonly shape: readonly number[];
  readonly name?: string;
}

class ReshapeLayer extends Layer {
  readonly kind = 'reshape';
  readonly config: LayerConfig;
  readonly #shape: readonly number[];

  constructor(options: ReshapeOptions) {
    super('layers.reshape', options, ['shape']);
    this.#shape = expectAxes('shape', options.shape, { min: -1, max: 2 ** 31 - 1 });
    if (this.#shape.includes(0) || this.#shape.indexOf(-1) !== this.#shape.lastIndexOf(-1)) {
      throw new CugruError('ERR_VALUE', `shape must have axes of at least 1 and at most one -1, got [${this.#shape}]`);
    }
    this.config = { shape: this.#shape };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const elements = product(axesOf(input));
    const known = product(this.#shape.filter((axis) => axis !== -1));
    const shape = this.#shape.map((axis) => (axis === -1 ? Math.floor(elements / known) : axis));
    if (product(shape) !== elements) {
      throw new CugruError(
        'ERR_SHAPE',
        `${name} cannot make [batch, ${this.#shape.join(', ')}] of ${describeShape(input)}, which has ${elements} elements a row`,
        { expected: this.#shape, got: axesOf(input) },
      );
    }
    builder.lengths = undefined;
    return lowerForm(builder, name, input, formOf(shape));
  }
}

/**
 * Other axes for the same elements, whose order stays, as in Keras. What the axes mean follows from their number: `[n]` are features,
 * `[a, b]` a sequence of a steps with b features, `[h, w, c]` a feature map, `[a, h, w, c]` a sequence of feature maps. Lengths end here.
 * @throws {@link CugruError} `ERR_VALUE`; `ERR_SHAPE`, when the model is built, for another number of elements.
 */
export function reshape(options: ReshapeOptions): Layer {
  return new ReshapeLayer(options);
}
