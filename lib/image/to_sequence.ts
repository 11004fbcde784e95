/** `image.toSequence`: how a model turns images into sequences. */
import { expectInteger, expectNumber, expectOneOf, rejectUnknownKeys, show } from '../checks.js';
import { CugruError } from '../errors.js';
import { type OrderName, orderNames } from './orders.js';
import { defaultScales, type SchemeConfig, type SchemeName, schemeNames } from './schemes.js';
import { type PaddingName, paddingNames } from './windows.js';

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
   * - `'pixels'`: each pixel is a step, in `order`
   * - `'permutation'`: each pixel is a step, in a random order that `seed` fixes
   * - `'patches'`: each patch is a step, in `order`
   * - `'multiScale'`: each patch is a step, first those of the coarsest scale. At scale n a patch reads every n-th pixel: nothing is
   *   averaged
   * @defaultValue 'rows'
   */
  readonly scheme?: SchemeName;
  /** Patches and multi-scale only, and needed there: `[height, width]` in pixels, or one number for both. */
  readonly patchSize?: number | readonly [number, number];
  /**
   * Patches and multi-scale only: pixels from one patch to the next, `[down, right]` or one number for both, at most the patch size.
   * @defaultValue the patch size: patches do not overlap
   */
  readonly stride?: number | readonly [number, number];
  /**
   * Pixels, patches and multi-scale only: the order of the steps.
   * - `'raster'`: each line from the left
   * - `'snake'`: every other line from the right
   * - `'hilbert'`: Hilbert's curve, generalised to every size
   * - `'spiralIn'`: clockwise from the top left corner to the middle; `'spiralOut'`: the same backwards
   * - `'diagonal'`: along the diagonals, to and fro
   * @defaultValue 'raster'
   */
  readonly order?: OrderName;
  /**
   * Patches and multi-scale only: what a patch reads beyond the bottom or right edge: `'zeros'` (after the normalisation: the mean
   * colour), `'edge'` (the nearest pixel), `'reflect'`, `'wrap'`; or `'none'`: no patch reaches beyond, and what fills no whole
   * patch is left out.
   * @defaultValue 'zeros'
   */
  readonly padding?: PaddingName;
  /**
   * Multi-scale only: coarsest first, each less than the one before.
   * @defaultValue [2, 1]
   */
  readonly scales?: readonly number[];
  /**
   * Permutation only. It is saved with the model.
   * @defaultValue 0
   */
  readonly seed?: number;
  /** @defaultValue 'dataset' */
  readonly normalization?: Normalization;
}

/** An image input that can be read as a sequence: what `input({ shape: [height, width, channels] })` gives. */
export interface ImageInput<Sequence> {
  /** @internal */
  readAs(toSequence: ToSequence): Sequence;
}

/**
 * How images are read as sequences: the first element of a model's list, or applied to an `input`. Plain, frozen data with all
 * defaults filled in.
 */
export interface ToSequence extends SchemeConfig {
  readonly kind: 'toSequence';
  readonly normalization: Normalization;
  /**
   * Reads a model's input as a sequence `[steps, features]`. One input may be read in several ways.
   * @throws {@link CugruError} `ERR_GRAPH` for anything but an input, `ERR_SHAPE` when its rows are no images.
   */
  apply<Sequence>(input: ImageInput<Sequence>): Sequence;
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

/** @internal Checks what a model's normalisation shall be. */
export function expectNormalization(value: unknown): Normalization {
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

function expectPatches({ scheme, ...options }: ToSequenceOptions): Pick<ToSequence, 'patchSize' | 'stride'> {
  if (options.patchSize === undefined) {
    const problem = `the scheme '${scheme}' needs a patchSize: [height, width], or a number for both`;
    throw new CugruError('ERR_VALUE', problem);
  }
  const patchSize = expectPair('patchSize', options.patchSize);
  const stride = options.stride === undefined ? patchSize : expectPair('stride', options.stride);
  if (stride[0] > patchSize[0] || stride[1] > patchSize[1]) {
    const problem = `stride must be at most the patchSize [${patchSize.join(', ')}], or pixels between patches are lost, got`;
    throw new CugruError('ERR_VALUE', `${problem} [${stride.join(', ')}]`, { patchSize, stride });
  }
  return { patchSize, stride };
}

function expectScales(value: unknown): readonly number[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > 16) {
    throw new CugruError('ERR_TYPE', `scales must be an array of 1 to 16 integers, got ${show(value)}`);
  }
  const scales = value.map((scale, i) => expectInteger(`scales[${i}]`, scale, { min: 1, max: 2 ** 10 }));
  const rising = scales.findIndex((scale, i) => i > 0 && scale >= (scales[i - 1] as number));
  if (rising < 0) return Object.freeze(scales);
  const problem = `scales must go from coarse to fine, each less than the one before, got [${scales.join(', ')}]`;
  throw new CugruError('ERR_VALUE', problem, { scales });
}

const patchOptions = ['patchSize', 'stride', 'order', 'padding'] as const;
// Which options go with which scheme.
const taken: Readonly<Record<SchemeName, readonly (keyof ToSequenceOptions)[]>> = {
  rows: [],
  columns: [],
  pixels: ['order'],
  permutation: ['seed'],
  patches: patchOptions,
  multiScale: [...patchOptions, 'scales'],
};

function expectTaken(scheme: SchemeName, options: ToSequenceOptions): void {
  const given = Object.keys(options).filter((key) => options[key as keyof ToSequenceOptions] !== undefined);
  for (const key of given as (keyof ToSequenceOptions)[]) {
    if (key === 'scheme' || key === 'normalization' || taken[scheme].includes(key)) continue;
    const takers = schemeNames.filter((name) => taken[name].includes(key)).map((name) => `'${name}'`);
    const problem = `${key} is for the scheme ${takers.join(' or ')}, got scheme '${scheme}'`;
    throw new CugruError('ERR_VALUE', problem, { scheme, option: key });
  }
}

function schemeConfig(scheme: SchemeName, options: ToSequenceOptions): SchemeConfig {
  const takes = (key: keyof ToSequenceOptions): boolean => taken[scheme].includes(key);
  return {
    scheme,
    ...(takes('patchSize') ? expectPatches({ ...options, scheme }) : {}),
    ...(takes('order') ? { order: expectOneOf('order', options.order ?? 'raster', orderNames) } : {}),
    ...(takes('padding') ? { padding: expectOneOf('padding', options.padding ?? 'zeros', paddingNames) } : {}),
    ...(takes('scales') ? { scales: expectScales(options.scales ?? defaultScales) } : {}),
    ...(takes('seed')
      ? { seed: expectInteger('seed', options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER }) }
      : {}),
  };
}

const keys = ['scheme', ...patchOptions, 'scales', 'seed', 'normalization'] as const;

// Not enumerable: the rest is data, which is compared, spread and saved.
function withApply(data: Omit<ToSequence, 'apply'>): ToSequence {
  const apply: ToSequence['apply'] = (input) => {
    if (typeof input?.readAs === 'function') return input.readAs(toSequence);
    throw new CugruError('ERR_TYPE', `image.toSequence(...).apply takes what input(...) gives, got ${show(input)}`);
  };
  const toSequence = Object.freeze(Object.defineProperty({ ...data }, 'apply', { value: apply })) as ToSequence;
  return toSequence;
}

/**
 * Reads images as sequences: the first element of a model's list, for rows of `[height, width, channels]`. It gives
 * `[steps, features]`: for 28 × 28 × 1, rows and columns give [28, 28], patches of 7 give [16, 49].
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`, `ERR_SHAPE`
 */
export function toSequence(options: ToSequenceOptions = {}): ToSequence {
  rejectUnknownKeys('image.toSequence', options, keys);
  const scheme = expectOneOf('scheme', options.scheme ?? 'rows', schemeNames);
  expectTaken(scheme, options);
  const config = schemeConfig(scheme, options);
  const normalization = expectNormalization(options.normalization ?? 'dataset');
  return withApply({ kind: 'toSequence', ...config, normalization });
}

/** Whether a value is what {@link toSequence} gives. */
export function isToSequence(value: unknown): value is ToSequence {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, scheme } = value as { readonly kind?: unknown; readonly scheme?: unknown };
  return kind === 'toSequence' && scheme !== undefined;
}
