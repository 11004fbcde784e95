/** What can be chosen about decoding, checked. */
import { expectBoolean, expectInteger, expectOneOf, expectString, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { expectSize } from './encode.js';
import type { SharpModule } from './load_sharp.js';

/** How pixels are made of a file, whatever their number. A dataset of image files keeps it, and so does a model trained on it. */
export interface Decoding {
  /**
   * How other proportions are made to fit: stretched, cut at the edges, or with bars of `background`.
   * @defaultValue 'fill'
   */
  readonly fit?: 'fill' | 'cover' | 'contain';
  /**
   * Filter for another size.
   * @defaultValue 'lanczos3'
   */
  readonly kernel?: 'nearest' | 'linear' | 'cubic' | 'mitchell' | 'lanczos2' | 'lanczos3';
  /**
   * Turn dark to light at the end: for dark writing on paper, when the model was trained on light on dark.
   * @defaultValue false
   */
  readonly invert?: boolean;
  /**
   * Colour (a CSS name or #rrggbb) under transparent pixels, and of bars.
   * @defaultValue 'black'
   */
  readonly background?: string;
}

/** Options of `image.decode`. */
export interface DecodeOptions extends Decoding {
  readonly width: number;
  readonly height: number;
  /** 1 for grey (luminance), 3 for RGB. */
  readonly channels: 1 | 3;
  /**
   * Pixels of a file at most, width times height: a larger one is refused before its pixels are decoded.
   * @defaultValue 268402689, that is 16383 x 16383
   */
  readonly maxPixels?: number;
}

const fits = ['fill', 'cover', 'contain'] as const;
const kernels = ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const;
const decodingKeys = ['fit', 'kernel', 'invert', 'background'] as const;
/** @internal */
export const decodeKeys = ['width', 'height', 'channels', ...decodingKeys, 'maxPixels'] as const;

/** All that decoding needs to know. @internal */
export type DecodePlan = Required<DecodeOptions>;

function checkDecoding(options: Decoding): Required<Decoding> {
  return {
    fit: expectOneOf('fit', options.fit ?? 'fill', fits),
    kernel: expectOneOf('kernel', options.kernel ?? 'lanczos3', kernels),
    invert: expectBoolean('invert', options.invert ?? false),
    background: expectString('background', options.background ?? 'black'),
  };
}

/** A {@link Decoding} with its defaults, from a file that is not trusted. @internal */
export function expectDecoding(value: unknown): Required<Decoding> {
  rejectUnknownKeys('decoding', value, decodingKeys);
  return Object.freeze(checkDecoding(value as Decoding));
}

/** @internal */
export function checkDecodeOptions(options: DecodeOptions): DecodePlan {
  return {
    ...expectSize(options),
    ...checkDecoding(options),
    maxPixels: expectInteger('maxPixels', options.maxPixels ?? 0x3fff ** 2, { min: 1, max: Number.MAX_SAFE_INTEGER }),
  };
}

/** The part of a plan that a dataset keeps. @internal */
export function decodingOf({ fit, kernel, invert, background }: DecodePlan): Required<Decoding> {
  return Object.freeze({ fit, kernel, invert, background });
}

/** Refuses a background that is no colour once, rather than with each file. @internal */
export function expectColour(sharp: SharpModule, { background }: DecodePlan): void {
  try {
    sharp().flatten({ background });
  } catch (error) {
    const problem = `background must be a colour as CSS has them, such as 'white' or '#ff8000', got '${background}'`;
    throw new CugruError('ERR_VALUE', problem, { background }, { cause: error });
  }
}
