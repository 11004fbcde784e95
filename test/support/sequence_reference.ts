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

/** A mean of the valid steps, weighted by the softmax of their scores; gradients of x and of the scores. */
export function attentionPool(
  shape: Shape,
  x: Numbers,
  scores: Numbers,
  dy: Numbers,
  lengths?: Int32Array,
): Wanted & { readonly weights: Float64Array } {
  const alone = { ...shape, features: 1 };
  const y = new Float64Array(shape.batch * shape.rows * shape.features);
  const [dx, dScores, weights] = [new Float64Array(x.length), new Float64Array(scores.length), scores.slice().fill(0)];
  eachColumn(alone, lengths, ({ b, r, length, out }) => {
    const steps = Array.from({ length }, (_, t) => t);
    const powers = steps.map((t) => Math.exp(at(scores, place(alone, b, t, r, 0))));
    const sum = powers.reduce((a, power) => a + power, 0);
    const features = Array.from({ length: shape.features }, (_, f) => f);
    const slopes = steps.map((t) =>
      features.reduce((a, f) => a + at(dy, out * shape.features + f) * at(x, place(shape, b, t, r, f)), 0),
    );
    const mean = steps.reduce((a, t) => a + (at(powers, t) / sum) * at(slopes, t), 0);
    for (const t of steps) {
      const [weight, score] = [at(powers, t) / sum, place(alone, b, t, r, 0)];
      weights[score] = weight;
      dScores[score] = weight * (at(slopes, t) - mean);
      for (const f of features) {
        const [from, to] = [place(shape, b, t, r, f), out * shape.features + f];
        y[to] = at(y, to) + weight * at(x, from);
        dx[from] = weight * at(dy, to);
      }
    }
  });
  return { y, gradients: [dx, dScores], weights: Float64Array.from(weights) };
}

/** 1 + the last step with a feature that is not `value`, at least 1; one for each batch row and row. */
export function trailingLengths(shape: Shape, x: Numbers, value: number): Int32Array {
  const lengths = new Int32Array(shape.batch * shape.rows).fill(1);
  eachColumn(shape, undefined, ({ b, r, f }) => {
    for (let t = 0; t < shape.steps; t++) {
      const row = b * shape.rows + r;
      if (at(x, place(shape, b, t, r, f)) !== value) lengths[row] = Math.max(at(lengths, row), t + 1);
    }
  });
  return lengths;
}

/** 1 - erf(z) for z >= 0: the series of erf with terms that are all positive, and Lentz's continued fraction further out. */
function erfc(z: number): number {
  if (z < 2.5) {
    let [term, sum] = [z, z];
    for (let n = 1; n < 200; n++) {
      term *= (2 * z * z) / (2 * n + 1);
      sum += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
  }
  let fraction = 0;
  for (let n = 200; n > 0; n--) fraction = n / 2 / (z + fraction);
  return Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction);
}

export type ActivationKind = 'relu' | 'tanh' | 'sigmoid' | 'gelu' | 'silu';
export const activationKinds: readonly ActivationKind[] = ['relu', 'tanh', 'sigmoid', 'gelu', 'silu'];

const probability = (x: number) => (x < 0 ? erfc(-x / Math.SQRT2) / 2 : 1 - erfc(x / Math.SQRT2) / 2);
const density = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const logistic = (x: number) => 1 / (1 + Math.exp(-x));

const functions: Record<ActivationKind, readonly [value: (x: number) => number, slope: (x: number) => number]> = {
  relu: [(x) => Math.max(x, 0), (x) => (x > 0 ? 1 : 0)],
  tanh: [Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  sigmoid: [logistic, (x) => logistic(x) * (1 - logistic(x))],
  gelu: [(x) => x * probability(x), (x) => probability(x) + x * density(x)],
  silu: [(x) => x * logistic(x), (x) => logistic(x) * (1 + x * (1 - logistic(x)))],
};

export function activation(kind: ActivationKind, x: Numbers, dy: Numbers): Wanted {
  const [value, slope] = functions[kind];
  const wide = Float64Array.from(x);
  return { y: wide.map(value), gradients: [wide.map((v, i) => slope(v) * at(dy, i))] };
}
