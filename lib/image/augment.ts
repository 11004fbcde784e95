/**
 * What `fit` may change of each image at random, so that no two epochs show the same: `model.fit(train, { augment: [...] })`.
 *
 * All shifts, flips, rotations, scalings and crops are applied in the order of the list, as one map with bilinear interpolation; whole
 * pixels that are only shifted or flipped are copied exactly. Then `erase`, `brightness` and `contrast` in their order, then one
 * of `mixup` and `cutmix`. Pixels are from 0 to 1 here, before the normalisation.
 *
 * @module
 */
import { expectBoolean, expectInteger, expectNumber, rejectUnknownKeys, show } from '../checks.js';
import { CugruError } from '../errors.js';

/** What lies outside of an image that was moved. */
export interface FillOptions {
  /**
   * Value of all channels, from 0 to 1. All that move an image in one list have the same.
   * @defaultValue 0: black
   */
  readonly fill?: number;
}

/** Options of {@link shift}. At least one of them is above 0. */
export interface ShiftOptions extends FillOptions {
  /**
   * Up and down at most: below 1 a fraction of the height, which is rounded to whole pixels; else whole pixels.
   * @defaultValue 0
   */
  readonly height?: number;
  /**
   * To the left and right at most, as `height`.
   * @defaultValue 0
   */
  readonly width?: number;
}

/** Options of {@link flip}. */
export interface FlipOptions {
  /** @defaultValue true */
  readonly horizontal?: boolean;
  /** @defaultValue false */
  readonly vertical?: boolean;
}

/** Options of {@link rotate}. */
export interface RotateOptions extends FillOptions {
  /** Either way at most, above 0 up to 180. */
  readonly degrees: number;
}

/** Options of {@link scale}, {@link brightness} and {@link contrast}: a factor is drawn evenly from `min` to `max`. */
export interface FactorOptions {
  readonly min: number;
  readonly max: number;
}

/** Options of {@link crop}. */
export interface CropOptions extends FillOptions {
  /** Pixels that are added on each side. */
  readonly padding: number;
}

/** Options of {@link erase}. */
export interface EraseOptions {
  /** @defaultValue 0.5 */
  readonly probability?: number;
  /**
   * Least and greatest share of the image, drawn evenly.
   * @defaultValue [0.02, 0.33]
   */
  readonly area?: readonly [number, number];
  /**
   * Least and greatest height over width, drawn evenly by their logarithm.
   * @defaultValue [0.3, 3.3]
   */
  readonly aspect?: readonly [number, number];
  /**
   * Value in the rectangle, from 0 to 1.
   * @defaultValue 0
   */
  readonly fill?: number;
}

/** Options of {@link mixup} and {@link cutmix}. */
export interface MixOptions {
  /**
   * Of the distribution Beta(alpha, alpha) of the own image's share: small ones leave most images nearly alone, 1 draws evenly.
   * @defaultValue 0.2 for mixup, 1 for cutmix
   */
  readonly alpha?: number;
}

/** One change of an image: plain, frozen data with all defaults filled in. */
export type Augmentation =
  | ({ readonly kind: 'shift' } & Required<ShiftOptions>)
  | ({ readonly kind: 'flip' } & Required<FlipOptions>)
  | ({ readonly kind: 'rotate' } & Required<RotateOptions>)
  | ({ readonly kind: 'scale' } & FactorOptions & Required<FillOptions>)
  | ({ readonly kind: 'crop' } & Required<CropOptions>)
  | ({ readonly kind: 'erase' } & Required<EraseOptions>)
  | ({ readonly kind: 'brightness' } & FactorOptions)
  | ({ readonly kind: 'contrast' } & FactorOptions)
  | ({ readonly kind: 'mixup' } & Required<MixOptions>)
  | ({ readonly kind: 'cutmix' } & Required<MixOptions>);

type Of<Kind extends Augmentation['kind']> = Extract<Augmentation, { readonly kind: Kind }>;

const mostPixels = 2 ** 14;

function expectFill(value: unknown): number {
  return expectNumber('fill', value ?? 0, { min: 0, max: 1 });
}

function expectDistance(name: string, value: unknown): number {
  const distance = expectNumber(name, value ?? 0, { min: 0, max: mostPixels });
  return distance < 1 ? distance : expectInteger(name, distance, { min: 1, max: mostPixels });
}

function expectFactors(options: FactorOptions, bounds: { readonly above?: number; readonly min?: number }) {
  const min = expectNumber('min', options.min, { ...bounds, max: 100 });
  return { min, max: expectNumber('max', options.max, { min, max: 100 }) };
}

function expectRange(
  name: string,
  value: unknown,
  bounds: { readonly above: number; readonly max: number },
): readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2) {
    throw new CugruError('ERR_TYPE', `${name} must be [least, greatest], got ${show(value)}`, { name });
  }
  const least = expectNumber(`${name}[0]`, value[0], bounds);
  return Object.freeze([least, expectNumber(`${name}[1]`, value[1], { min: least, max: bounds.max })] as const);
}

/**
 * Moves the image by whole pixels, each distance as likely as any other. As Keras's ImageDataGenerator has it: less than 1 is a
 * fraction, 1 and more are pixels.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`
 */
export function shift(options: ShiftOptions): Of<'shift'> {
  rejectUnknownKeys('augment.shift', options, ['height', 'width', 'fill']);
  const [height, width] = [expectDistance('height', options.height), expectDistance('width', options.width)];
  if (height === 0 && width === 0) {
    throw new CugruError('ERR_VALUE', 'augment.shift needs a height or a width above 0');
  }
  return Object.freeze({ kind: 'shift', height, width, fill: expectFill(options.fill) });
}

/**
 * Mirrors every other image.
 * @throws {@link CugruError} `ERR_VALUE` when neither way is left, `ERR_TYPE`
 */
export function flip(options: FlipOptions = {}): Of<'flip'> {
  rejectUnknownKeys('augment.flip', options, ['horizontal', 'vertical']);
  const horizontal = expectBoolean('horizontal', options.horizontal ?? true);
  const vertical = expectBoolean('vertical', options.vertical ?? false);
  if (!horizontal && !vertical) throw new CugruError('ERR_VALUE', 'augment.flip needs horizontal or vertical');
  return Object.freeze({ kind: 'flip', horizontal, vertical });
}

/**
 * Turns the image about its middle.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`
 */
export function rotate(options: RotateOptions): Of<'rotate'> {
  rejectUnknownKeys('augment.rotate', options, ['degrees', 'fill']);
  const degrees = expectNumber('degrees', options.degrees, { above: 0, max: 180 });
  return Object.freeze({ kind: 'rotate', degrees, fill: expectFill(options.fill) });
}

/**
 * Zooms about the middle: above 1 the image's content becomes larger.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`
 */
export function scale(options: FactorOptions & FillOptions): Of<'scale'> {
  rejectUnknownKeys('augment.scale', options, ['min', 'max', 'fill']);
  return Object.freeze({
    kind: 'scale',
    ...expectFactors(options, { min: 0.01 }),
    fill: expectFill(options.fill),
  });
}

/**
 * Pads each side and cuts a piece of the old size out, anywhere.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`
 */
export function crop(options: CropOptions): Of<'crop'> {
  rejectUnknownKeys('augment.crop', options, ['padding', 'fill']);
  const padding = expectInteger('padding', options.padding, { min: 1, max: mostPixels });
  return Object.freeze({ kind: 'crop', padding, fill: expectFill(options.fill) });
}

/**
 * Random erasing (Zhong et al., 2020): fills a rectangle. A side that would be longer than the image is cut to it.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`
 */
export function erase(options: EraseOptions = {}): Of<'erase'> {
  rejectUnknownKeys('augment.erase', options, ['probability', 'area', 'aspect', 'fill']);
  return Object.freeze({
    kind: 'erase',
    probability: expectNumber('probability', options.probability ?? 0.5, { above: 0, max: 1 }),
    area: expectRange('area', options.area ?? [0.02, 0.33], { above: 0, max: 1 }),
    aspect: expectRange('aspect', options.aspect ?? [0.3, 3.3], { above: 0.001, max: 1000 }),
    fill: expectFill(options.fill),
  });
}

/**
 * Multiplies all values, and cuts them off at 0 and 1.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`
 */
export function brightness(options: FactorOptions): Of<'brightness'> {
  rejectUnknownKeys('augment.brightness', options, ['min', 'max']);
  return Object.freeze({ kind: 'brightness', ...expectFactors(options, { min: 0 }) });
}

/**
 * Multiplies the distance of all values from the image's mean, and cuts them off at 0 and 1.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`
 */
export function contrast(options: FactorOptions): Of<'contrast'> {
  rejectUnknownKeys('augment.contrast', options, ['min', 'max']);
  return Object.freeze({ kind: 'contrast', ...expectFactors(options, { min: 0 }) });
}

function expectAlpha(name: string, options: MixOptions, usual: number): number {
  rejectUnknownKeys(name, options, ['alpha']);
  return expectNumber('alpha', options.alpha ?? usual, { min: 0.01, max: 100 });
}

/**
 * Mixup (Zhang et al., 2018): blends the image, and its label, with those of the next row of the batch. Needs cross-entropy.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`
 */
export function mixup(options: MixOptions = {}): Of<'mixup'> {
  return Object.freeze({ kind: 'mixup', alpha: expectAlpha('augment.mixup', options, 0.2) });
}

/**
 * CutMix (Yun et al., 2019): a rectangle of the image is that of the next row of the batch, and so is its share of the label. Needs
 * cross-entropy.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`
 */
export function cutmix(options: MixOptions = {}): Of<'cutmix'> {
  return Object.freeze({ kind: 'cutmix', alpha: expectAlpha('augment.cutmix', options, 1) });
}
