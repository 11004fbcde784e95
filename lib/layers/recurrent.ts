/** What all recurrent layers share: options, checks and lowering. A layer adds its cell. */
import { expectBoolean, expectInteger, expectNumber, expectOneOf, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { expectSequence, type GraphBuilder, type SymbolicTensor } from './builder.js';
import type { CellName } from './cells.js';
import { expectBiasInitializer } from './gate_bias.js';
import { expectInitializer } from './initializers.js';
import { keptStates } from './kept_states.js';
import { type InputCount, Layer, type LayerConfig } from './layer.js';
import type { LayerTensor } from './layer_tensor.js';
import { lowerMerge, type MergeMode, mergeModes } from './merge_mode.js';
import type { ForgetGateOptions, RecurrentOptions } from './recurrent_options.js';
import { joinStates, splitStates, stateCount } from './recurrent_states.js';
import { expectRecurrentWeightOptions } from './rules.js';
import { lowerLastState, lowerStack, type StackOptions } from './stack.js';

const known = [
  'units',
  'returnSequences',
  'returnState',
  'goBackwards',
  'stateful',
  'numLayers',
  'bidirectional',
  'mergeMode',
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

/** How a recurrent layer is applied. */
export interface RecurrentApplyOptions {
  /** The states to begin with, `[batch, units]` each, in the order of `returnState`; zeros when left out. */
  readonly initialState?: LayerTensor | readonly LayerTensor[];
}

function expectMergeMode({ mergeMode }: RecurrentOptions, bidirectional: boolean): MergeMode {
  const mode = expectOneOf('mergeMode', mergeMode ?? 'concat', mergeModes);
  if (mergeMode === undefined || bidirectional) return mode;
  throw new CugruError('ERR_VALUE', `mergeMode '${mode}' is for bidirectional layers`, { mergeMode });
}

/** A stack of one cell. */
export class RecurrentLayer<Output = LayerTensor> extends Layer<Output> {
  readonly kind: string;
  readonly config: LayerConfig;
  /** @internal The sequence, and perhaps a first value for each state. */
  override readonly inputCount: InputCount;
  readonly #stack: StackOptions;
  readonly #returnSequences: boolean;
  readonly #returnState: boolean;
  readonly #goBackwards: boolean;
  readonly #stateful: boolean;
  readonly #mergeMode: MergeMode;

  /** @internal */
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
    this.#returnState = expectBoolean('returnState', options.returnState ?? false);
    this.#goBackwards = expectBoolean('goBackwards', options.goBackwards ?? false);
    this.#stateful = expectBoolean('stateful', options.stateful ?? false);
    this.#mergeMode = expectMergeMode(options, shared.bidirectional);
    this.inputCount = { min: 1, max: 1 + stateCount(this.#stack) };
    this.config = {
      ...shared,
      ...(shared.bidirectional ? { mergeMode: this.#mergeMode } : {}),
      returnSequences: this.#returnSequences,
      returnState: this.#returnState,
      goBackwards: this.#goBackwards,
      stateful: this.#stateful,
      ...own,
    };
  }

  /**
   * Puts this layer behind others, as {@link Layer.apply} does.
   * @param options - `initialState`: what another layer's states, or anything else of that shape, are handed over as.
   */
  override apply(inputs: LayerTensor | readonly LayerTensor[], options: RecurrentApplyOptions = {}): Output {
    rejectUnknownKeys('apply', options, ['initialState']);
    const { initialState } = options;
    return super.apply(initialState === undefined ? inputs : [inputs, initialState].flat());
  }

  /** @internal */
  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    return this.lowerMany(builder, name, [input])[0] as SymbolicTensor;
  }

  /** @internal */
  override lowerMany(
    builder: GraphBuilder,
    name: string,
    inputs: readonly SymbolicTensor[],
  ): readonly SymbolicTensor[] {
    const [input, ...initial] = inputs as readonly [SymbolicTensor, ...SymbolicTensor[]];
    expectSequence(name, input);
    const { lengths } = builder;
    const kept = this.#stateful ? keptStates(builder, this, name, input.rows, this.#stack) : undefined;
    if (this.#stateful && initial.length > 0) {
      throw new CugruError('ERR_GRAPH', `${name} is stateful: it begins with its own states, and takes no others`);
    }
    const first = kept?.read ?? joinStates(builder, name, initial, this.#stack);
    const directed = this.#directed(builder, name, input);
    const made = lowerStack(builder, this, name, directed, this.#stack, { lengths, ...first });
    kept?.write(made);
    const both = this.#returnSequences
      ? made.sequence
      : lowerLastState(builder, name, made.states.at(-1) as SymbolicTensor, this.#stack);
    const outputs = lowerMerge(builder, name, both, this.#mergeMode);
    return this.#returnState ? [...outputs, ...splitStates(builder, name, made)] : outputs;
  }

  // The sequence in the direction in which it is read.
  #directed(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    if (!this.#goBackwards) return input;
    if (builder.streaming) {
      throw new CugruError('ERR_UNSUPPORTED', `${name} goes backwards: it needs the whole sequence, and cannot stream`);
    }
    const reversed = builder.like(input);
    builder.node(`${name}.backwards`, 'reverse', {}, [input, builder.lengths], [reversed]);
    return reversed;
  }
}

/** The layer of a cell with a forget gate. Options that are no object are refused by the layer. */
export function forgetGateLayer<Output>(
  kind: string,
  cell: CellName,
  options: ForgetGateOptions,
): RecurrentLayer<Output> {
  const unitForgetBias = expectBoolean('unitForgetBias', options?.unitForgetBias ?? true);
  return new RecurrentLayer(options, { kind, cell, unitForgetBias, own: { unitForgetBias } });
}
