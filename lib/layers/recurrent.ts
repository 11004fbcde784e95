/** What all recurrent layers share: options, checks and lowering. A layer adds its cell. */
import { expectBoolean, expectInteger, expectNumber } from '../checks.js';
import { expectSequence, type GraphBuilder, type SymbolicTensor } from './builder.js';
import type { CellName } from './cells.js';
import { type BiasInitializer, expectBiasInitializer } from './gate_bias.js';
import { expectInitializer, type Initializer } from './initializers.js';
import { Layer, type LayerConfig } from './layer.js';
import { expectRecurrentWeightOptions, type RecurrentWeightOptions } from './rules.js';
import { lowerLastState, lowerStack, type StackOptions } from './stack.js';

/** Options that all recurrent layers have. */
export interface RecurrentOptions extends RecurrentWeightOptions {
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
  readonly biasInitializer?: BiasInitializer;
  readonly name?: string;
}

/** Options of recurrent layers whose cell has a forget gate. */
export interface ForgetGateOptions extends RecurrentOptions {
  /**
   * The bias of the forget gate starts at 1 (`bias_ih`; 0 in `bias_hh`), so that memory lasts from the start (Jozefowicz et al.,
   * 2015). A `chrono` or `uniformGate` bias initializer sets that gate itself.
   * @defaultValue true
   */
  readonly unitForgetBias?: boolean;
}

const known = [
  'units',
  'returnSequences',
  'numLayers',
  'bidirectional',
  'dropout',
  'kernelInitializer',
  'recurrentInitializer',
  'biasInitializer',
  'kernelL2',
  'recurrentL2',
  'maxNorm',
] as const;

/** What a layer says about its cell. */
export interface RecurrentKind {
  /** The factory's name. */
  readonly kind: string;
  readonly cell: CellName;
  /** Options of this layer alone, checked and with defaults, for `config.json`. */
  readonly own?: LayerConfig;
  /** Absent for cells whose forget bias is no option. */
  readonly unitForgetBias?: boolean;
}

/** A stack of one cell. */
export class RecurrentLayer extends Layer {
  readonly kind: string;
  readonly config: LayerConfig;
  readonly #stack: StackOptions;
  readonly #returnSequences: boolean;

  constructor(options: RecurrentOptions, { kind, cell, own = {}, unitForgetBias }: RecurrentKind) {
    super(`layers.${kind}`, options, [...known, ...Object.keys(own)]);
    this.kind = kind;
    const shared = {
      units: expectInteger('units', options.units, { min: 1, max: 2 ** 20 }),
      numLayers: expectInteger('numLayers', options.numLayers ?? 1, { min: 1, max: 256 }),
      bidirectional: expectBoolean('bidirectional', options.bidirectional ?? false),
      dropout: expectNumber('dropout', options.dropout ?? 0, { min: 0, below: 1 }),
      kernelInitializer: expectInitializer('kernelInitializer', options.kernelInitializer ?? 'glorotUniform'),
      recurrentInitializer: expectInitializer('recurrentInitializer', options.recurrentInitializer ?? 'orthogonal'),
      biasInitializer: expectBiasInitializer(cell, options.biasInitializer ?? 'zeros'),
      ...expectRecurrentWeightOptions(options),
    };
    this.#stack = { ...shared, cell, unitForgetBias: unitForgetBias ?? false };
    this.#returnSequences = expectBoolean('returnSequences', options.returnSequences ?? false);
    this.config = { ...shared, returnSequences: this.#returnSequences, ...own };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    expectSequence(name, input);
    const { sequence, states } = lowerStack(builder, this, name, input, this.#stack, { lengths: builder.lengths });
    if (this.#returnSequences) return sequence;
    return lowerLastState(builder, name, states.at(-1) as SymbolicTensor, this.#stack);
  }
}

/** The layer of a cell with a forget gate. Options that are no object are refused by the layer. */
export function forgetGateLayer(kind: string, cell: CellName, options: ForgetGateOptions): Layer {
  const unitForgetBias = expectBoolean('unitForgetBias', options?.unitForgetBias ?? true);
  return new RecurrentLayer(options, { kind, cell, unitForgetBias, own: { unitForgetBias } });
}
