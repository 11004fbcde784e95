/** From feature maps to sequences. */
import { expectOneOf } from '../checks.js';
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { Layer, type LayerConfig } from './layer.js';
import { lowerRearrange } from './rearrange.js';

/** Options of {@link toSequence}. */
export interface ToSequenceLayerOptions {
  /**
   * What a step is: `'rows'` from top to bottom, with features `[x][channel]`; `'columns'` from left to right, with features
   * `[y][channel]`.
   * @defaultValue 'rows'
   */
  readonly axis?: 'rows' | 'columns';
  readonly name?: string;
}

class ToSequenceLayer extends Layer {
  readonly kind = 'toSequence';
  readonly config: LayerConfig;
  readonly #axis: 'rows' | 'columns';

  constructor(options: ToSequenceLayerOptions) {
    super('layers.toSequence', options, ['axis']);
    this.#axis = expectOneOf('axis', options.axis ?? 'rows', ['rows', 'columns'] as const);
    this.config = { axis: this.#axis };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const { steps, rows, dims } = input;
    if (steps > 0 || dims.length !== 3) {
      throw new CugruError(
        'ERR_SHAPE',
        `${name} expects [batch, height, width, channels], got ${describeShape(input)}`,
        {
          got: dims,
        },
      );
    }
    const [height, width, channels] = dims as readonly [number, number, number];
    const form =
      this.#axis === 'rows' ? { steps: height, dims: [width * channels] } : { steps: width, dims: [height * channels] };
    if (this.#axis === 'rows' && rows === 1) return lowerRearrange(builder, name, input, form);
    const map = new Int32Array(rows * height * width * channels);
    const across = this.#axis === 'rows' ? width : height;
    for (let t = 0, at = 0; t < form.steps; t++) {
      for (let row = 0; row < rows; row++) {
        for (let i = 0; i < across; i++) {
          const [y, x] = this.#axis === 'rows' ? [t, i] : [i, t];
          for (let c = 0; c < channels; c++) map[at++] = ((row * height + y) * width + x) * channels + c;
        }
      }
    }
    return lowerRearrange(builder, name, input, form, map);
  }
}

/**
 * Feature maps `[height, width, channels]` as sequences: `[height, width * channels]` by rows, `[width, height * channels]` by columns.
 * For images as they come, `image.toSequence` reads the data in that order to begin with.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`.
 */
export function toSequence(options: ToSequenceLayerOptions = {}): Layer {
  return new ToSequenceLayer(options);
}
