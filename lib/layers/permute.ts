/** Axes in another order. */
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { axesOf, expectAxes, formOf, lowerForm, product } from './forms.js';
import { Layer, type LayerConfig } from './layer.js';

/** Options of {@link permute}. */
export interface PermuteOptions {
  /** Which axis comes where; the first one behind the batch's is 1, as in Keras: `[2, 1]` makes features of steps. */
  readonly axes: readonly number[];
  readonly name?: string;
}

// Where each element of the result lies in the input.
function mapOf(shape: readonly number[], axes: readonly number[]): Int32Array {
  const strides = shape.map((_, axis) => product(shape.slice(axis + 1)));
  const map = new Int32Array(product(shape));
  for (let i = 0; i < map.length; i++) {
    let [rest, from] = [i, 0];
    for (const axis of [...axes].reverse()) {
      const size = shape[axis - 1] as number;
      from += (rest % size) * (strides[axis - 1] as number);
      rest = Math.floor(rest / size);
    }
    map[i] = from;
  }
  return map;
}

class PermuteLayer extends Layer {
  readonly kind = 'permute';
  readonly config: LayerConfig;
  readonly #axes: readonly number[];

  constructor(options: PermuteOptions) {
    super('layers.permute', options, ['axes']);
    this.#axes = expectAxes('axes', options.axes, { min: 1, max: 4 });
    if (![...this.#axes].sort().every((axis, i) => axis === i + 1)) {
      throw new CugruError('ERR_VALUE', `axes must hold each number from 1 on once, got [${this.#axes.join(', ')}]`);
    }
    this.config = { axes: this.#axes };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const shape = axesOf(input);
    if (shape.length !== this.#axes.length) {
      throw new CugruError(
        'ERR_SHAPE',
        `${name} puts ${this.#axes.length} axes in order, [${this.#axes.join(', ')}], got ${describeShape(input)}`,
        { expected: this.#axes, got: shape },
      );
    }
    builder.lengths = undefined;
    const form = formOf(this.#axes.map((axis) => shape[axis - 1] as number));
    return lowerForm(builder, name, input, form, mapOf(shape, this.#axes));
  }
}

/**
 * Axes in another order, as in Keras: `[2, 1]` makes `[batch, features, steps]` of `[batch, steps, features]`. What the axes of the
 * result mean follows from their number, as for {@link reshape}. Lengths end here.
 * @throws {@link CugruError} `ERR_VALUE`; `ERR_SHAPE`, when the model is built, for another number of axes.
 */
export function permute(options: PermuteOptions): Layer {
  return new PermuteLayer(options);
}
