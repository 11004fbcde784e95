/** Mean and deviation of a training set's pixels. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Dataset } from './dataset.js';

/** One number for each channel, on pixels scaled to [0, 1] (`Float32Array` inputs: as they are). */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  /** Population deviation; 1 for a channel that is constant. */
  readonly std: readonly number[];
}

// Rows between two turns of the event loop: about a millisecond of work.
const sliceElements = 1 << 19;

function finish(sums: Float64Array, squares: Float64Array, count: number): ChannelStatistics {
  const mean = [...sums].map((sum) => sum / count);
  const std = [...squares].map((square, c) => Math.sqrt(Math.max(0, square / count - (mean[c] as number) ** 2)));
  return { mean, std: std.map((deviation) => (deviation < 1e-6 ? 1 : deviation)) };
}

/** Exact over all rows, computed in double precision, with turns of the event loop in between. */
export async function datasetStatistics(dataset: Dataset, channels: number): Promise<ChannelStatistics> {
  const { inputs } = dataset.storage;
  const scale = inputs instanceof Uint8Array ? 1 / 255 : 1;
  const length = dataset.inputShape.reduce((product, dim) => product * dim, 1);
  const rows = dataset.rows();
  const step = Math.max(1, Math.floor(sliceElements / length));
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (let first = 0; first < rows.length; first += step) {
    if (first > 0) await turn();
    for (const row of rows.subarray(first, first + step)) {
      const begin = row * length;
      for (let i = 0; i < length; i++) {
        const value = (inputs[begin + i] as number) * scale;
        const c = channels === 1 ? 0 : i % channels;
        sums[c] = (sums[c] as number) + value;
        squares[c] = (squares[c] as number) + value * value;
      }
    }
  }
  return finish(sums, squares, (rows.length * length) / channels);
}
