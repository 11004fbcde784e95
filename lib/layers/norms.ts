/** Normalisation: of each position over its features, and of each channel over the batch. */
import { expectNumber } from '../checks.js';
import { CugruError } from '../errors.js';
import type { InitializerSpec } from '../graph_spec.js';
import { describeShape, type GraphBuilder, type NamedGroup, type SymbolicTensor } from './builder.js';
import { Layer, type LayerConfig } from './layer.js';

/** Options of {@link layerNorm}. */
export interface LayerNormOptions {
  /** Added to the variance, above 0. @defaultValue 1e-5 */
  readonly epsilon?: number;
  readonly name?: string;
}

/** Options of {@link batchNorm}. */
export interface BatchNormOptions {
  /**
   * Weight of a new batch in the running statistics, from 0 to 1: PyTorch's meaning (Keras's momentum is 1 minus this).
   * @defaultValue 0.1
   */
  readonly momentum?: number;
  /** Added to the variance, above 0. @defaultValue 1e-5 */
  readonly epsilon?: number;
  readonly name?: string;
}

const zeros: InitializerSpec = { kind: 'zeros' };
const ones: InitializerSpec = { kind: 'constant', value: 1 };

function expectEpsilon(value: unknown): number {
  return expectNumber('epsilon', value ?? 1e-5, { min: 1e-30, max: 1 });
}

function widthOf(name: string, kind: string, { dtype, dims, ...rest }: SymbolicTensor): number {
  const width = dims.at(-1);
  if (dtype === 'f32' && width !== undefined) return width;
  throw new CugruError(
    'ERR_SHAPE',
    `${name} (${kind}) expects [batch, ..., features], got ${describeShape({ dtype, dims, ...rest })}`,
    { got: dims },
  );
}

function weightAndBias(name: string, op: string, width: number): NamedGroup {
  const names = ['weight', 'bias'];
  return {
    name,
    op,
    params: names.map((param) => ({ name: param, shape: [width] })),
    publicNames: names,
    initializers: [ones, zeros],
  };
}

function statistics(name: string, width: number): NamedGroup {
  const names = ['running_mean', 'running_var'];
  return {
    name,
    op: 'batchNorm',
    params: names.map((param) => ({ name: param, shape: [width] })),
    publicNames: names,
    initializers: [zeros, ones],
    buffer: true,
  };
}

class LayerNormLayer extends Layer {
  readonly kind = 'layerNorm';
  /** @internal */
  override readonly perPosition = true;
  readonly config: LayerConfig;
  readonly #epsilon: number;

  constructor(options: LayerNormOptions) {
    super('layers.layerNorm', options, ['epsilon']);
    this.#epsilon = expectEpsilon(options.epsilon);
    this.config = { epsilon: this.#epsilon };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    return lowerLayerNorm(builder, this, name, input, this.#epsilon);
  }
}

/** @internal A layer normalisation as a part of a layer: `owner` keys the parameters, `name` names them. */
export function lowerLayerNorm(
  builder: GraphBuilder,
  owner: object,
  name: string,
  input: SymbolicTensor,
  epsilon = 1e-5,
): SymbolicTensor {
  const width = widthOf(name, 'layerNorm', input);
  const group = builder.groups.index(owner, name, () => weightAndBias(name, 'layerNorm', width));
  const output = builder.like(input);
  builder.node(name, 'layerNorm', { epsilon }, [input], [output], group);
  return output;
}

class BatchNormLayer extends Layer {
  readonly kind = 'batchNorm';
  /** @internal */
  override readonly perPosition = true;
  readonly config: LayerConfig;
  readonly #momentum: number;
  readonly #epsilon: number;

  constructor(options: BatchNormOptions) {
    super('layers.batchNorm', options, ['momentum', 'epsilon']);
    this.#momentum = expectNumber('momentum', options.momentum ?? 0.1, { min: 0, max: 1 });
    this.#epsilon = expectEpsilon(options.epsilon);
    this.config = { momentum: this.#momentum, epsilon: this.#epsilon };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const width = widthOf(name, this.kind, input);
    const group = builder.groups.index(this, name, () => weightAndBias(name, this.kind, width));
    const kept = builder.groups.index(this, `${name}.statistics`, () => statistics(name, width));
    const output = builder.like(input);
    const attrs = { epsilon: this.#epsilon, momentum: this.#momentum };
    builder.node(name, this.kind, attrs, [input], [output], group, kept);
    return output;
  }
}

/**
 * Layer normalisation (Ba et al., 2016) over the last axis: `(x − mean) / sqrt(variance + epsilon) · weight + bias`, at every position by
 * itself; the variance is biased. Input `[batch, ..., features]`. Parameters `weight` (ones at first) and `bias` (features).
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown.
 */
export function layerNorm(options: LayerNormOptions = {}): Layer {
  return new LayerNormLayer(options);
}

/**
 * Batch normalisation (Ioffe and Szegedy, 2015) of each channel, the last axis, over all positions of a batch: rows, steps and pixels.
 * While training it takes the batch's mean and (biased) variance, through which gradients flow, and moves `running_mean` and
 * `running_var` (unbiased) towards them by `momentum`; otherwise it takes those. Rows that pad a last batch are not counted, and what is
 * not finite does not reach the running statistics. Input `[batch, ..., channels]`. Parameters `weight` (ones at first) and `bias`
 * (channels); the running statistics are saved with them.
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown.
 */
export function batchNorm(options: BatchNormOptions = {}): Layer {
  return new BatchNormLayer(options);
}
