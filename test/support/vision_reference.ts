/** Convolution, pooling and normalisation in float64, from their definitions in native/core/ops/vision.h. Images lie one after the other. */
import { type Activation, activate, slopeOf } from './conformance_reference.js';

type Numbers = Float32Array | Float64Array;

/** A window over images; pads are [top, bottom, left, right], the others [vertical, horizontal]. */
export interface WindowCase {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}

export interface ConvCase extends WindowCase {
  readonly filters: number;
  readonly activation: Activation;
  readonly useBias: boolean;
}

const at = (values: Numbers, i: number) => values[i] as number;
const add = (values: Float64Array, i: number, value: number) => {
  values[i] = at(values, i) + value;
};

/** Height and width of the output; 1 where a window does not fit, which the operation refuses. */
export function outputSize({ height, width, size, strides, dilation, pads }: WindowCase): readonly [number, number] {
  const along = (room: number, i: 0 | 1) =>
    Math.max(1, Math.floor((room - (size[i] - 1) * dilation[i] - 1) / strides[i]) + 1);
  return [along(height + pads[0] + pads[1], 0), along(width + pads[2] + pads[3], 1)];
}

// visit(output pixel, image pixel, tap) for every pixel of every window that is in the image, in raster order.
function eachTap(w: WindowCase, images: number, visit: (out: number, pixel: number, tap: number) => void): void {
  const [outHeight, outWidth] = outputSize(w);
  for (let out = 0; out < images * outHeight * outWidth; out++) {
    const image = Math.floor(out / (outHeight * outWidth));
    const [oy, ox] = [Math.floor(out / outWidth) % outHeight, out % outWidth];
    for (let tap = 0; tap < w.size[0] * w.size[1]; tap++) {
      const y = oy * w.strides[0] - w.pads[0] + Math.floor(tap / w.size[1]) * w.dilation[0];
      const x = ox * w.strides[1] - w.pads[2] + (tap % w.size[1]) * w.dilation[1];
      if (y < 0 || y >= w.height || x < 0 || x >= w.width) continue;
      visit(out, (image * w.height + y) * w.width + x, tap);
    }
  }
}

export interface ConvFeed {
  readonly x: Numbers;
  /** (filters, channels, kernel height, kernel width) */
  readonly weight: Numbers;
  readonly bias: Numbers | undefined;
}

function convSums(c: ConvCase, { x, weight, bias }: ConvFeed): Float64Array {
  const { channels, filters } = c;
  const images = x.length / (c.height * c.width * channels);
  const [outHeight, outWidth] = outputSize(c);
  const taps = c.size[0] * c.size[1];
  const sums = Float64Array.from({ length: images * outHeight * outWidth * filters }, (_, i) =>
    bias === undefined ? 0 : at(bias, i % filters),
  );
  eachTap(c, images, (out, pixel, tap) => {
    for (let f = 0; f < filters; f++) {
      let sum = 0;
      for (let k = 0; k < channels; k++)
        sum += at(x, pixel * channels + k) * at(weight, (f * channels + k) * taps + tap);
      add(sums, out * filters + f, sum);
    }
  });
  return sums;
}

export function conv2d(c: ConvCase, feed: ConvFeed): Float64Array {
  return convSums(c, feed).map(activate[c.activation]);
}

export function conv2dGradients(
  c: ConvCase,
  feed: ConvFeed,
  dy: Numbers,
): { x: Float64Array; weight: Float64Array; bias: Float64Array } {
  const { channels, filters } = c;
  const taps = c.size[0] * c.size[1];
  const d = convSums(c, feed).map((sum, i) => at(dy, i) * slopeOf[c.activation](sum));
  const gradients = {
    x: new Float64Array(feed.x.length),
    weight: new Float64Array(feed.weight.length),
    bias: new Float64Array(filters),
  };
  for (const [i, value] of d.entries()) add(gradients.bias, i % filters, value);
  eachTap(c, feed.x.length / (c.height * c.width * channels), (out, pixel, tap) => {
    for (let f = 0; f < filters; f++) {
      const g = at(d, out * filters + f);
      for (let k = 0; k < channels; k++) {
        const [xi, wi] = [pixel * channels + k, (f * channels + k) * taps + tap];
        add(gradients.x, xi, g * at(feed.weight, wi));
        add(gradients.weight, wi, g * at(feed.x, xi));
      }
    }
  });
  return gradients;
}

/** Output and gradient of the input of a pool. */
export function pool2d(
  kind: 'max' | 'avg',
  w: WindowCase,
  x: Numbers,
  dy: Numbers,
): { y: Float64Array; dx: Float64Array } {
  const { channels } = w;
  const [y, dx] = [new Float64Array(dy.length), new Float64Array(x.length)];
  const windows = new Map<number, number[]>();
  eachTap(w, x.length / (w.height * w.width * channels), (out, pixel) => {
    const pixels = windows.get(out) ?? [];
    windows.set(out, pixels);
    pixels.push(pixel);
  });
  for (const [out, pixels] of windows) {
    for (let c = 0; c < channels; c++) {
      const values = pixels.map((pixel) => at(x, pixel * channels + c));
      const g = at(dy, out * channels + c);
      if (kind === 'avg') {
        y[out * channels + c] = values.reduce((a, b) => a + b, 0) / values.length;
        for (const pixel of pixels) add(dx, pixel * channels + c, g / values.length);
      } else {
        const largest = Math.max(...values);
        y[out * channels + c] = largest;
        add(dx, (pixels[values.indexOf(largest)] as number) * channels + c, g);
      }
    }
  }
  return { y, dx };
}

export interface NormFeed {
  /** The last axis. */
  readonly width: number;
  readonly epsilon: number;
  readonly x: Numbers;
  readonly weight: Numbers;
  readonly bias: Numbers;
  readonly dy: Numbers;
}

export interface NormResult {
  readonly y: Float64Array;
  readonly dx: Float64Array;
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  /** The largest x over the smallest deviation: how much of a rounding error in x is left in y. */
  readonly condition: number;
  /** The largest of the terms that make dx, which may cancel. */
  readonly terms: number;
}

interface Group {
  readonly mean: number;
  readonly variance: number;
}

function statisticsOf(x: Numbers, indices: readonly number[]): Group {
  const mean = indices.reduce((sum, i) => sum + at(x, i), 0) / indices.length;
  return { mean, variance: indices.reduce((sum, i) => sum + (at(x, i) - mean) ** 2, 0) / indices.length };
}

// Normalises each group of elements by its own statistics, through which gradients flow, or by given ones.
function normalizeGroups(f: NormFeed, groups: readonly (readonly number[])[], given?: readonly Group[]): NormResult {
  const { width, x, weight, bias, dy, epsilon } = f;
  let [condition, terms] = [0, 0];
  const result = {
    y: new Float64Array(x.length),
    dx: new Float64Array(x.length),
    weight: new Float64Array(width),
    bias: new Float64Array(width),
  };
  for (const [g, indices] of groups.entries()) {
    const { mean, variance } = given?.[g] ?? statisticsOf(x, indices);
    const rstd = 1 / Math.sqrt(variance + epsilon);
    const normal = (i: number) => (at(x, i) - mean) * rstd;
    const slope = (i: number) => at(dy, i) * at(weight, i % width);
    const [sum, products] = indices.reduce(([a, b], i) => [a + slope(i), b + slope(i) * normal(i)], [0, 0]);
    const count = indices.length;
    for (const i of indices) {
      condition = Math.max(condition, Math.abs(at(x, i)) * rstd);
      terms = Math.max(terms, Math.abs(rstd * slope(i)));
      result.y[i] = normal(i) * at(weight, i % width) + at(bias, i % width);
      add(result.weight, i % width, at(dy, i) * normal(i));
      add(result.bias, i % width, at(dy, i));
      result.dx[i] = rstd * (slope(i) - (given ? 0 : (sum + normal(i) * products) / count));
    }
  }
  return { ...result, condition, terms };
}

export function layerNorm(feed: NormFeed): NormResult {
  const rows = feed.x.length / feed.width;
  const row = (r: number) => Array.from({ length: feed.width }, (_, i) => r * feed.width + i);
  return normalizeGroups(
    feed,
    Array.from({ length: rows }, (_, r) => row(r)),
  );
}

const channelsOf = ({ x, width }: NormFeed) =>
  Array.from({ length: width }, (_, c) => Array.from({ length: x.length / width }, (__, i) => i * width + c));

export function batchNorm(feed: NormFeed): NormResult {
  return normalizeGroups(feed, channelsOf(feed));
}

/** The running statistics after a step: mean, then variance. */
export function movedStatistics(feed: NormFeed, before: Numbers, momentum: number): Float64Array {
  const count = feed.x.length / feed.width;
  const found = channelsOf(feed).map((indices) => statisticsOf(feed.x, indices));
  return Float64Array.from(before, (value, i) => {
    const { mean, variance } = found[i % feed.width] as Group;
    const fresh = i < feed.width ? mean : (variance * count) / Math.max(count - 1, 1);
    return (1 - momentum) * value + momentum * fresh;
  });
}

/** What other modes than training do with running statistics (mean, then variance). */
export function batchNormBy(feed: NormFeed, running: Numbers): NormResult {
  const given = Array.from({ length: feed.width }, (_, c) => ({
    mean: at(running, c),
    variance: at(running, feed.width + c),
  }));
  return normalizeGroups(feed, channelsOf(feed), given);
}
