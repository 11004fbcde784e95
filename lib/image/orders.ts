/** In which order the cells of a grid (pixels, patches) are visited. */
import { PhiloxStream } from '../philox.js';

/** Name of an order. */
export type OrderName = 'raster' | 'snake' | 'hilbert' | 'spiralIn' | 'spiralOut' | 'diagonal';

/** The cells of a grid, as `y * columns + x`, in the order of their visit. */
type Order = (rows: number, columns: number) => Int32Array;

// Far above the ids of operations, as the streams of shuffling are.
const permutationStream = 0xffff_0003;

const raster: Order = (rows, columns) => Int32Array.from({ length: rows * columns }, (_, i) => i);

const snake: Order = (rows, columns) =>
  Int32Array.from({ length: rows * columns }, (_, i) => {
    const [y, x] = [Math.floor(i / columns), i % columns];
    return y * columns + (y % 2 === 0 ? x : columns - 1 - x);
  });

// Rings, clockwise from the top left corner.
const spiralIn: Order = (rows, columns) => {
  const cells = new Int32Array(rows * columns);
  let [top, bottom, left, right] = [0, rows - 1, 0, columns - 1];
  let at = 0;
  while (top <= bottom && left <= right) {
    for (let x = left; x <= right; x++) cells[at++] = top * columns + x;
    for (let y = top + 1; y <= bottom; y++) cells[at++] = y * columns + right;
    if (top < bottom) for (let x = right - 1; x >= left; x--) cells[at++] = bottom * columns + x;
    if (left < right) for (let y = bottom - 1; y > top; y--) cells[at++] = y * columns + left;
    [top, bottom, left, right] = [top + 1, bottom - 1, left + 1, right - 1];
  }
  return cells;
};

// The zigzag of JPEG: first to the right, then down and to the left.
const diagonal: Order = (rows, columns) => {
  const cells = new Int32Array(rows * columns);
  let at = 0;
  for (let sum = 0; sum <= rows + columns - 2; sum++) {
    const [first, last] = [Math.max(0, sum - columns + 1), Math.min(rows - 1, sum)];
    for (let k = 0; k <= last - first; k++) {
      const y = sum % 2 === 1 ? first + k : last - k;
      cells[at++] = y * columns + (sum - y);
    }
  }
  return cells;
};

/**
 * Hilbert's curve for rectangles of any size, as Jakub Červený's "gilbert" has it: a rectangle is halved along its longer side,
 * or cut into three parts that are curves themselves. For squares of a power of two it is Hilbert's own. (ax, ay) is the longer
 * side as a vector, (bx, by) the shorter one.
 */
const hilbert: Order = (rows, columns) => {
  const cells = new Int32Array(rows * columns);
  let at = 0;
  const line = (x: number, y: number, dx: number, dy: number, length: number): void => {
    for (let i = 0; i < length; i++) cells[at++] = (y + i * dy) * columns + (x + i * dx);
  };
  const halved = (side: number): number => {
    const half = Math.floor(side / 2);
    return half % 2 === 1 && side > 2 ? half + 1 : half;
  };
  const visit = (x: number, y: number, ax: number, ay: number, bx: number, by: number): void => {
    const [width, height] = [Math.abs(ax + ay), Math.abs(bx + by)];
    const [dax, day, dbx, dby] = [Math.sign(ax), Math.sign(ay), Math.sign(bx), Math.sign(by)];
    if (height === 1) line(x, y, dax, day, width);
    else if (width === 1) line(x, y, dbx, dby, height);
    else if (2 * width > 3 * height) {
      // Even halves where that can be: an odd one ends at the wrong corner.
      const half = halved(width);
      const [ax2, ay2] = [dax * half, day * half];
      visit(x, y, ax2, ay2, bx, by);
      visit(x + ax2, y + ay2, ax - ax2, ay - ay2, bx, by);
    } else {
      const [half, across] = [halved(height), Math.floor(width / 2)];
      const [bx2, by2, ax2, ay2] = [dbx * half, dby * half, dax * across, day * across];
      visit(x, y, bx2, by2, ax2, ay2);
      visit(x + bx2, y + by2, ax, ay, bx - bx2, by - by2);
      visit(x + ax - dax + bx2 - dbx, y + ay - day + by2 - dby, -bx2, -by2, ax2 - ax, ay2 - ay);
    }
  };
  if (columns >= rows) visit(0, 0, columns, 0, 0, rows);
  else visit(0, 0, 0, rows, columns, 0);
  return cells;
};

/** @internal */
export const orders: Readonly<Record<OrderName, Order>> = {
  raster,
  snake,
  hilbert,
  spiralIn,
  spiralOut: (rows, columns) => spiralIn(rows, columns).reverse(),
  diagonal,
};

/** Names of all orders. */
export const orderNames = Object.freeze(Object.keys(orders)) as readonly OrderName[];

/** A random order, the same for the same seed on every machine. @internal */
export function permuted(seed: number, count: number): Int32Array {
  return new PhiloxStream(seed, permutationStream, 0).shuffle(raster(1, count));
}
