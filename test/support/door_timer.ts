/** How late the event loop is while something runs. */
import { readFileSync } from 'node:fs';

/**
 * Milliseconds by which a timer of 10 ms was late. Where Linux tells how long it let the main thread wait for a processor, that
 * time is taken off: it says how busy the machine is, not how long the loop was held.
 */
export interface Lateness {
  readonly ticks: number;
  readonly p99: number;
  readonly worst: number;
}

const interval = 10;

// Milliseconds that the main thread was ready and did not run; 0 where this is not known.
function waited(): number {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** Lateness of a 10 ms timer until `work` is done. */
export async function latenessDuring(work: () => Promise<unknown>): Promise<Lateness> {
  const late: number[] = [];
  let last = performance.now() - waited();
  const tick = (): void => {
    const now = performance.now() - waited();
    late.push(Math.max(0, now - last - interval));
    last = now;
  };
  const timer = setInterval(tick, interval);
  try {
    await work();
    tick();
  } finally {
    clearInterval(timer);
  }
  late.sort((a, b) => a - b);
  const at = (share: number): number => late[Math.min(late.length - 1, Math.floor(share * late.length))] as number;
  return { ticks: late.length, p99: at(0.99), worst: at(1) };
}

/** The first good result of at most three: other processes may take the processor away, but not every time. */
export async function firstGood<T>(measure: () => Promise<T>, good: (result: T) => boolean): Promise<T> {
  let result = await measure();
  for (let tries = 1; tries < 3 && !good(result); tries++) result = await measure();
  return result;
}

/** Runs until `milliseconds` have passed, by a signal. */
export async function forSome(milliseconds: number, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const signal = AbortSignal.timeout(milliseconds);
  try {
    while (!signal.aborted) await work(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
