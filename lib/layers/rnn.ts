/** The plain recurrent layer. */
import { expectOneOf } from '../checks.js';
import { RecurrentLayer } from './recurrent.js';
import type { RecurrentOptions, ReturningState, SeveralTensors, Unmerged } from './recurrent_options.js';

/** What a plain recurrent layer does to its sums. */
export type RnnActivation = 'tanh' | 'relu';

/** Options of {@link rnn}. */
export interface RnnOptions extends RecurrentOptions {
  /**
   * `relu` is not bounded: clip gradients by their norm, and start recurrent weights small or orthogonal.
   * @defaultValue 'tanh'
   */
  readonly activation?: RnnActivation;
}

/**
 * A plain recurrent layer (Elman, 1990), as cuDNN, PyTorch's `nn.RNN` and Keras's `SimpleRNN` have it:
 *
 *     h' = activation(W x + b_i + U h + b_h)
 *
 * Input `[batch, steps, features]`. Parameters, for layer k (and with `_reverse` for the other direction):
 * `weight_ih_l{k}` (units, features), `weight_hh_l{k}` (units, units), `bias_ih_l{k}`, `bias_hh_l{k}` (units):
 * D·H + H² + 2·H numbers for D features and H units.
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown.
 */
export function rnn(options: RnnOptions & ReturningState): RecurrentLayer<SeveralTensors>;
export function rnn(options: RnnOptions & Unmerged): RecurrentLayer<SeveralTensors>;
export function rnn(options: RnnOptions): RecurrentLayer;
export function rnn(options: RnnOptions): RecurrentLayer<unknown> {
  const activation = expectOneOf('activation', options?.activation ?? 'tanh', ['tanh', 'relu'] as const);
  return new RecurrentLayer(options, { kind: 'rnn', cell: `rnn-${activation}`, own: { activation } });
}
