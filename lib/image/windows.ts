/** Windows that slide over an image, and what they see beyond its edge. */
import { CugruError } from '../errors.js';

/**
 * What a patch reads where it reaches beyond the bottom or right edge:
 * - `'zeros'`: 0 after the normalisation, that is the mean colour
 * - `'edge'`: the nearest pixel
 * - `'reflect'`: the image mirrored at its last pixel, which is not repeated
 * - `'wrap'`: the image from its other side
 * - `'none'`: there are no such patches; pixels at the edge that fill no whole patch are left out
 */
export type PaddingName = 'zeros' | 'edge' | 'reflect' | 'wrap' | 'none';

/** Names of all paddings. */
export const paddingNames = Object.freeze(['zeros', 'edge', 'reflect', 'wrap', 'none']) as readonly PaddingName[];

function reflected(at: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const within = at % period;
  return within < length ? within : period - within;
}

function beyond(at: number, length: number, padding: PaddingName): number {
  if (padding === 'edge') return length - 1;
  if (padding === 'reflect') return reflected(at, length);
  return padding === 'wrap' ? at % length : -1;
}

/** One axis of a patch grid. */
export interface Axis {
  /** Where the windows begin. */
  readonly origins: readonly number[];
  /** The pixel (row or column) at each place up to the end of the last window; -1 for none. */
  readonly pixels: Int32Array;
}

/** How one axis is cut. */
export interface Cut {
  readonly name: 'height' | 'width';
  /** Pixels of the image along this axis. */
  readonly length: number;
  readonly patch: number;
  readonly stride: number;
  readonly padding: PaddingName;
  /** Only every `scale`-th pixel is read. */
  readonly scale: number;
}

function checkFit({ name, patch, stride, scale }: Cut, length: number): void {
  if (patch > length) {
    const at = scale === 1 ? '' : ` at scale ${scale}`;
    const problem = `the patch ${name} must be at most the image's${at}, ${length}, got ${patch}`;
    throw new CugruError('ERR_SHAPE', problem, { patch, length });
  }
  if (stride > patch) {
    const problem = `the stride must be at most the patch ${name}, ${patch}, or pixels between patches are lost; got ${stride}`;
    throw new CugruError('ERR_VALUE', problem, { patch, stride });
  }
}

/**
 * As many windows as reach the last pixel, or without padding as many as fit.
 * @throws {@link CugruError} `ERR_SHAPE`, `ERR_VALUE`
 */
export function cutAxis(cut: Cut): Axis {
  const { patch, stride, padding, scale } = cut;
  const length = Math.ceil(cut.length / scale);
  checkFit(cut, length);
  const fitting = (length - patch) / stride;
  const count = (padding === 'none' ? Math.floor(fitting) : Math.ceil(fitting)) + 1;
  const origins = Array.from({ length: count }, (_, i) => i * stride);
  // The pixel in the middle of the `scale` pixels that it stands for.
  const pixelOf = (at: number): number =>
    at < 0 ? -1 : Math.min(cut.length - 1, at * scale + Math.floor((scale - 1) / 2));
  const pixels = Int32Array.from({ length: (count - 1) * stride + patch }, (_, at) =>
    pixelOf(at < length ? at : beyond(at, length, padding)),
  );
  return { origins, pixels };
}
