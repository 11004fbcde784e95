/** Layers: descriptions that lower to graph nodes. They never touch the native door. */
import { softmax } from './activation.js';
import { attention } from './attention.js';
import { conv2d } from './conv2d.js';
import { dense } from './dense.js';
import { dropPath } from './drop_path.js';
import { dropout } from './dropout.js';
import { flatten } from './flatten.js';
import { gru } from './gru.js';
import { leakyCifg } from './leaky_cifg.js';
import { cifgLstm, lstm } from './lstm.js';
import { masking } from './masking.js';
import { add, average, concat, multiply } from './merging.js';
import { batchNorm, layerNorm } from './norms.js';
import { permute } from './permute.js';
import { activation } from './pointwise.js';
import { avgPool2d, maxPool2d } from './pool2d.js';
import { positionEmbedding } from './position_embedding.js';
import { firstAndLast, lastStep, maxSteps, meanSteps } from './read_outs.js';
import { renet } from './renet.js';
import { repeat } from './repeat.js';
import { reshape } from './reshape.js';
import { rnn } from './rnn.js';
import { sequencer } from './sequencer.js';
import { timeDistributed } from './time_distributed.js';
import { toSequence } from './to_sequence.js';

export { softmax } from './activation.js';
export { type AttentionOptions, attention } from './attention.js';
export { type Conv2dOptions, type ConvActivation, conv2d } from './conv2d.js';
export { type ActivationName, type DenseOptions, dense } from './dense.js';
export { type DropPathOptions, dropPath } from './drop_path.js';
export { type DropoutOptions, dropout } from './dropout.js';
export { flatten } from './flatten.js';
export type { BiasInitializer, GateInitializer } from './gate_bias.js';
export { type GruOptions, gru } from './gru.js';
export type { Initializer } from './initializers.js';
export { type AnyLayer, type InputCount, Layer, type LayerConfig, MergeLayer } from './layer.js';
export type { LayerTensor } from './layer_tensor.js';
export { article, type LeakyCifgOptions, leakyCifg } from './leaky_cifg.js';
export { type CifgLstmOptions, cifgLstm, type LstmOptions, lstm } from './lstm.js';
export { type MaskingOptions, masking } from './masking.js';
export type { MergeMode } from './merge_mode.js';
export { add, average, concat, type MergeOptions, multiply } from './merging.js';
export { type BatchNormOptions, batchNorm, type LayerNormOptions, layerNorm } from './norms.js';
export { type PermuteOptions, permute } from './permute.js';
export { type ActivationKind, type ActivationOptions, activation } from './pointwise.js';
export { avgPool2d, maxPool2d, type Pool2dOptions } from './pool2d.js';
export { positionEmbedding } from './position_embedding.js';
export { firstAndLast, lastStep, maxSteps, meanSteps } from './read_outs.js';
export type { RecurrentApplyOptions, RecurrentLayer } from './recurrent.js';
export type {
  ForgetGateOptions,
  OutputAndStates,
  RecurrentOptions,
  ReturningState,
  SeveralTensors,
  Unmerged,
} from './recurrent_options.js';
export { type RenetOptions, renet, type SweepCell } from './renet.js';
export { type RepeatOptions, repeat } from './repeat.js';
export { type ReshapeOptions, reshape } from './reshape.js';
export { type RnnActivation, type RnnOptions, rnn } from './rnn.js';
export type { RecurrentWeightOptions, WeightOptions } from './rules.js';
export { type SequencerOptions, sequencer } from './sequencer.js';
export { timeDistributed } from './time_distributed.js';
export { type ToSequenceLayerOptions, toSequence } from './to_sequence.js';
export type { Padding, Pair } from './window.js';

/** Layer factories by the name that `config.json` uses. */
export const factories = {
  gru,
  lstm,
  cifgLstm,
  leakyCifg,
  rnn,
  dense,
  dropout,
  softmax,
  conv2d,
  maxPool2d,
  avgPool2d,
  layerNorm,
  batchNorm,
  renet,
  sequencer,
  timeDistributed,
  toSequence,
  flatten,
  reshape,
  permute,
  repeat,
  activation,
  lastStep,
  firstAndLast,
  meanSteps,
  maxSteps,
  attention,
  masking,
  positionEmbedding,
  dropPath,
  add,
  average,
  multiply,
  concat,
} as const;
