/** Mean and standard deviation of a dataset by channel, without holding up the event loop. */
import { expectInteger } from '../checks.js';
import { CugruError } from '../errors.js';
import { breather } from '../slices.js';
import type { Dataset } from './dataset.js';

/** Figures by channel, of values from 0 to 1 (bytes are divided by 255; floats are taken as they are). */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  /** Of the population; 1 for a channel that never changes, so that dividing by it is harmless. */
  readonly std: readonly number[];
}

const sliceElements = 2 ** 18;
const smallestDeviation = 1e-6;

/** Calls `visit` with the offsets of all rows' data, in slices of a few milliseconds. */
async function eachRow(dataset: Dataset, rowLength: number, visit: (offset: number) => void): Promise<void> {
  const rowsOfSlice = Math.max(1, Math.floor(sliceElements / rowLength));
  const breathe = breather();
  for (let first = 0; first < dataset.size; first += rowsOfSlice) {
    for (const row of dataset.rows(first, Math.min(dataset.size, first + rowsOfSlice))) visit(row * rowLength);
    const pause = breathe();
    if (pause) await pause;
  }
}

function finish(mean: readonly number[], variance: readonly number[]): ChannelStatistics {
  const std = variance.map((v) => (Math.sqrt(v) < smallestDeviation ? 1 : Math.sqrt(v)));
  return Object.freeze({ mean: Object.freeze(mean), std: Object.freeze(std) });
}

// Bytes are counted, so nothing is rounded until 256 values are summed.
async function ofBytes(
  dataset: Dataset,
  data: Uint8Array,
  rowLength: number,
  channels: number,
): Promise<ChannelStatistics> {
  const counts = new Float64Array(256 * channels);
  await eachRow(dataset, rowLength, (offset) => {
    for (let i = offset; i < offset + rowLength; ) {
      for (let c = 0; c < channels; c++, i++) {
        const bin = c * 256 + (data[i] as number);
        counts[bin] = (counts[bin] as number) + 1;
      }
    }
  });
  const pixels = dataset.size * (rowLength / channels);
  const mean: number[] = [];
  const variance: number[] = [];
  for (let c = 0; c < channels; c++) {
    const histogram = counts.subarray(c * 256, (c + 1) * 256);
    const average = histogram.reduce((sum, count, byte) => sum + count * byte, 0) / pixels;
    mean.push(average / 255);
    variance.push(histogram.reduce((sum, count, byte) => sum + count * (byte - average) ** 2, 0) / pixels / 255 ** 2);
  }
  return finish(mean, variance);
}

// Two passes: the variance about the mean, with no large sums to cancel.
async function ofFloats(
  dataset: Dataset,
  data: Float32Array,
  rowLength: number,
  channels: number,
): Promise<ChannelStatistics> {
  const pixels = dataset.size * (rowLength / channels);
  const average = async (value: (x: number, channel: number) => number): Promise<number[]> => {
    const sums = new Float64Array(channels);
    await eachRow(dataset, rowLength, (offset) => {
      for (let i = offset; i < offset + rowLength; ) {
        for (let c = 0; c < channels; c++, i++) sums[c] = (sums[c] as number) + value(data[i] as number, c);
      }
    });
    return Array.from(sums, (sum) => sum / pixels);
  };
  const mean = await average((x) => x);
  if (!mean.every(Number.isFinite)) {
    throw new CugruError(
      'ERR_NOT_FINITE',
      `the inputs of dataset '${dataset.name}' hold NaN or infinity; clean them first`,
    );
  }
  return finish(mean, await average((x, c) => (x - (mean[c] as number)) ** 2));
}

/**
 * Mean and standard deviation of each channel over all rows and pixels, in double precision; for bytes exact up to the last
 * rounding. Yields to the event loop every few milliseconds.
 * @param channels - the last axis of the rows, or a divisor of it
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_SHAPE` when rows are no whole number of pixels, `ERR_NOT_FINITE`.
 */
export async function datasetStatistics(dataset: Dataset, channels: number): Promise<ChannelStatistics> {
  expectInteger('channels', channels, { min: 1, max: 2 ** 20 });
  const rowLength = dataset.inputShape.reduce((product, dim) => product * dim, 1);
  if (rowLength % channels !== 0) {
    const shape = dataset.inputShape.join(', ');
    throw new CugruError('ERR_SHAPE', `rows of [${shape}] do not divide into pixels of ${channels} channels`, {
      channels,
    });
  }
  const { inputs } = dataset.storage;
  return inputs instanceof Float32Array
    ? ofFloats(dataset, inputs, rowLength, channels)
    : ofBytes(dataset, inputs, rowLength, channels);
}
