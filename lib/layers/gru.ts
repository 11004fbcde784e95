/** The GRU layer, in both published forms. */
import { expectBoolean } from '../checks.js';
import { RecurrentLayer } from './recurrent.js';
import type { RecurrentOptions, ReturningState, SeveralTensors, Unmerged } from './recurrent_options.js';

/** Options of {@link gru}. */
export interface GruOptions extends RecurrentOptions {
  /**
   * Where the reset gate stands: after the product with the state, as cuDNN, PyTorch and Keras have it, or before it.
   * @defaultValue true
   */
  readonly resetAfter?: boolean;
}

/**
 * A gated recurrent unit. By default in the form of cuDNN, PyTorch and Keras (reset after the product; Cho et al., 2014, v1):
 *
 *     r = σ(W_r x + b_ir + U_r h + b_hr)      z = σ(W_z x + b_iz + U_z h + b_hz)
 *     n = tanh(W_n x + b_in + r ∘ (U_n h + b_hn))      h' = (1 − z) ∘ n + z ∘ h
 *
 * With `resetAfter: false` the gate is applied before the product (Cho et al., 2014, v3; Keras's `reset_after=False`), with one
 * bias:
 *
 *     r = σ(W_r x + U_r h + b_r)      z = σ(W_z x + U_z h + b_z)
 *     n = tanh(W_n x + U_n (r ∘ h) + b_n)      h' = (1 − z) ∘ n + z ∘ h
 *
 * Input `[batch, steps, features]`. Parameters, for layer k (and with `_reverse` for the other direction):
 * `weight_ih_l{k}` (3·units, features), `weight_hh_l{k}` (3·units, units), `bias_ih_l{k}` and, reset after, `bias_hh_l{k}`
 * (3·units), gates in the order r, z, n: 3·(D·H + H² + 2·H) numbers for D features and H units, with one bias
 * 3·(D·H + H² + H).
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown.
 */
export function gru(options: GruOptions & ReturningState): RecurrentLayer<SeveralTensors>;
export function gru(options: GruOptions & Unmerged): RecurrentLayer<SeveralTensors>;
export function gru(options: GruOptions): RecurrentLayer;
export function gru(options: GruOptions): RecurrentLayer<unknown> {
  const resetAfter = expectBoolean('resetAfter', options?.resetAfter ?? true);
  const cell = resetAfter ? 'gru' : 'gru-reset-before';
  return new RecurrentLayer(options, { kind: 'gru', cell, own: { resetAfter } });
}
