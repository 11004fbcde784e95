/** Losses and gradients that are no finite numbers. */
import { CugruError } from '../errors.js';
import type { RunResult } from '../native.js';

/**
 * Refuses what a run of training steps gave when a loss or gradient was not finite. The core leaves out such a step and those
 * after it in the same run.
 * @param where - for the message, from the number of batches of the run that came before
 * @throws {@link CugruError} `ERR_NOT_FINITE`
 */
export function expectFinite(
  result: RunResult,
  where: (batch: number) => { readonly text: string; readonly details?: Readonly<Record<string, unknown>> },
): void {
  const loss = result.losses[0]?.lossSum ?? 0;
  if (result.skipped === 0 && Number.isFinite(loss)) return;
  const { text, details } = where(result.batches - result.skipped);
  const what = Number.isFinite(loss) ? 'a gradient' : 'the loss';
  throw new CugruError(
    'ERR_NOT_FINITE',
    `${what} is no finite number ${text}; the weights are those before it. Look for such numbers in the data, lower the learning rate, or set clipNorm on the optimizer`,
    details,
  );
}
