/** The fully connected layer. */
import { expectBoolean, expectInteger, expectOneOf } from '../checks.js';
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { expectInitializer, type Initializer, initializerSpec } from './initializers.js';
import { Layer, type LayerConfig } from './layer.js';

/** What a dense layer does to its sums. */
export type ActivationName = 'linear' | 'relu' | 'tanh' | 'sigmoid' | 'softmax';

const activations = ['linear', 'relu', 'tanh', 'sigmoid', 'softmax'] as const;

/** Options of {@link dense}. */
export interface DenseOptions {
  /** Outputs, at least 1. */
  readonly units: number;
  /** @defaultValue 'linear' */
  readonly activation?: ActivationName;
  /** @defaultValue true */
  readonly useBias?: boolean;
  /** @defaultValue 'glorotUniform' */
  readonly kernelInitializer?: Initializer;
  /** @defaultValue 'zeros' */
  readonly biasInitializer?: Initializer;
  readonly name?: string;
}

/** A dense layer; a model takes the softmax of its last one apart from the sums, for a stable loss. */
export class DenseLayer extends Layer {
  readonly kind = 'dense';
  readonly config: LayerConfig;
  readonly activation: ActivationName;
  readonly #units: number;
  readonly #useBias: boolean;
  readonly #kernel: Initializer;
  readonly #bias: Initializer;

  constructor(options: DenseOptions) {
    super('layers.dense', options, ['units', 'activation', 'useBias', 'kernelInitializer', 'biasInitializer']);
    this.#units = expectInteger('units', options.units, { min: 1, max: 2 ** 24 });
    this.activation = expectOneOf('activation', options.activation ?? 'linear', activations);
    this.#useBias = expectBoolean('useBias', options.useBias ?? true);
    this.#kernel = expectInitializer('kernelInitializer', options.kernelInitializer ?? 'glorotUniform');
    this.#bias = expectInitializer('biasInitializer', options.biasInitializer ?? 'zeros');
    this.config = {
      units: this.#units,
      activation: this.activation,
      useBias: this.#useBias,
      kernelInitializer: this.#kernel,
      biasInitializer: this.#bias,
    };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const sums = this.lowerSums(builder, name, input);
    return this.activation === 'softmax' ? lowerSoftmax(builder, name, sums) : sums;
  }

  /** @internal Everything but a softmax. */
  lowerSums(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    if (input.dtype !== 'f32' || input.dims.length === 0) {
      throw new CugruError('ERR_SHAPE', `${name} (dense) expects [batch, ..., features], got ${describeShape(input)}`, {
        got: input.dims,
      });
    }
    const group = builder.groups.index(this, name, () => {
      const shape = [this.#units, input.dims.at(-1) ?? 0];
      const params = [{ name: 'weight', shape }, ...(this.#useBias ? [{ name: 'bias', shape: [this.#units] }] : [])];
      const weight = initializerSpec(this.#kernel, this.#units, 1);
      const bias = initializerSpec(this.#bias, this.#units, 1);
      return {
        name,
        op: 'dense',
        params,
        publicNames: params.map((param) => param.name),
        initializers: this.#useBias ? [weight, bias] : [weight],
      };
    });
    const output = builder.like(input, [...input.dims.slice(0, -1), this.#units]);
    const activation = this.activation === 'softmax' ? 'linear' : this.activation;
    builder.node(name, 'dense', { units: this.#units, activation, useBias: this.#useBias }, [input], [output], group);
    return output;
  }
}

/** @internal */
export function lowerSoftmax(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
  const output = builder.like(input);
  builder.node(`${name}.softmax`, 'softmax', {}, [input], [output]);
  return output;
}

/**
 * A fully connected layer on the last axis: `activation(x Wᵀ + b)`.
 * Input `[batch, ..., features]`: vectors, sequences or feature maps. Parameters `weight` (units, features) and `bias` (units).
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown.
 */
export function dense(options: DenseOptions): Layer {
  return new DenseLayer(options);
}
