/** Long work on the event loop, in slices of a few milliseconds. */
import { setImmediate } from 'node:timers/promises';

const sliceMilliseconds = 3;

/**
 * Asks, now and then within a loop, whether it is time to let others run: `const pause = breathe(); if (pause) await pause;`
 * @internal
 */
export function breather(): () => Promise<void> | undefined {
  let begin = performance.now();
  return () => {
    if (performance.now() - begin < sliceMilliseconds) return undefined;
    return setImmediate().then(() => {
      begin = performance.now();
    });
  };
}

/** Runs `work` for all items, at most `concurrency` at a time, and gives the results in order. @internal */
export async function mapLimited<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T, i: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const i = next++;
      results[i] = await work(items[i] as T, i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  return results;
}
