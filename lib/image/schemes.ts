/**
 * In which order a recurrent layer reads an image. Each scheme is one entry of a table that says which windows slide over the
 * image, and in which order they are visited; the rest is common.
 */
import { expectInteger } from '../checks.js';
import { CugruError } from '../errors.js';
import { type OrderName, orders, permuted } from './orders.js';
import { type Axis, cutAxis, type PaddingName } from './windows.js';

/** Size of an image in pixels; data is `[height, width, channels]`, row-major. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Name of a scheme. */
export type SchemeName = 'rows' | 'columns' | 'pixels' | 'permutation' | 'patches' | 'multiScale';

/** A scheme with its parameters. */
export interface SchemeConfig {
  readonly scheme: SchemeName;
  /** Patches and multi-scale only: height and width of a patch. */
  readonly patchSize?: readonly [number, number];
  /** Patches and multi-scale only: rows and columns from one patch to the next. The patch size when left out: no overlap. */
  readonly stride?: readonly [number, number];
  /** Pixels, patches and multi-scale only. 'raster' when left out. */
  readonly order?: OrderName;
  /** Patches and multi-scale only. 'zeros' when left out. */
  readonly padding?: PaddingName;
  /** Multi-scale only: coarsest first. [2, 1] when left out. */
  readonly scales?: readonly number[];
  /** Permutation only. 0 when left out. */
  readonly seed?: number;
  /** Where a step is, behind its features. False when left out. */
  readonly coordinates?: boolean;
}

/** Which value of the image is read where in the sequence. */
export interface SequenceMap {
  readonly steps: number;
  /** Of one step, without its coordinates. */
  readonly features: number;
  /** `[steps, features]`: the offset into the image's data, or -1 where a patch reaches beyond the image. */
  readonly map: Int32Array;
  /** `[steps, 2]`, where they are wanted: row and column of the centre of what a step reads, from -1 to 1. */
  readonly coordinates?: Float32Array;
}

/** Windows on a grid, and the order in which they are visited. */
interface Scan {
  readonly window: readonly [height: number, width: number];
  readonly ys: Axis;
  readonly xs: Axis;
  readonly order: (rows: number, columns: number) => Int32Array;
}

type Scheme = (size: ImageSize, config: SchemeConfig) => readonly Scan[];

function scan(
  { height, width }: ImageSize,
  window: readonly [number, number],
  { stride = window, padding = 'zeros', order = 'raster' }: Omit<SchemeConfig, 'scheme'> = {},
  scale = 1,
): Scan {
  const common = { padding, scale };
  return {
    window,
    ys: cutAxis({ ...common, name: 'height', length: height, patch: window[0], stride: stride[0] }),
    xs: cutAxis({ ...common, name: 'width', length: width, patch: window[1], stride: stride[1] }),
    order: orders[order],
  };
}

function patchOf({ scheme, patchSize }: SchemeConfig): readonly [number, number] {
  if (patchSize !== undefined) return patchSize;
  const problem = `the scheme '${scheme}' needs a patchSize: [height, width], or a number for both`;
  throw new CugruError('ERR_VALUE', problem);
}

/** @internal */
export const defaultScales: readonly number[] = Object.freeze([2, 1]);

const schemes: Readonly<Record<SchemeName, Scheme>> = {
  rows: (size) => [scan(size, [1, size.width])],
  columns: (size) => [scan(size, [size.height, 1])],
  pixels: (size, { order = 'raster' }) => [scan(size, [1, 1], { order })],
  permutation: (size, { seed = 0 }) => [
    { ...scan(size, [1, 1]), order: (rows, columns) => permuted(seed, rows * columns) },
  ],
  patches: (size, config) => [scan(size, patchOf(config), config)],
  multiScale: (size, config) =>
    (config.scales ?? defaultScales).map((scale) => scan(size, patchOf(config), config, scale)),
};

/** Names of all schemes. */
export const schemeNames = Object.freeze(Object.keys(schemes)) as readonly SchemeName[];

const maxEntries = 2 ** 26;

function countSteps(scans: readonly Scan[]): number {
  return scans.reduce((sum, { ys, xs }) => sum + ys.origins.length * xs.origins.length, 0);
}

/** Writes the entries of one scan from `at` on, and returns where it ended. */
function fill({ width, channels }: ImageSize, { window, ys, xs, order }: Scan, map: Int32Array, at: number): number {
  const columns = xs.origins.length;
  let next = at;
  for (const cell of order(ys.origins.length, columns)) {
    const top = ys.origins[Math.floor(cell / columns)] as number;
    const left = xs.origins[cell % columns] as number;
    for (let dy = 0; dy < window[0]; dy++) {
      const y = ys.pixels[top + dy] as number;
      for (let dx = 0; dx < window[1]; dx++) {
        const x = xs.pixels[left + dx] as number;
        for (let c = 0; c < channels; c++) map[next++] = y < 0 || x < 0 ? -1 : (y * width + x) * channels + c;
      }
    }
  }
  return next;
}

// From -1 at the first of `length` pixels to 1 at the last, as CoordConv has it; 0 where there is one alone.
function fromCentre(at: number, length: number): number {
  return length === 1 ? 0 : (2 * at) / (length - 1) - 1;
}

/** Row and column of the mean place that each step reads; what lies beyond the image does not count, and no place at all is (0, 0). */
function centres({ height, width, channels }: ImageSize, steps: number, map: Int32Array): Float32Array {
  const features = map.length / steps;
  const result = new Float32Array(2 * steps);
  for (let step = 0; step < steps; step++) {
    let [rows, columns, count] = [0, 0, 0];
    for (const at of map.subarray(step * features, (step + 1) * features)) {
      if (at < 0) continue;
      const pixel = Math.floor(at / channels);
      rows += Math.floor(pixel / width);
      columns += pixel % width;
      count++;
    }
    if (count > 0) result.set([fromCentre(rows / count, height), fromCentre(columns / count, width)], 2 * step);
  }
  return result;
}

/**
 * The map of a scheme for images of one size.
 * - `rows`: a step is a row from top to bottom; its features are `[x][channel]`
 * - `columns`: a step is a column from left to right; its features are `[y][channel]`
 * - `pixels`: a step is a pixel, in `order`; its features are `[channel]`
 * - `permutation`: a step is a pixel, in a random order that `seed` fixes
 * - `patches`: a step is a patch, in `order`; its features are `[dy][dx][channel]`. Where the patches do not fit evenly, the last
 *   ones reach beyond the bottom or right edge, and `padding` says what is there.
 * - `multiScale`: as `patches`, for one scale after the other; at scale n a patch reads every n-th pixel
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`; `ERR_SHAPE` for patches larger than the image, or a sequence with more than 2^26
 * values.
 */
export function sequenceMap(config: SchemeConfig, size: ImageSize): SequenceMap {
  for (const axis of ['height', 'width', 'channels'] as const)
    expectInteger(axis, size[axis], { min: 1, max: 2 ** 20 });
  const values = size.height * size.width * size.channels;
  if (values > maxEntries) {
    const problem = `an image of [${size.height}, ${size.width}, ${size.channels}] is too large for a sequence of ${maxEntries} values`;
    throw new CugruError('ERR_SHAPE', problem, { size, values });
  }
  const scans = schemes[config.scheme](size, config);
  const [height, width] = (scans[0] as Scan).window;
  const steps = countSteps(scans);
  const features = height * width * size.channels;
  if (steps * features > maxEntries) {
    const problem = `${steps} steps of ${features} features are more than ${maxEntries} values; choose a larger stride`;
    throw new CugruError('ERR_SHAPE', problem, { steps, features });
  }
  const map = new Int32Array(steps * features);
  scans.reduce((at, one) => fill(size, one, map, at), 0);
  return { steps, features, map, ...(config.coordinates === true ? { coordinates: centres(size, steps, map) } : {}) };
}

/** A scheme in one line, for summaries: `patches 7x7 by 4x4, hilbert`. @internal */
export function describeScheme(config: SchemeConfig): string {
  const { scheme, patchSize, stride, order, padding, scales, seed, coordinates } = config;
  const overlaps = stride?.some((step, i) => step !== patchSize?.[i]) ? ` by ${stride.join('x')}` : '';
  return [
    patchSize === undefined ? scheme : `${scheme} ${patchSize.join('x')}${overlaps}`,
    scales === undefined ? undefined : `scales ${scales.join('/')}`,
    order === 'raster' ? undefined : order,
    padding === 'zeros' || padding === undefined ? undefined : `padding ${padding}`,
    seed === undefined ? undefined : `seed ${seed}`,
    coordinates === true ? 'coordinates' : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(', ');
}
