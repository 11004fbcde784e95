/** What the fuzzers share: calling, and telling a refusal from a bug. */
import { CugruError } from '../../lib/errors.js';
import { type AnyHandle, native } from '../../lib/native.js';

/** The addon without its types. */
export function untyped(): Record<string, (...args: unknown[]) => unknown> {
  return native() as unknown as Record<string, (...args: unknown[]) => unknown>;
}

/** Counts of {@link attempt}. */
export interface Tally {
  done: number;
  refused: number;
}

function isRefusal(error: unknown): boolean {
  if (error instanceof CugruError) return error.code !== 'ERR_INTERNAL';
  return error instanceof TypeError || (error instanceof RangeError && error.message === 'a getter threw');
}

/**
 * Makes a call, waits for its promise and counts. Only results and refusals are expected.
 * @throws whatever else came, with what was called
 */
export async function attempt<T>(tally: Tally, what: string, call: () => T): Promise<Awaited<T> | undefined> {
  try {
    const result = await call();
    tally.done++;
    return result;
  } catch (error) {
    if (!isRefusal(error)) throw new Error(`${what} failed with something else than a refusal`, { cause: error });
    tally.refused++;
    return undefined;
  }
}

/** Frees a result that is a handle. */
export function release(result: unknown): void {
  try {
    native().dispose(result as AnyHandle);
  } catch (error) {
    if (!(error instanceof CugruError)) throw error;
  }
}
