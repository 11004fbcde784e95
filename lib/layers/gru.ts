/** The GRU layer. */
import { expectBoolean, expectInteger, expectNumber } from '../checks.js';
import { expectSequence, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { expectInitializer, type Initializer } from './initializers.js';
import { Layer, type LayerConfig } from './layer.js';
import { lowerLastState, lowerStack, type StackOptions } from './recurrent.js';

/** Options of {@link gru}. */
export interface GruOptions {
  /** Hidden units of each direction, at least 1. */
  readonly units: number;
  /**
   * Give every step, `[batch, steps, directions * units]`, or the last state only, `[batch, directions * units]`.
   * @defaultValue false
   */
  readonly returnSequences?: boolean;
  /** @defaultValue 1 */
  readonly numLayers?: number;
  /**
   * Read the sequence in both directions; forward and reverse features are concatenated.
   * @defaultValue false
   */
  readonly bidirectional?: boolean;
  /**
   * Share of units dropped between the layers of a stack while training, in [0, 1).
   * @defaultValue 0
   */
  readonly dropout?: number;
  /** @defaultValue 'glorotUniform' */
  readonly kernelInitializer?: Initializer;
  /** @defaultValue 'orthogonal' */
  readonly recurrentInitializer?: Initializer;
  /** @defaultValue 'zeros' */
  readonly biasInitializer?: Initializer;
  readonly name?: string;
}

class GruLayer extends Layer {
  readonly kind = 'gru';
  readonly config: LayerConfig;
  readonly #stack: StackOptions;
  readonly #returnSequences: boolean;

  constructor(options: GruOptions) {
    super('layers.gru', options, [
      'units',
      'returnSequences',
      'numLayers',
      'bidirectional',
      'dropout',
      'kernelInitializer',
      'recurrentInitializer',
      'biasInitializer',
    ]);
    this.#stack = {
      units: expectInteger('units', options.units, { min: 1, max: 2 ** 20 }),
      numLayers: expectInteger('numLayers', options.numLayers ?? 1, { min: 1, max: 256 }),
      bidirectional: expectBoolean('bidirectional', options.bidirectional ?? false),
      dropout: expectNumber('dropout', options.dropout ?? 0, { min: 0, below: 1 }),
      kernelInitializer: expectInitializer('kernelInitializer', options.kernelInitializer ?? 'glorotUniform'),
      recurrentInitializer: expectInitializer('recurrentInitializer', options.recurrentInitializer ?? 'orthogonal'),
      biasInitializer: expectInitializer('biasInitializer', options.biasInitializer ?? 'zeros'),
    };
    this.#returnSequences = expectBoolean('returnSequences', options.returnSequences ?? false);
    this.config = { ...this.#stack, returnSequences: this.#returnSequences };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    expectSequence(name, input);
    const { sequence, states } = lowerStack(builder, this, name, input, this.#stack, { lengths: builder.lengths });
    if (this.#returnSequences) return sequence;
    return lowerLastState(builder, name, states.at(-1) as SymbolicTensor, this.#stack);
  }
}

/**
 * A gated recurrent unit, in the form of cuDNN, PyTorch and Keras (reset after the product; Cho et al., 2014, v1):
 *
 *     r = σ(W_r x + b_ir + U_r h + b_hr)      z = σ(W_z x + b_iz + U_z h + b_hz)
 *     n = tanh(W_n x + b_in + r ∘ (U_n h + b_hn))      h' = (1 − z) ∘ n + z ∘ h
 *
 * Input `[batch, steps, features]`. Parameters, for layer k (and with `_reverse` for the other direction):
 * `weight_ih_l{k}` (3·units, features), `weight_hh_l{k}` (3·units, units), `bias_ih_l{k}`, `bias_hh_l{k}` (3·units), gates in the
 * order r, z, n.
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown.
 */
export function gru(options: GruOptions): Layer {
  return new GruLayer(options);
}
