/** `image.toSequence`: how a model turns images into sequences. */
import { expectInteger, expectNumber, expectOneOf, rejectUnknownKeys, show } from '../checks.js';
import { CugruError } from '../errors.js';
import { type SchemeName, schemeNames } from './schemes.js';

/**
 * What is subtracted from, and divides, the values of each channel (after bytes are scaled to 0 to 1):
 * - `'dataset'`: mean and standard deviation of the first training set; they are saved with the weights
 * - `'none'`: nothing
 * - one `mean` and `std` for each channel
 */
export type Normalization = 'dataset' | 'none' | { readonly mean: readonly number[]; readonly std: readonly number[] };

/** Options of {@link toSequence}. */
export interface ToSequenceOptions {
  /**
   * - `'rows'`: each row of pixels is a step, top to bottom
   * - `'columns'`: each column is a step, left to right
   * - `'patches'`: each patch is a step, in raster order; those at the right and bottom edge are padded with zeros (after the
   *   normalisation)
   * @defaultValue 'rows'
   */
  readonly scheme?: SchemeName;
  /** Patches only, and needed there: `[height, width]` in pixels, or one number for both. */
  readonly patchSize?: number | readonly [number, number];
  /**
   * Patches only: pixels from one patch to the next, `[down, right]` or one number for both, at most the patch size.
   * @defaultValue the patch size: patches do not overlap
   */
  readonly stride?: number | readonly [number, number];
  /** @defaultValue 'dataset' */
  readonly normalization?: Normalization;
}

/** The first element of a model of images: plain, frozen data with all defaults filled in. */
export interface ToSequence {
  readonly kind: 'toSequence';
  readonly scheme: SchemeName;
  readonly patchSize?: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly normalization: Normalization;
}

function expectPair(name: string, value: unknown): readonly [number, number] {
  const pair = typeof value === 'number' ? [value, value] : value;
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw new CugruError('ERR_TYPE', `${name} must be a number or [height, width], got ${show(value)}`, { name });
  }
  const [height, width] = pair.map((side, i) => expectInteger(`${name}[${i}]`, side, { min: 1, max: 2 ** 16 }));
  return Object.freeze([height as number, width as number] as const);
}

function expectFigures(name: string, values: unknown, above: number): readonly number[] {
  if (!Array.isArray(values) || values.length === 0) {
    throw new CugruError('ERR_TYPE', `${name} must be an array with one number for each channel, got ${show(values)}`, {
      name,
    });
  }
  return Object.freeze(values.map((value, i) => expectNumber(`${name}[${i}]`, value, { above, max: 1e6 })));
}

function expectNormalization(value: unknown): Normalization {
  if (typeof value !== 'object' || value === null) {
    return expectOneOf('normalization', value, ['dataset', 'none'] as const);
  }
  rejectUnknownKeys('normalization', value, ['mean', 'std']);
  const given = value as { readonly mean?: unknown; readonly std?: unknown };
  const mean = expectFigures('normalization.mean', given.mean, -1e6);
  const std = expectFigures('normalization.std', given.std, 0);
  if (mean.length !== std.length) {
    const problem = `normalization needs a mean and std for each channel, got ${mean.length} and ${std.length}`;
    throw new CugruError('ERR_SHAPE', problem, { mean: mean.length, std: std.length });
  }
  return Object.freeze({ mean, std });
}

function expectPatches(options: ToSequenceOptions): Pick<ToSequence, 'patchSize' | 'stride'> {
  if (options.patchSize === undefined) {
    throw new CugruError('ERR_VALUE', "the scheme 'patches' needs a patchSize: [height, width], or a number for both");
  }
  const patchSize = expectPair('patchSize', options.patchSize);
  const stride = options.stride === undefined ? patchSize : expectPair('stride', options.stride);
  if (stride[0] > patchSize[0] || stride[1] > patchSize[1]) {
    const problem = `stride must be at most the patchSize [${patchSize.join(', ')}], or pixels between patches are lost, got`;
    throw new CugruError('ERR_VALUE', `${problem} [${stride.join(', ')}]`, { patchSize, stride });
  }
  return { patchSize, stride };
}

/**
 * Reads images as sequences: the first element of a model's list, for rows of `[height, width, channels]`. It gives
 * `[steps, features]`: for 28 × 28 × 1, rows and columns give [28, 28], patches of 7 give [16, 49].
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`, `ERR_SHAPE`
 */
export function toSequence(options: ToSequenceOptions = {}): ToSequence {
  rejectUnknownKeys('image.toSequence', options, ['scheme', 'patchSize', 'stride', 'normalization']);
  const scheme = expectOneOf('scheme', options.scheme ?? 'rows', schemeNames);
  if (scheme !== 'patches' && (options.patchSize !== undefined || options.stride !== undefined)) {
    throw new CugruError('ERR_VALUE', `patchSize and stride are for the scheme 'patches', got scheme '${scheme}'`, {
      scheme,
    });
  }
  const patches = scheme === 'patches' ? expectPatches(options) : {};
  const normalization = expectNormalization(options.normalization ?? 'dataset');
  return Object.freeze({ kind: 'toSequence', scheme, ...patches, normalization });
}

/** Whether a value is what {@link toSequence} gives. */
export function isToSequence(value: unknown): value is ToSequence {
  return typeof value === 'object' && value !== null && (value as { readonly kind?: unknown }).kind === 'toSequence';
}
