/** Options that image folders, manifests and streams of image files share. */
import {
  expectCallback,
  expectInteger,
  expectNumber,
  expectOneOf,
  expectSignal,
  rejectUnknownKeys,
} from '../checks.js';
import { CugruError } from '../errors.js';
import { checkDecodeOptions, type DecodePlan, type Decoding, decodeKeys, expectConcurrency } from '../image/index.js';
import type { Dataset } from './dataset.js';

/** How far the decoding of image files is. */
export interface DecodeProgress {
  /** Files that are done, the skipped ones included. */
  readonly done: number;
  readonly total: number;
  readonly skipped: number;
}

/** Which size image files get, and what becomes of broken ones. */
export interface ImageFilesOptions extends Decoding {
  /** `[height, width]` of all rows, or one number for both. Give this, or `width` and `height`. */
  readonly size?: number | readonly [number, number];
  readonly width?: number;
  readonly height?: number;
  /**
   * 1 for grey (luminance), 3 for RGB.
   * @defaultValue 3
   */
  readonly channels?: 1 | 3;
  /**
   * Pixels of a file at most, width times height.
   * @defaultValue 268402689, that is 16383 x 16383
   */
  readonly maxPixels?: number;
  /**
   * What becomes of a file that cannot be decoded: `'stop'` ends the call with its name, `'skip'` leaves it out and lists it.
   * @defaultValue 'stop'
   */
  readonly onError?: 'stop' | 'skip';
  /**
   * Files in work at the same time.
   * @defaultValue the number of processors, at most 8
   */
  readonly concurrency?: number;
  /** Ends the call early; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Options of datasets that are decoded into memory. */
export interface ImageDatasetOptions extends ImageFilesOptions {
  /**
   * Path of a file that keeps the decoded rows. It is made at the first run, read at later ones, and made anew when a file, a label
   * or an option has changed, or when it is damaged. A file that is something else is refused.
   */
  readonly cache?: string;
  /**
   * Parts that the source does not have, taken from its training rows: a share of them between 0 and 1, the same of every class.
   */
  readonly split?: {
    readonly validation?: number;
    readonly test?: number;
    /** @defaultValue 0 */
    readonly seed?: number;
  };
  /** After each file. */
  readonly onProgress?: (progress: DecodeProgress) => void;
  /** @defaultValue the path */
  readonly name?: string;
}

/** A file that was left out. */
export interface SkippedFile {
  readonly path: string;
  /** Why: the path and what is wrong with it. */
  readonly reason: string;
}

/** Datasets of image files. They share one memory. */
export interface ImageDatasets {
  /** All rows, where the source has no parts and `split` was not given. */
  readonly train: Dataset;
  readonly validation?: Dataset;
  readonly test?: Dataset;
  /** By number. */
  readonly classNames: readonly string[];
  /** Files that could not be decoded, with `onError: 'skip'`. */
  readonly skipped: readonly SkippedFile[];
  /** Paths that are no image files, and links back to a folder above. */
  readonly ignored: readonly string[];
  /** Whether the rows came from the cache. */
  readonly fromCache: boolean;
}

/** @internal */
export interface FilesPlan {
  readonly decode: DecodePlan;
  readonly onError: 'stop' | 'skip';
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
}

/** @internal */
export interface Shares {
  readonly validation: number;
  readonly test: number;
  readonly seed: number;
}

/** @internal */
export const filesKeys = [...decodeKeys, 'size', 'onError', 'concurrency', 'signal'] as const;
/** @internal */
export const datasetKeys = [...filesKeys, 'cache', 'split', 'onProgress', 'name'] as const;

function sizeOf({ size, width, height }: ImageFilesOptions): { readonly width: number; readonly height: number } {
  if (size !== undefined && (width !== undefined || height !== undefined)) {
    throw new CugruError('ERR_VALUE', 'give size, or width and height, but not both');
  }
  const pair = typeof size === 'number' ? [size, size] : (size ?? [height, width]);
  if (!Array.isArray(pair) || pair.length !== 2 || pair.some((side) => side === undefined)) {
    const problem = 'image files need a size: [height, width] or one number for both, or width and height';
    throw new CugruError('ERR_VALUE', problem, { size, width, height });
  }
  return { height: pair[0] as number, width: pair[1] as number };
}

/** @internal */
export function checkFilesOptions(options: ImageFilesOptions): FilesPlan {
  const { size: _, onError, concurrency, signal, channels = 3, ...rest } = options;
  expectSignal('signal', signal);
  return {
    decode: checkDecodeOptions({ ...rest, ...sizeOf(options), channels }),
    onError: expectOneOf('onError', onError ?? 'stop', ['stop', 'skip'] as const),
    concurrency: expectConcurrency(concurrency),
    signal,
  };
}

/** The shares of {@link ImageDatasetOptions.split}; 0 for parts that are not wanted. @internal */
export function checkShares(split: ImageDatasetOptions['split']): Shares | undefined {
  if (split === undefined) return undefined;
  rejectUnknownKeys('split', split, ['validation', 'test', 'seed']);
  const share = (name: 'validation' | 'test'): number =>
    split[name] === undefined ? 0 : expectNumber(`split.${name}`, split[name], { above: 0, below: 1 });
  const shares = {
    validation: share('validation'),
    test: share('test'),
    seed: expectInteger('split.seed', split.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER }),
  };
  if (shares.validation + shares.test < 1) return shares;
  throw new CugruError('ERR_VALUE', 'split.validation and split.test together must leave something for training', {
    split,
  });
}

/** @internal */
export function checkProgress(callback: unknown): void {
  expectCallback('onProgress', callback);
}
