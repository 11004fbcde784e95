/** The fully connected layer. */
import { expectBoolean, expectInteger, expectOneOf } from '../checks.js';
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type NamedGroup, type SymbolicTensor } from './builder.js';
import { expectInitializer, type Initializer, initializerSpec } from './initializers.js';
import { Layer, type LayerConfig } from './layer.js';
import { expectWeightOptions, groupRules, type WeightOptions } from './rules.js';

/** What a dense layer does to its sums. */
export type ActivationName = 'linear' | 'relu' | 'tanh' | 'sigmoid' | 'softmax';

const known = [
  'units',
  'activation',
  'useBias',
  'kernelInitializer',
  'biasInitializer',
  'kernelL2',
  'maxNorm',
] as const;
const activations = ['linear', 'relu', 'tanh', 'sigmoid', 'softmax'] as const;

/** Options of {@link dense}. */
export interface DenseOptions extends WeightOptions {
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

/** A dense layer. */
export class DenseLayer extends Layer {
  readonly kind = 'dense';
  /** @internal */
  override readonly perPosition = true;
  readonly config: LayerConfig;
  readonly activation: ActivationName;
  readonly #units: number;
  readonly #useBias: boolean;
  readonly #kernel: Initializer;
  readonly #bias: Initializer;
  readonly #weights: Required<WeightOptions>;

  constructor(options: DenseOptions) {
    super('layers.dense', options, known);
    this.#units = expectInteger('units', options.units, { min: 1, max: 2 ** 24 });
    this.activation = expectOneOf('activation', options.activation ?? 'linear', activations);
    this.#useBias = expectBoolean('useBias', options.useBias ?? true);
    this.#kernel = expectInitializer('kernelInitializer', options.kernelInitializer ?? 'glorotUniform');
    this.#bias = expectInitializer('biasInitializer', options.biasInitializer ?? 'zeros');
    this.#weights = expectWeightOptions(options);
    this.config = {
      units: this.#units,
      activation: this.activation,
      useBias: this.#useBias,
      kernelInitializer: this.#kernel,
      biasInitializer: this.#bias,
      ...this.#weights,
    };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const sums = this.#lowerSums(builder, name, input);
    return this.activation === 'softmax' ? lowerSoftmax(builder, name, sums) : sums;
  }

  // Everything but a softmax.
  #lowerSums(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const activation = this.activation === 'softmax' ? 'linear' : this.activation;
    return lowerDense(builder, this, name, input, {
      units: this.#units,
      activation,
      useBias: this.#useBias,
      kernel: this.#kernel,
      bias: this.#bias,
      weights: this.#weights,
    });
  }
}

/** @internal What a dense product takes. */
export interface DenseParts {
  readonly units: number;
  readonly activation: Exclude<ActivationName, 'softmax'>;
  readonly useBias: boolean;
  readonly kernel: Initializer;
  readonly bias: Initializer;
  readonly weights?: Required<WeightOptions>;
}

function denseGroup(name: string, inputs: number, o: DenseParts): NamedGroup {
  const params = [
    { name: 'weight', shape: [o.units, inputs] },
    ...(o.useBias ? [{ name: 'bias', shape: [o.units] }] : []),
  ];
  const [weight, bias] = [initializerSpec(o.kernel, o.units, 1), initializerSpec(o.bias, o.units, 1)];
  return {
    name,
    op: 'dense',
    params,
    publicNames: params.map((param) => param.name),
    initializers: o.useBias ? [weight, bias] : [weight],
    ...groupRules([{ l2: o.weights?.kernelL2 ?? 0, maxNorm: o.weights?.maxNorm ?? 0 }, ...(o.useBias ? [null] : [])]),
  };
}

/** @internal A dense product as a part of a layer: `owner` keys the parameters, `name` names them. */
export function lowerDense(
  builder: GraphBuilder,
  owner: object,
  name: string,
  input: SymbolicTensor,
  o: DenseParts,
): SymbolicTensor {
  if (input.dtype !== 'f32' || input.dims.length === 0) {
    throw new CugruError('ERR_SHAPE', `${name} (dense) expects [batch, ..., features], got ${describeShape(input)}`, {
      got: input.dims,
    });
  }
  const group = builder.groups.index(owner, name, () => denseGroup(name, input.dims.at(-1) ?? 0, o));
  const output = builder.like(input, [...input.dims.slice(0, -1), o.units]);
  const { units, activation, useBias } = o;
  builder.node(name, 'dense', { units, activation, useBias }, [input], [output], group);
  return output;
}

/** @internal */
export function lowerSoftmax(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
  const output = builder.like(input);
  builder.node(`${name}.softmax`, 'softmax', {}, [input], [output]);
  builder.setSums(output, input);
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
