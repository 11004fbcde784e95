/**
 * Ways of reading an image as a sequence. Each is an index map: for every step and feature the place of its value in the
 * image `[height, width, channels]`, or −1 for padding. The core gathers through it, on every device alike.
 */
import { CugruError } from '../errors.js';

/** Known ways. */
export type Scheme = 'rows' | 'columns' | 'patches';

/** All known ways, for checks. */
export const schemes = ['rows', 'columns', 'patches'] as const satisfies readonly Scheme[];

/** An image's sizes. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** A sequence as places in the image. */
export interface SequenceMap {
  readonly steps: number;
  readonly features: number;
  /** `steps * features` places: `(y * width + x) * channels + channel`, or −1. */
  readonly map: Int32Array;
}

/** Options that some schemes have. */
export interface SchemeOptions {
  readonly scheme: Scheme;
  /** `[height, width]` of a patch. */
  readonly patchSize?: readonly [number, number];
}

// A sequence of blocks of the image; a block outside of it is padding.
function blocks(size: ImageSize, corners: readonly (readonly [number, number])[], height: number, width: number): SequenceMap {
  const features = height * width * size.channels;
  const map = new Int32Array(corners.length * features);
  let at = 0;
  for (const [top, left] of corners) {
    for (let dy = 0; dy < height; dy++) {
      for (let dx = 0; dx < width; dx++) {
        const inside = top + dy < size.height && left + dx < size.width;
        const pixel = ((top + dy) * size.width + left + dx) * size.channels;
        for (let c = 0; c < size.channels; c++) map[at++] = inside ? pixel + c : -1;
      }
    }
  }
  return { steps: corners.length, features, map };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

const makers: Readonly<Record<Scheme, (size: ImageSize, options: SchemeOptions) => SequenceMap>> = {
  // A step is a row, its features [x][channel].
  rows: (size) => blocks(size, range(size.height).map((y) => [y, 0] as const), 1, size.width),
  // A step is a column, its features [y][channel].
  columns: (size) => blocks(size, range(size.width).map((x) => [0, x] as const), size.height, 1),
  // A step is a patch, in raster order, its features [dy][dx][channel]; the image is padded at bottom and right.
  patches: (size, { patchSize }) => {
    if (patchSize === undefined) throw new CugruError('ERR_VALUE', "scheme 'patches' needs patchSize: [height, width]");
    const [height, width] = patchSize;
    const tops = range(Math.ceil(size.height / height)).map((y) => y * height);
    const lefts = range(Math.ceil(size.width / width)).map((x) => x * width);
    return blocks(size, tops.flatMap((top) => lefts.map((left) => [top, left] as const)), height, width);
  },
};

/** The map of a scheme for images of a size. */
export function sequenceMap(options: SchemeOptions, size: ImageSize): SequenceMap {
  return makers[options.scheme](size, options);
}
