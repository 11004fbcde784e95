/** How long one image takes, and how many go through in bulk. */
import type { Dataset } from '../data/index.js';
import type { Network } from '../model/network.js';

/** Milliseconds from call to result, one row at a time. */
export interface Latency {
  readonly median: number;
  readonly p99: number;
  readonly samples: number;
}

/** Rows in a second, in batches. */
export interface Throughput {
  readonly imagesPerSecond: number;
  readonly samples: number;
}

/**
 * The smallest of the times that at least this share of them do not exceed (the nearest rank).
 * @param sorted - ascending, at least one
 * @param share - above 0, up to 1
 * @internal
 */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
}

/** Predicts single rows through `model.predict` and times each call, after a warm-up. */
export async function measureLatency(model: Network<unknown>, dataset: Dataset, samples = 200): Promise<Latency> {
  const rows = Array.from({ length: Math.min(samples, dataset.size) }, (_, i) => dataset.input(i));
  for (const row of rows.slice(0, 20)) await model.predict(row);
  const times: number[] = [];
  for (const row of rows) {
    const begin = performance.now();
    await model.predict(row);
    times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  return { median: percentile(times, 0.5), p99: percentile(times, 0.99), samples: times.length };
}

/** Predicts the whole dataset, after a warm-up, and times it. */
export async function measureThroughput(model: Network<unknown>, dataset: Dataset): Promise<Throughput> {
  await model.predict(dataset.take(Math.min(dataset.size, 1024)));
  const begin = performance.now();
  await model.predict(dataset);
  const seconds = (performance.now() - begin) / 1000;
  return { imagesPerSecond: dataset.size / seconds, samples: dataset.size };
}
