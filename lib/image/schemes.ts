/**
 * In which order a recurrent layer reads an image. Each scheme is one entry of a table that says which window slides over the
 * image, and where it stands at each step; the rest is common.
 */
import { expectInteger } from '../checks.js';
import { CugruError } from '../errors.js';

/** Size of an image in pixels; data is `[height, width, channels]`, row-major. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Name of a scheme. */
export type SchemeName = 'rows' | 'columns' | 'patches';

/** A scheme with its parameters. */
export interface SchemeConfig {
  readonly scheme: SchemeName;
  /** Patches only: height and width of a patch. */
  readonly patchSize?: readonly [number, number];
  /** Patches only: rows and columns from one patch to the next. The patch size when left out: no overlap. */
  readonly stride?: readonly [number, number];
}

/** Which value of the image is read where in the sequence. */
export interface SequenceMap {
  readonly steps: number;
  /** Of one step. */
  readonly features: number;
  /** `[steps, features]`: the offset into the image's data, or -1 where a patch reaches beyond the image. */
  readonly map: Int32Array;
}

/** A window that slides over the image, and its top left corner at each step. */
interface Scan {
  readonly window: readonly [height: number, width: number];
  readonly origins: readonly (readonly [y: number, x: number])[];
}

type Scheme = (size: ImageSize, config: SchemeConfig) => Scan;

function rasterOrigins(ys: readonly number[], xs: readonly number[]): [number, number][] {
  return ys.flatMap((y) => xs.map((x): [number, number] => [y, x]));
}

function multiples(count: number, stride: number): number[] {
  return Array.from({ length: count }, (_, i) => i * stride);
}

function checkFit(axis: string, patch: number, stride: number, length: number): void {
  if (patch > length) {
    const problem = `the patch ${axis} must be at most the image's, ${length}, got ${patch}`;
    throw new CugruError('ERR_SHAPE', problem, { patch, length });
  }
  if (stride > patch) {
    const problem = `the stride must be at most the patch ${axis}, ${patch}, or pixels between patches are lost; got ${stride}`;
    throw new CugruError('ERR_VALUE', problem, { patch, stride });
  }
}

// As many windows as reach the last pixel.
function windowCount(length: number, patch: number, stride: number): number {
  return Math.ceil((length - patch) / stride) + 1;
}

const schemes: Readonly<Record<SchemeName, Scheme>> = {
  rows: ({ height, width }) => ({ window: [1, width], origins: rasterOrigins(multiples(height, 1), [0]) }),
  columns: ({ height, width }) => ({ window: [height, 1], origins: rasterOrigins([0], multiples(width, 1)) }),
  patches: ({ height, width }, { patchSize, stride = patchSize }) => {
    if (patchSize === undefined || stride === undefined) {
      throw new CugruError(
        'ERR_VALUE',
        "the scheme 'patches' needs a patchSize: [height, width], or a number for both",
      );
    }
    checkFit('height', patchSize[0], stride[0], height);
    checkFit('width', patchSize[1], stride[1], width);
    const ys = multiples(windowCount(height, patchSize[0], stride[0]), stride[0]);
    const xs = multiples(windowCount(width, patchSize[1], stride[1]), stride[1]);
    return { window: patchSize, origins: rasterOrigins(ys, xs) };
  },
};

/** Names of all schemes. */
export const schemeNames = Object.freeze(Object.keys(schemes)) as readonly SchemeName[];

const maxEntries = 2 ** 26;

function fill({ height, width, channels }: ImageSize, { window, origins }: Scan, map: Int32Array): void {
  let at = 0;
  for (const [top, left] of origins) {
    for (let y = top; y < top + window[0]; y++) {
      for (let x = left; x < left + window[1]; x++) {
        const inside = y < height && x < width;
        for (let c = 0; c < channels; c++) map[at++] = inside ? (y * width + x) * channels + c : -1;
      }
    }
  }
}

/**
 * The map of a scheme for images of one size.
 * - `rows`: a step is a row from top to bottom; its features are `[x][channel]`
 * - `columns`: a step is a column from left to right; its features are `[y][channel]`
 * - `patches`: a step is a patch, in raster order (along the top first); its features are `[dy][dx][channel]`. Where the patches
 *   do not fit evenly, the last ones reach beyond the bottom or right edge, and those features are -1.
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
  const scan = schemes[config.scheme](size, config);
  const steps = scan.origins.length;
  const features = scan.window[0] * scan.window[1] * size.channels;
  if (steps * features > maxEntries) {
    const problem = `${steps} steps of ${features} features are more than ${maxEntries} values; choose a larger stride`;
    throw new CugruError('ERR_SHAPE', problem, { steps, features });
  }
  const map = new Int32Array(steps * features);
  fill(size, scan, map);
  return { steps, features, map };
}
