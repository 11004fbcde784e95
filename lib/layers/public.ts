/**
 * Layers for {@link sequential}.
 *
 * @module
 */
export {
  type ActivationName,
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
  type RecurrentWeightOptions,
  type RnnActivation,
  type RnnOptions,
  rnn,
  softmax,
  type WeightOptions,
} from './index.js';
