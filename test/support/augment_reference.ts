/** The operation `augment` in float64, from its description: every pixel is followed back through the list, step by step. */

import { philox4x32 } from './conformance_philox.js';
import { opGraph, type ProgramOptions, tensor } from './conformance_program.js';

export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** A step as the operation takes it. */
export interface Step {
  readonly kind: keyof typeof kinds;
  readonly values: readonly number[];
}

const kinds = {
  shift: 0,
  flip: 1,
  rotate: 2,
  scale: 3,
  erase: 4,
  brightness: 5,
  contrast: 6,
  mixup: 7,
  cutmix: 8,
} as const;

export interface AugmentOptions extends ImageShape {
  readonly steps: readonly Step[];
  readonly fill?: number;
  readonly dtype?: 'u8' | 'f32';
  readonly batch: number;
  /** Numbers of samples come from the host. */
  readonly numbered?: boolean;
}

/** The operation alone, with all its outputs; its id is 0. */
export function augmentProgram(options: AugmentOptions): ProgramOptions {
  const { height, width, channels, steps, fill = 0, dtype = 'u8', batch, numbered = false } = options;
  const values = new Float32Array(steps.length * 6);
  steps.forEach((step, i) => {
    values.set(step.values, i * 6);
  });
  const graph = opGraph({
    op: 'augment',
    attrs: { height, width, channels, fill, values, kinds: Int32Array.from(steps, ({ kind }) => kinds[kind]) },
    inputs: [
      { name: 'slab', spec: tensor([height * width * channels], 0, dtype), kind: 'slab' },
      { name: 'indices', spec: tensor([], 0, 'i32'), kind: 'indices' },
      ...(numbered ? [{ name: 'samples', spec: tensor([], 0, 'i32') }] : []),
    ],
    outputs: [
      { name: 'image', spec: tensor([height, width, channels]) },
      { name: 'partners', spec: tensor([], 0, 'i32') },
      { name: 'lambda', spec: tensor([]) },
    ],
  });
  return { graph, batch, mode: 'predict' };
}

/** What names the draws of a sample. */
export interface SampleKey {
  readonly seed: number;
  readonly epoch: number;
  readonly sample: number;
}

/** Four numbers in [0, 1) for a place of a sample; the operation's id is 0. */
export function drawn({ seed, epoch, sample }: SampleKey, place: number): readonly [number, number, number, number] {
  const block = 64n * BigInt(sample) + BigInt(place);
  const key = [BigInt(seed) & 0xffffffffn, BigInt(seed) >> 32n];
  const words = philox4x32([block & 0xffffffffn, block >> 32n, 0n, BigInt(epoch)], key);
  return words.map((word) => (word >>> 8) / 2 ** 24) as unknown as readonly [number, number, number, number];
}

const between = (low: number, high: number, u: number) => Math.fround(low) + (Math.fround(high) - Math.fround(low)) * u;
const offset = (limit: number, u: number) => Math.floor((2 * limit + 1) * u) - limit;
const clamp = (value: number) => Math.min(1, Math.max(0, value));

type Point = readonly [x: number, y: number];

/** Where the pixel (x, y) of the result lies in the source. */
export function sourceOf({ height, width, steps }: AugmentOptions, key: SampleKey, from: Point): Point {
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2];
  return steps.reduceRight<Point>(([x, y], { kind, values: [a = 0, b = 0] }, i) => {
    const [u, v] = drawn(key, 2 * i);
    if (kind === 'shift') return [x - offset(b, v), y - offset(a, u)];
    if (kind === 'flip') return [u < a ? width - 1 - x : x, v < b ? height - 1 - y : y];
    if (kind === 'scale') {
      const factor = between(a, b, u);
      return [cx + (x - cx) / factor, cy + (y - cy) / factor];
    }
    if (kind !== 'rotate') return [x, y];
    const angle = (between(-a, a, u) * Math.PI) / 180;
    const [dx, dy] = [x - cx, y - cy];
    return [cx + Math.cos(angle) * dx - Math.sin(angle) * dy, cy + Math.sin(angle) * dx + Math.cos(angle) * dy];
  }, from);
}

/** The rectangle of an erase step, or undefined. */
export function erased({ height, width, steps }: AugmentOptions, key: SampleKey, i: number) {
  const [probability = 0, least = 0, most = 0, flat = 0, tall = 0] = steps[i]?.values ?? [];
  const [u0, u1, u2, u3] = drawn(key, 2 * i);
  if (u0 >= Math.fround(probability)) return undefined;
  const area = height * width * between(least, most, u1);
  const aspect = Math.exp(
    between(0, 1, u2) * Math.log(Math.fround(tall) / Math.fround(flat)) + Math.log(Math.fround(flat)),
  );
  const rows = Math.min(height, Math.round(Math.sqrt(area * aspect)));
  const columns = Math.min(width, Math.round(Math.sqrt(area / aspect)));
  const top = Math.floor((height - rows + 1) * u3);
  const left = Math.floor((width - columns + 1) * drawn(key, 2 * i + 1)[0]);
  return { top, left, bottom: top + rows, right: left + columns };
}

/** One image from a row of the slab in [0, 1], before it is mixed. */
export function augmented(options: AugmentOptions, key: SampleKey, row: ArrayLike<number>): Float64Array {
  const { height, width, channels, steps, fill = 0 } = options;
  const pixel = (x: number, y: number, c: number): number =>
    x < 0 || y < 0 || x >= width || y >= height ? fill : (row[(y * width + x) * channels + c] as number);
  const image = new Float64Array(height * width * channels);
  for (let i = 0; i < image.length; i++) {
    const [c, at] = [i % channels, Math.floor(i / channels)];
    const [sx, sy] = sourceOf(options, key, [at % width, Math.floor(at / width)]);
    const [left, top] = [Math.floor(sx), Math.floor(sy)];
    const [fx, fy] = [sx - left, sy - top];
    image[i] =
      (1 - fy) * ((1 - fx) * pixel(left, top, c) + fx * pixel(left + 1, top, c)) +
      fy * ((1 - fx) * pixel(left, top + 1, c) + fx * pixel(left + 1, top + 1, c));
  }
  return steps.reduce((values, { kind, values: [a = 0, b = 0, , , , filled = 0] }, i) => {
    const factor = between(a, b, drawn(key, 2 * i)[0]);
    if (kind === 'brightness') return values.map((value) => clamp(value * factor));
    if (kind === 'contrast') {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return values.map((value) => clamp(mean + (value - mean) * factor));
    }
    const box = kind === 'erase' ? erased(options, key, i) : undefined;
    return box === undefined ? values : values.map((value, at) => (isInside(box, options, at) ? filled : value));
  }, image);
}

interface Box {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

function isInside({ top, left, bottom, right }: Box, { width, channels }: ImageShape, at: number): boolean {
  const [y, x] = [Math.floor(at / channels / width), Math.floor(at / channels) % width];
  return y >= top && y < bottom && x >= left && x < right;
}

/** Beta(alpha, alpha) as the description has it. */
export function beta(alpha: number, u: number, v: number): number {
  const squared = 2 * alpha * ((1 - u) ** (-1 / alpha) - 1) * Math.cos(2 * Math.PI * v) ** 2;
  const t = Math.sqrt(squared) * Math.sign(Math.cos(2 * Math.PI * v));
  return Number.isFinite(t) ? (1 + t / Math.sqrt(2 * alpha + t * t)) / 2 : t > 0 ? 1 : 0;
}

/** The share of the own image, and the mixed image. */
export function mixed(options: AugmentOptions, key: SampleKey, own: Float64Array, partner: Float64Array) {
  const { height, width, steps } = options;
  const mixing = [...steps.keys()].filter((i) => steps[i]?.kind === 'mixup' || steps[i]?.kind === 'cutmix');
  const i = mixing[Math.floor(mixing.length * drawn(key, 63)[0])];
  if (i === undefined) return { lambda: 1, image: own };
  const [u0, u1, u2, u3] = drawn(key, 2 * i);
  const lambda = beta(Math.fround(steps[i]?.values[0] ?? 0), u0, u1);
  if (steps[i]?.kind === 'mixup') {
    return { lambda, image: own.map((value, at) => lambda * value + (1 - lambda) * (partner[at] as number)) };
  }
  const side = Math.sqrt(1 - lambda) / 2;
  const [y, x] = [Math.floor(height * u2), Math.floor(width * u3)];
  const [halfHeight, halfWidth] = [Math.floor(height * side), Math.floor(width * side)];
  const box = {
    top: Math.max(0, y - halfHeight),
    left: Math.max(0, x - halfWidth),
    bottom: Math.min(height, y + halfHeight),
    right: Math.min(width, x + halfWidth),
  };
  const area = (box.bottom - box.top) * (box.right - box.left);
  const image = own.map((value, at) => (isInside(box, options, at) ? (partner[at] as number) : value));
  return { lambda: 1 - area / (height * width), image };
}
