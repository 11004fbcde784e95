/** Layers: descriptions that lower to graph nodes. They never touch the native door. */
import { softmax } from './activation.js';
import { dense } from './dense.js';
import { dropout } from './dropout.js';
import { gru } from './gru.js';
import { leakyCifg } from './leaky_cifg.js';
import { cifgLstm, lstm } from './lstm.js';
import { rnn } from './rnn.js';

export { softmax } from './activation.js';
export { type ActivationName, type DenseOptions, dense } from './dense.js';
export { type DropoutOptions, dropout } from './dropout.js';
export type { BiasInitializer, GateInitializer } from './gate_bias.js';
export { type GruOptions, gru } from './gru.js';
export type { Initializer } from './initializers.js';
export { Layer, type LayerConfig } from './layer.js';
export { article, type LeakyCifgOptions, leakyCifg } from './leaky_cifg.js';
export { type CifgLstmOptions, cifgLstm, type LstmOptions, lstm } from './lstm.js';
export type { ForgetGateOptions, RecurrentOptions } from './recurrent.js';
export { type RnnActivation, type RnnOptions, rnn } from './rnn.js';
export type { RecurrentWeightOptions, WeightOptions } from './rules.js';

/** Layer factories by the name that `config.json` uses. */
export const factories = { gru, lstm, cifgLstm, leakyCifg, rnn, dense, dropout, softmax } as const;
