/** An iterator that is some items ahead of the loop that reads it. */

/**
 * Yields what `source` yields, and has asked it for the next `count` items while the loop is busy with one. Leaving the loop ends
 * the source: `stop` is called first, so that work in flight can end early.
 * @internal
 */
export async function* prefetch<T>(
  source: AsyncGenerator<T, void>,
  count: number,
  stop: () => void = () => undefined,
): AsyncGenerator<T, void> {
  const queue: Promise<IteratorResult<T, void>>[] = [];
  try {
    for (;;) {
      while (queue.length <= count) {
        const next = source.next();
        // A failure is met when its turn comes; until then it is nobody's.
        next.catch(() => undefined);
        queue.push(next);
      }
      const result = await (queue.shift() as Promise<IteratorResult<T, void>>);
      if (result.done) return;
      yield result.value;
    }
  } finally {
    stop();
    await source.return().catch(() => undefined);
  }
}
