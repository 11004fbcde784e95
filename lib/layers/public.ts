/**
 * Layers for {@link sequential}.
 *
 * @module
 */
export {
  type ActivationName,
  type AnyLayer,
  article,
  type BiasInitializer,
  type CifgLstmOptions,
  cifgLstm,
  type DenseOptions,
  type DropoutOptions,
  dense,
  dropout,
  type ForgetGateOptions,
  type GateInitializer,
  type GruOptions,
  gru,
  type Initializer,
  type Layer,
  type LayerConfig,
  type LeakyCifgOptions,
  type LstmOptions,
  leakyCifg,
  lstm,
  type RecurrentOptions,
  type RenetOptions,
  type RnnActivation,
  type RnnOptions,
  renet,
  rnn,
  type SequencerOptions,
  type SweepCell,
  sequencer,
  softmax,
} from './index.js';
