/** The cell that the article behind this package defines. */
import { forgetGateLayer, type RecurrentLayer } from './recurrent.js';
import type {
  ForgetGateOptions,
  OutputAndStates,
  ReturningState,
  SeveralTensors,
  Unmerged,
} from './recurrent_options.js';

/** Options of {@link leakyCifg}; the forget gate is z. */
export interface LeakyCifgOptions extends ForgetGateOptions {}

/**
 * A coupled-gate LSTM with a leaky output: what some write as the equations of "a GRU" in image classification, and no GRU of
 * Cho et al. It has two states, its r never resets, and the candidate always sees the whole state:
 *
 *     z = σ(W_z x + U_z h + b_z)      r = σ(W_r x + U_r h + b_r)
 *     c' = z ∘ c + (1 − z) ∘ tanh(W_c x + U_c h + b_c)      h' = (1 − r) ∘ h + r ∘ tanh(c')
 *
 * z = 1 keeps the cell state; r = 1 overwrites the output and r = 0 holds it (an LSTM's closed output gate gives 0). From zero
 * states |c| < 1 and so |h| < tanh(1) ≈ 0.762, for any weights and inputs.
 *
 * Input `[batch, steps, features]`. Parameters, for layer k (and with `_reverse` for the other direction):
 * `weight_ih_l{k}` (3·units, features), `weight_hh_l{k}` (3·units, units) and one bias, `bias_ih_l{k}` (3·units), gates in the
 * order of the equations: z, r, c. 3·(D·H + H² + H) numbers for D features and H units, as a GRU with one bias.
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown.
 */
export function leakyCifg(options: LeakyCifgOptions & ReturningState): RecurrentLayer<OutputAndStates>;
export function leakyCifg(options: LeakyCifgOptions & Unmerged): RecurrentLayer<SeveralTensors>;
export function leakyCifg(options: LeakyCifgOptions): RecurrentLayer;
export function leakyCifg(options: LeakyCifgOptions): RecurrentLayer<unknown> {
  return forgetGateLayer('leakyCifg', 'leaky-cifg', options);
}

/** Another name of {@link leakyCifg}: the cell as the article has it. */
export const article: typeof leakyCifg = leakyCifg;
