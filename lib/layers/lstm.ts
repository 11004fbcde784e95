/** The LSTM, and its form with a coupled input gate. */
import { forgetGateLayer, type RecurrentLayer } from './recurrent.js';
import type {
  ForgetGateOptions,
  OutputAndStates,
  ReturningState,
  SeveralTensors,
  Unmerged,
} from './recurrent_options.js';

/** Options of {@link lstm}. */
export interface LstmOptions extends ForgetGateOptions {}

/** Options of {@link cifgLstm}. */
export interface CifgLstmOptions extends ForgetGateOptions {}

/**
 * A long short-term memory, as cuDNN, PyTorch and Keras have it (Hochreiter and Schmidhuber, 1997; forget gate of Gers et al.,
 * 2000; no peepholes). A second state c is kept beside h:
 *
 *     i = σ(W_i x + b_ii + U_i h + b_hi)      f = σ(W_f x + b_if + U_f h + b_hf)
 *     g = tanh(W_g x + b_ig + U_g h + b_hg)      o = σ(W_o x + b_io + U_o h + b_ho)
 *     c' = f ∘ c + i ∘ g      h' = o ∘ tanh(c')
 *
 * Input `[batch, steps, features]`. Parameters, for layer k (and with `_reverse` for the other direction):
 * `weight_ih_l{k}` (4·units, features), `weight_hh_l{k}` (4·units, units), `bias_ih_l{k}`, `bias_hh_l{k}` (4·units), gates in
 * PyTorch's order i, f, g, o: 4·(D·H + H² + 2·H) numbers for D features and H units.
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown.
 */
export function lstm(options: LstmOptions & ReturningState): RecurrentLayer<OutputAndStates>;
export function lstm(options: LstmOptions & Unmerged): RecurrentLayer<SeveralTensors>;
export function lstm(options: LstmOptions): RecurrentLayer;
export function lstm(options: LstmOptions): RecurrentLayer<unknown> {
  return forgetGateLayer('lstm', 'lstm', options);
}

/**
 * An LSTM whose input gate is coupled to its forget gate, `i = 1 − f` (CIFG; Greff et al., 2015): three quarters of an LSTM's
 * parameters at nearly its accuracy.
 *
 *     f = σ(W_f x + b_if + U_f h + b_hf)      g = tanh(W_g x + b_ig + U_g h + b_hg)      o = σ(W_o x + b_io + U_o h + b_ho)
 *     c' = f ∘ c + (1 − f) ∘ g      h' = o ∘ tanh(c')
 *
 * Parameters as of {@link lstm} with 3·units rows, gates in the LSTM's order without i: f, g, o. 3·(D·H + H² + 2·H) numbers.
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown.
 */
export function cifgLstm(options: CifgLstmOptions & ReturningState): RecurrentLayer<OutputAndStates>;
export function cifgLstm(options: CifgLstmOptions & Unmerged): RecurrentLayer<SeveralTensors>;
export function cifgLstm(options: CifgLstmOptions): RecurrentLayer;
export function cifgLstm(options: CifgLstmOptions): RecurrentLayer<unknown> {
  return forgetGateLayer('cifgLstm', 'cifg-lstm', options);
}
