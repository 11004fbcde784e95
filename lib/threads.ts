/** How many CPU threads compute. */
import { expectInteger } from './checks.js';
import { native } from './native.js';

/**
 * Sets the number of CPU compute threads of this process. Results do not depend on it.
 * The start value is `CUGRU_NUM_THREADS`, or the processors that affinity and control group allow.
 * @throws {@link CugruError} `ERR_VALUE` outside of 1 to 1024.
 */
export function setNumThreads(threads: number): void {
  native().setNumThreads(expectInteger('threads', threads, { min: 1, max: 1024 }));
}

/** The number of CPU compute threads of this process. */
export function getNumThreads(): number {
  return native().processInfo().threads;
}
