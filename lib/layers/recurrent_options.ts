/** Options of recurrent layers, and what the factories' types say about them. */
import type { BiasInitializer } from './gate_bias.js';
import type { Initializer } from './initializers.js';
import type { LayerTensor } from './layer_tensor.js';
import type { MergeMode } from './merge_mode.js';
import type { RecurrentWeightOptions } from './rules.js';

/** Options that all recurrent layers have. */
export interface RecurrentOptions extends RecurrentWeightOptions {
  /** Hidden units of each direction, at least 1. */
  readonly units: number;
  /**
   * Give every step, `[batch, steps, directions * units]`, or the last state only, `[batch, directions * units]` (see `mergeMode`).
   * @defaultValue false
   */
  readonly returnSequences?: boolean;
  /** @defaultValue 1 */
  readonly numLayers?: number;
  /**
   * Give the final states as well: the layer then has several outputs, `[output, ...states]`, and is for {@link model}. The states are
   * `[batch, units]`: layer after layer, forward before reverse, h before c (for one direction of a layer: h, or h and c).
   * @defaultValue false
   */
  readonly returnState?: boolean;
  /**
   * Read the sequence from its end (the last valid step, with lengths) to its beginning; what is given is in that order.
   * @defaultValue false
   */
  readonly goBackwards?: boolean;
  /**
   * Begin each batch with the states that the one before it left, row by row: for sequences that go on from batch to batch. The model
   * needs a `batchSize`; a fit does not shuffle, and resets the states before each epoch and before validation; otherwise
   * `model.resetStates()` does. No gradient goes back into an earlier batch.
   * @defaultValue false
   */
  readonly stateful?: boolean;
  /**
   * Read the sequence in both directions.
   * @defaultValue false
   */
  readonly bidirectional?: boolean;
  /**
   * Bidirectional only: how the outputs of both directions become one: `'concat'` (forward features, then reverse), `'sum'`, `'mul'`,
   * `'ave'`; or `'none'`: they are two outputs, for {@link model}. Between the layers of a stack they are always concatenated.
   * @defaultValue 'concat'
   */
  readonly mergeMode?: MergeMode;
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

/** At least two tensors. */
export type SeveralTensors = readonly [LayerTensor, LayerTensor, ...LayerTensor[]];

/** At least three tensors. */
export type OutputAndStates = readonly [LayerTensor, LayerTensor, LayerTensor, ...LayerTensor[]];

/** Options with which a recurrent layer gives its states, too. */
export interface ReturningState {
  readonly returnState: true;
}

/** Options with which a recurrent layer gives its directions apart. */
export interface Unmerged {
  readonly bidirectional: true;
  readonly mergeMode: 'none';
}
