/** Pooling of images. */
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { Layer, type LayerConfig } from './layer.js';
import { expectPadding, expectPair, type Padding, type Pair, placeWindow, type SlidingWindow } from './window.js';

/** Options of {@link maxPool2d} and {@link avgPool2d}. */
export interface Pool2dOptions {
  /** Height and width of the window, in pixels. */
  readonly poolSize: Pair;
  /** Pixels from one window to the next. @defaultValue `poolSize` */
  readonly strides?: Pair;
  /** @defaultValue 'valid' */
  readonly padding?: Padding;
  readonly name?: string;
}

class Pool2dLayer extends Layer {
  readonly kind: 'maxPool2d' | 'avgPool2d';
  readonly config: LayerConfig;
  readonly #window: SlidingWindow;

  constructor(kind: 'maxPool2d' | 'avgPool2d', options: Pool2dOptions) {
    super(`layers.${kind}`, options, ['poolSize', 'strides', 'padding']);
    this.kind = kind;
    const size = expectPair('poolSize', options.poolSize);
    const strides = expectPair('strides', options.strides ?? size);
    const padding = expectPadding(options.padding ?? 'valid');
    this.#window = { size, strides, dilation: [1, 1], padding };
    this.config = { poolSize: size, strides, padding };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const placed = placeWindow(name, this.kind, input, this.#window);
    const [poolHeight, poolWidth] = this.#window.size;
    const output = builder.like(input, [placed.outHeight, placed.outWidth, input.dims[2] as number]);
    builder.node(name, this.kind, { poolHeight, poolWidth, ...placed.attrs }, [input], [output]);
    return output;
  }
}

/**
 * The largest of each window, channel by channel. Input `[batch, height, width, channels]`, or with steps, each step by itself.
 * Padding is no pixel. Gradients go to the first largest pixel in reading order.
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown; `ERR_SHAPE` in a model whose images
 * are smaller than the window.
 */
export function maxPool2d(options: Pool2dOptions): Layer {
  return new Pool2dLayer('maxPool2d', options);
}

/**
 * The mean of each window, channel by channel. Input `[batch, height, width, channels]`, or with steps, each step by itself.
 * Padding is no pixel and is not counted, as in Keras (PyTorch's `count_include_pad=False`).
 * @throws {@link CugruError} as {@link maxPool2d}.
 */
export function avgPool2d(options: Pool2dOptions): Layer {
  return new Pool2dLayer('avgPool2d', options);
}
