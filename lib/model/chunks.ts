/** How many batches go into one native call: as many as take about 50 ms, so that progress, abort and exit are prompt. */

const targetSeconds = 0.05;

/** A running estimate; starts with one batch. */
export interface ChunkSizer {
  /** Batches of the next call, at least 1. */
  batches(): number;
  took(result: { readonly batches: number; readonly seconds: number }): void;
}

/** @param batch - rows of a batch; bounds the rows of one call. */
export function chunkSizer(batch: number): ChunkSizer {
  const most = Math.max(1, Math.floor(65536 / batch));
  let batches = 1;
  return {
    batches: () => batches,
    took: (result) => {
      if (result.batches === 0) return;
      const fitting = Math.floor(targetSeconds / (result.seconds / result.batches));
      // Grows gently: the first batch of a program is slow, and one fast batch must not make a long call.
      batches = Math.max(1, Math.min(fitting, batches * 4, most));
    },
  };
}
