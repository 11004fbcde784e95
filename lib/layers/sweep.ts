/**
 * A feature map read by a recurrent layer: along its columns or its rows, with all columns (or rows) as batch rows. One index map
 * before and one after; the recurrent layer itself does not know.
 */
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { lowerRearrange } from './rearrange.js';

/** Down the columns, or along the rows. */
export type SweepAxis = 'vertical' | 'horizontal';

/** Sides of a feature map and the numbers at each place. */
export interface MapShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Refuses a tensor that is no `[batch, height, width, channels]`. */
export function expectFeatureMap(layer: string, x: SymbolicTensor): MapShape {
  const [height, width, channels] = x.dims;
  if (x.steps > 0 || x.rows !== 1 || x.dims.length !== 3 || x.dtype !== 'f32') {
    throw new CugruError(
      'ERR_SHAPE',
      `${layer} expects feature maps [batch, height, width, channels], got ${describeShape(x)}; ` +
        'give the model images (inputShape [height, width, channels]) without image.toSequence',
      { got: x.dims, steps: x.steps },
    );
  }
  return { height: height as number, width: width as number, channels: channels as number };
}

// Where each place of a map with the axes swapped comes from.
function swapped(first: number, second: number, channels: number): Int32Array {
  const map = new Int32Array(first * second * channels);
  let at = 0;
  for (let j = 0; j < second; j++) {
    for (let i = 0; i < first; i++) {
      for (let c = 0; c < channels; c++) map[at++] = (i * second + j) * channels + c;
    }
  }
  return map;
}

/** A feature map as sequences: steps down with a row for each column, or steps to the right with a row for each line. */
export function lowerToSweep(
  builder: GraphBuilder,
  name: string,
  x: SymbolicTensor,
  axis: SweepAxis,
  { height, width, channels }: MapShape,
): SymbolicTensor {
  if (axis === 'vertical') return lowerRearrange(builder, name, x, { steps: height, rows: width, dims: [channels] });
  const form = { steps: width, rows: height, dims: [channels] };
  return lowerRearrange(builder, name, x, form, swapped(height, width, channels));
}

/** Back from {@link lowerToSweep}: a feature map with the sequence's features as channels. */
export function lowerFromSweep(
  builder: GraphBuilder,
  name: string,
  x: SymbolicTensor,
  axis: SweepAxis,
): SymbolicTensor {
  const [channels = 0] = x.dims;
  const sides = axis === 'vertical' ? [x.steps, x.rows] : [x.rows, x.steps];
  const form = { steps: 0, rows: 1, dims: [...sides, channels] };
  const map = axis === 'vertical' ? undefined : swapped(x.steps, x.rows, channels);
  return lowerRearrange(builder, name, x, form, map);
}

/** From sequences along one axis to sequences along the other. */
export function lowerTurn(builder: GraphBuilder, name: string, x: SymbolicTensor): SymbolicTensor {
  const [channels = 0] = x.dims;
  const form = { steps: x.rows, rows: x.steps, dims: [channels] };
  return lowerRearrange(builder, name, x, form, swapped(x.steps, x.rows, channels));
}

/**
 * A map of windows `[windowHeight, windowWidth]` side by side: each becomes one place with the numbers of all its pixels. What lies
 * beyond the bottom or right edge is 0.
 */
export function windowMap(
  { height, width, channels }: MapShape,
  [windowHeight, windowWidth]: readonly [number, number],
): { readonly shape: MapShape; readonly map: Int32Array } {
  const [rows, columns] = [Math.ceil(height / windowHeight), Math.ceil(width / windowWidth)];
  const shape = { height: rows, width: columns, channels: windowHeight * windowWidth * channels };
  const map = new Int32Array(rows * columns * shape.channels);
  let at = 0;
  for (let place = 0; place < rows * columns; place++) {
    const [top, left] = [Math.floor(place / columns) * windowHeight, (place % columns) * windowWidth];
    for (let pixel = 0; pixel < windowHeight * windowWidth; pixel++) {
      const [y, x] = [top + Math.floor(pixel / windowWidth), left + (pixel % windowWidth)];
      const inside = y < height && x < width;
      for (let c = 0; c < channels; c++) map[at++] = inside ? (y * width + x) * channels + c : -1;
    }
  }
  return { shape, map };
}
