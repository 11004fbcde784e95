/** The convolution of images. */
import { expectBoolean, expectInteger, expectOneOf } from '../checks.js';
import type { InitializerSpec } from '../graph_spec.js';
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { expectInitializer, type Initializer, initializerSpec } from './initializers.js';
import { Layer, type LayerConfig } from './layer.js';
import { expectPadding, expectPair, type Padding, type Pair, placeWindow, type SlidingWindow } from './window.js';

const activations = ['linear', 'relu', 'tanh', 'sigmoid'] as const;

/** What a convolution does to its sums. */
export type ConvActivation = 'linear' | 'relu' | 'tanh' | 'sigmoid';

/** Options of {@link conv2d}. */
export interface Conv2dOptions {
  /** Channels of the output, at least 1. */
  readonly filters: number;
  /** Height and width of the window, in pixels. */
  readonly kernelSize: Pair;
  /** Pixels from one window to the next. @defaultValue 1 */
  readonly strides?: Pair;
  /** @defaultValue 'valid' */
  readonly padding?: Padding;
  /** Distance between the pixels of a window. @defaultValue 1 */
  readonly dilation?: Pair;
  /** @defaultValue 'linear' */
  readonly activation?: ConvActivation;
  /** @defaultValue true */
  readonly useBias?: boolean;
  /**
   * `glorotUniform` is Keras's: fans are channels (in) or filters (out) times the window; `uniform` is ±1/sqrt(fan in), PyTorch's default.
   * @defaultValue 'glorotUniform'
   */
  readonly kernelInitializer?: Initializer;
  /** @defaultValue 'zeros' */
  readonly biasInitializer?: Initializer;
  readonly name?: string;
}

class Conv2dLayer extends Layer {
  readonly kind = 'conv2d';
  readonly config: LayerConfig;
  readonly #filters: number;
  readonly #window: SlidingWindow;
  readonly #activation: ConvActivation;
  readonly #useBias: boolean;
  readonly #kernel: Initializer;
  readonly #bias: Initializer;

  constructor(options: Conv2dOptions) {
    super('layers.conv2d', options, [
      'filters',
      'kernelSize',
      'strides',
      'padding',
      'dilation',
      'activation',
      'useBias',
      'kernelInitializer',
      'biasInitializer',
    ]);
    this.#filters = expectInteger('filters', options.filters, { min: 1, max: 2 ** 20 });
    this.#window = {
      size: expectPair('kernelSize', options.kernelSize),
      strides: expectPair('strides', options.strides ?? 1),
      dilation: expectPair('dilation', options.dilation ?? 1),
      padding: expectPadding(options.padding ?? 'valid'),
    };
    this.#activation = expectOneOf('activation', options.activation ?? 'linear', activations);
    this.#useBias = expectBoolean('useBias', options.useBias ?? true);
    this.#kernel = expectInitializer('kernelInitializer', options.kernelInitializer ?? 'glorotUniform');
    this.#bias = expectInitializer('biasInitializer', options.biasInitializer ?? 'zeros');
    const { size: kernelSize, ...rest } = this.#window;
    this.config = {
      filters: this.#filters,
      kernelSize,
      ...rest,
      activation: this.#activation,
      useBias: this.#useBias,
      kernelInitializer: this.#kernel,
      biasInitializer: this.#bias,
    };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const placed = placeWindow(name, this.kind, input, this.#window);
    const [kernelHeight, kernelWidth] = this.#window.size;
    const channels = input.dims[2] as number;
    const attrs = {
      filters: this.#filters,
      kernelHeight,
      kernelWidth,
      ...placed.attrs,
      dilationY: this.#window.dilation[0],
      dilationX: this.#window.dilation[1],
      useBias: this.#useBias,
      activation: this.#activation,
    };
    const group = builder.groups.index(this, name, () => {
      const params = [
        { name: 'weight', shape: [this.#filters, channels, kernelHeight, kernelWidth] },
        ...(this.#useBias ? [{ name: 'bias', shape: [this.#filters] }] : []),
      ];
      const taps = kernelHeight * kernelWidth;
      const weight = this.#weight(channels * taps, this.#filters * taps);
      const bias = initializerSpec(this.#bias, channels * taps, 1);
      return {
        name,
        op: 'conv2d',
        params,
        publicNames: params.map((param) => param.name),
        initializers: this.#useBias ? [weight, bias] : [weight],
      };
    });
    const output = builder.like(input, [placed.outHeight, placed.outWidth, this.#filters]);
    builder.node(name, 'conv2d', attrs, [input], [output], group);
    return output;
  }

  #weight(fanIn: number, fanOut: number): InitializerSpec {
    if (this.#kernel === 'glorotUniform') return { kind: 'uniform', value: Math.sqrt(6 / (fanIn + fanOut)) };
    return initializerSpec(this.#kernel, fanIn, 1);
  }
}

/**
 * A convolution of images (cross-correlation, as in Keras and PyTorch): for each window `activation(Σ x w + b)`.
 * Input `[batch, height, width, channels]`, or with steps `[batch, steps, height, width, channels]`, each step by itself; the output has
 * `filters` channels. Parameters `weight` (filters, channels, kernel height, kernel width), PyTorch's order, and `bias` (filters).
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown; `ERR_SHAPE` in a model whose images
 * are smaller than the window.
 */
export function conv2d(options: Conv2dOptions): Layer {
  return new Conv2dLayer(options);
}
