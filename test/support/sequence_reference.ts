/**
 * The operations of native/core/ops/sequence.h in float64, from their definitions there. Arrays are in canonical order,
 * [batch, steps, rows, features]; a lengths array has one entry for each batch row and row.
 */

type Numbers = Float32Array | Float64Array;

/** `steps` 0: a tensor without steps. */
export interface Shape {
  readonly batch: number;
  readonly steps: number;
  readonly rows: number;
  readonly features: number;
}

/** A result with the gradients of its inputs, in their order. */
export interface Wanted {
  readonly y: Float64Array;
  readonly gradients: readonly Float64Array[];
}

const at = (values: ArrayLike<number>, i: number) => values[i] as number;

export const sizeOf = ({ batch, steps, rows, features }: Shape) => batch * Math.max(steps, 1) * rows * features;
export const describe = ({ batch, steps, rows, features }: Shape) => `B${batch} T${steps} R${rows} F${features}`;

/** Index of an element in canonical order. */
export function place({ steps, rows, features }: Shape, b: number, t: number, r: number, f: number): number {
  return ((b * Math.max(steps, 1) + t) * rows + r) * features + f;
}

/** Every batch row, row and feature: a column of steps. `length`: how many of them are valid. */
export function eachColumn(
  shape: Shape,
  lengths: ArrayLike<number> | undefined,
  body: (column: { b: number; r: number; f: number; length: number; out: number }) => void,
): void {
  for (let b = 0; b < shape.batch; b++) {
    for (let r = 0; r < shape.rows; r++) {
      const length = lengths === undefined ? Math.max(shape.steps, 1) : at(lengths, b * shape.rows + r);
      for (let f = 0; f < shape.features; f++) {
        body({ b, r, f, length, out: (b * shape.rows + r) * shape.features + f });
      }
    }
  }
}

/** `y[b][e] = x[b][map[e]]`. */
export function rearrange(x: Numbers, dy: Numbers, map: Int32Array, source: number): Wanted {
  const y = new Float64Array(dy.length);
  const dx = new Float64Array(x.length);
  for (let i = 0; i < y.length; i++) {
    const from = at(map, i % map.length);
    if (from < 0) continue;
    const place = Math.floor(i / map.length) * source + from;
    y[i] = at(x, place);
    dx[place] = at(dx, place) + at(dy, i);
  }
  return { y, gradients: [dx] };
}

/** Parts side by side on the last axis. */
export function concat(parts: readonly Numbers[], widths: readonly number[], dy: Numbers): Wanted {
  const width = widths.reduce((a, b) => a + b, 0);
  const y = new Float64Array(dy.length);
  const gradients = parts.map((part) => new Float64Array(part.length));
  let column = 0;
  for (const [k, part] of parts.entries()) {
    const own = widths[k] as number;
    for (let i = 0; i < part.length; i++) {
      const place = Math.floor(i / own) * width + column + (i % own);
      y[place] = at(part, i);
      (gradients[k] as Float64Array)[i] = at(dy, place);
    }
    column += own;
  }
  return { y, gradients };
}

/** The valid steps from the last to the first. */
export function reverse(shape: Shape, x: Numbers, dy: Numbers, lengths?: Int32Array): Wanted {
  const [y, dx] = [new Float64Array(x.length), new Float64Array(x.length)];
  eachColumn(shape, lengths, ({ b, r, f, length }) => {
    for (let t = 0; t < length; t++) {
      const [here, there] = [place(shape, b, t, r, f), place(shape, b, length - 1 - t, r, f)];
      y[here] = at(x, there);
      dx[there] = at(dy, here);
    }
  });
  return { y, gradients: [dx] };
}

export type Reduction = 'mean' | 'max' | 'first' | 'last';
export const reductions: readonly Reduction[] = ['mean', 'max', 'first', 'last'];

/** One value of all valid steps. */
export function reduceSteps(shape: Shape, kind: Reduction, x: Numbers, dy: Numbers, lengths?: Int32Array): Wanted {
  const y = new Float64Array(shape.batch * shape.rows * shape.features);
  const dx = new Float64Array(x.length);
  eachColumn(shape, lengths, ({ b, r, f, length, out }) => {
    const places = Array.from({ length }, (_, t) => place(shape, b, t, r, f));
    const column = places.map((i) => at(x, i));
    if (kind === 'mean') {
      y[out] = column.reduce((a, value) => a + value, 0) / length;
      for (const i of places) dx[i] = at(dy, out) / length;
      return;
    }
    const step = { first: 0, last: length - 1, max: column.indexOf(Math.max(...column)) }[kind];
    y[out] = at(column, step);
    dx[at(places, step)] = at(dy, out);
  });
  return { y, gradients: [dx] };
}
