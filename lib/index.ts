/**
 * cugru: train and serve recurrent image classifiers from Node.
 *
 * @module cugru
 */
export { Dataset, datasets, type RowSelection, type SplitOptions } from './data/index.js';
export { CugruError, type ErrorCode } from './errors.js';
export type { Augmentation, ToSequence } from './image/index.js';
export { augment, image } from './image/index.js';
export { type InputOptions, input } from './layers/input.js';
export type { LayerTensor } from './layers/layer_tensor.js';
export * as losses from './layers/losses.js';
export * as layers from './layers/public.js';
export type { NamedLayer } from './layers/topology.js';
export type { ChainInput } from './model/chain.js';
export {
  GRU,
  type GRUBackwardOptions,
  type GRUForwardOptions,
  type GRUGradients,
  type GRUOptions,
  type GRUOutput,
} from './model/gru.js';
export {
  LSTM,
  type LSTMBackwardOptions,
  type LSTMForwardOptions,
  type LSTMGradients,
  type LSTMOptions,
  type LSTMOutput,
  type LSTMStates,
} from './model/lstm.js';
export { type ModelOptions, Network } from './model/network.js';
export type { PredictOptions } from './model/predicting.js';
export type {
  RecurrentBackwardOptions,
  RecurrentForwardOptions,
  RecurrentGradients,
  RecurrentModule,
  RecurrentModuleOptions,
  RecurrentOutput,
} from './model/recurrent.js';
export {
  RNN,
  type RNNBackwardOptions,
  type RNNForwardOptions,
  type RNNGradients,
  type RNNOptions,
  type RNNOutput,
} from './model/rnn.js';
export type { Device, Precision } from './model/runtime.js';
export type { ModelStream } from './model/stream.js';
export type { LayerSummary, ModelSummary } from './model/summary.js';
export type { Tensor } from './model/tensor.js';
export type { StateDict } from './model/weights.js';
export { getNumThreads, setNumThreads } from './threads.js';
export * from './training/index.js';
export { version } from './version.js';
export * as models from './zoo/index.js';
