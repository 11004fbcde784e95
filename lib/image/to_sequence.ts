/** The first element of an image model. */
import { expectInteger, expectNumber, expectOneOf, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { type Scheme, type SchemeOptions, schemes } from './schemes.js';

/** Mean and deviation by channel, on pixels from 0 to 1. */
export interface FixedNormalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Options of {@link toSequence}. */
export interface ToSequenceOptions {
  /**
   * - `rows`: a step for each row, its features `[x][channel]`
   * - `columns`: a step for each column, its features `[y][channel]`
   * - `patches`: a step for each patch in raster order, its features `[dy][dx][channel]`; at bottom and right the image is
   *   padded with the mean
   */
  readonly scheme: Scheme;
  /** Side of a patch, or `[height, width]`; for `patches`. */
  readonly patchSize?: number | readonly [number, number];
  /**
   * Pixels are scaled to [0, 1], then `(pixel − mean) / std` for each channel. `'dataset'`: mean and deviation of the first
   * training set; they are saved with the model. `'none'`: scaling only.
   * @defaultValue 'dataset'
   */
  readonly normalization?: 'dataset' | 'none' | FixedNormalization;
}

/** An image model's way of reading. Made by {@link toSequence}. */
export interface ToSequence extends SchemeOptions {
  readonly kind: 'toSequence';
  readonly normalization: 'dataset' | 'none' | FixedNormalization;
}

function patch(size: unknown): readonly [number, number] {
  const pair = typeof size === 'number' ? [size, size] : size;
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw new CugruError('ERR_TYPE', 'patchSize must be a number or [height, width]');
  }
  const side = (name: string, value: unknown): number => expectInteger(name, value, { min: 1, max: 2 ** 16 });
  return [side('patchSize[0]', pair[0]), side('patchSize[1]', pair[1])];
}

function normalizationOf(value: unknown): ToSequence['normalization'] {
  if (value === undefined || value === 'dataset') return 'dataset';
  if (value === 'none') return 'none';
  const { mean, std } = (typeof value === 'object' && value !== null ? value : {}) as Partial<FixedNormalization>;
  if (!Array.isArray(mean) || !Array.isArray(std) || mean.length !== std.length || mean.length === 0) {
    throw new CugruError('ERR_TYPE', "normalization must be 'dataset', 'none' or { mean: [...], std: [...] }, one for each channel");
  }
  return {
    mean: mean.map((m, i) => expectNumber(`mean[${i}]`, m, { min: -1e6, max: 1e6 })),
    std: std.map((s, i) => expectNumber(`std[${i}]`, s, { min: 1e-6, max: 1e6 })),
  };
}

/**
 * Reads an image `[height, width, channels]` as a sequence `[steps, features]`; the first element of a model's list.
 * It runs inside the model, on the device, together with scaling and normalisation.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`.
 */
export function toSequence(options: ToSequenceOptions): ToSequence {
  rejectUnknownKeys('image.toSequence', options, ['scheme', 'patchSize', 'normalization']);
  const scheme = expectOneOf('scheme', options.scheme, schemes);
  if (scheme !== 'patches' && options.patchSize !== undefined) {
    throw new CugruError('ERR_VALUE', `patchSize is for scheme 'patches', not '${scheme}'`);
  }
  if (scheme === 'patches' && options.patchSize === undefined) {
    throw new CugruError('ERR_VALUE', "scheme 'patches' needs patchSize: a number or [height, width]");
  }
  return Object.freeze({
    kind: 'toSequence' as const,
    scheme,
    ...(options.patchSize === undefined ? {} : { patchSize: patch(options.patchSize) }),
    normalization: normalizationOf(options.normalization),
  });
}

/** Whether an element of a model's list is this one. */
export function isToSequence(value: unknown): value is ToSequence {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'toSequence';
}
