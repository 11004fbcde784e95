/** Image files to pixels, by sharp, which is loaded at the first call. */
import { stat } from 'node:fs/promises';
import type { Sharp } from 'sharp';
import { expectBoolean, expectInteger, expectOneOf, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';

/** Options of {@link decode}. */
export interface DecodeOptions {
  readonly height: number;
  readonly width: number;
  /** 1: grey, 3: RGB. */
  readonly channels: 1 | 3;
  /**
   * How an image of other proportions fits: `fill` stretches, `cover` cuts, `contain` pads with black.
   * @defaultValue 'fill'
   */
  readonly fit?: 'fill' | 'cover' | 'contain';
  /**
   * Turn dark into light, for dark marks on a light ground where a model was trained on light marks.
   * @defaultValue false
   */
  readonly invert?: boolean;
}

type SharpFactory = (input: string | Uint8Array, options: { failOn: 'truncated' }) => Sharp;

async function loadSharp(): Promise<SharpFactory> {
  try {
    return (await import('sharp')).default as unknown as SharpFactory;
  } catch (error) {
    throw new CugruError('ERR_IMAGE', 'reading image files needs the package sharp; run "npm install sharp"', {}, { cause: error });
  }
}

function checkOptions(options: DecodeOptions): Required<DecodeOptions> {
  rejectUnknownKeys('image.decode', options, ['height', 'width', 'channels', 'fit', 'invert']);
  const channels = expectInteger('channels', options.channels, { min: 1, max: 3 });
  if (channels === 2) throw new CugruError('ERR_VALUE', 'channels must be 1 (grey) or 3 (RGB), got 2');
  return {
    height: expectInteger('height', options.height, { min: 1, max: 16384 }),
    width: expectInteger('width', options.width, { min: 1, max: 16384 }),
    channels: channels as 1 | 3,
    fit: expectOneOf('fit', options.fit ?? 'fill', ['fill', 'cover', 'contain'] as const),
    invert: expectBoolean('invert', options.invert ?? false),
  };
}

async function expectFile(path: string): Promise<void> {
  let size: number;
  try {
    size = (await stat(path)).size;
  } catch (error) {
    throw new CugruError('ERR_IMAGE', `${path} cannot be read`, { path }, { cause: error });
  }
  if (size === 0) throw new CugruError('ERR_IMAGE', `${path} is empty`, { path });
}

/**
 * Decodes one image: turned as its EXIF says, transparency on black, grey or RGB, resized with Lanczos' kernel (a = 3).
 * @param source - a path, or a file's bytes: PNG, JPEG, WebP, TIFF, GIF, AVIF, SVG.
 * @returns `[height, width, channels]` pixels from 0 to 255.
 * @throws {@link CugruError} `ERR_IMAGE` naming the file and what is wrong with it.
 */
export async function decode(source: string | Uint8Array, options: DecodeOptions): Promise<Uint8Array> {
  const { height, width, channels, fit, invert } = checkOptions(options);
  const sharp = await loadSharp();
  const name = typeof source === 'string' ? source : 'the image';
  if (typeof source === 'string') await expectFile(source);
  try {
    let picture = sharp(source, { failOn: 'truncated' }).rotate().flatten({ background: '#000000' });
    picture = channels === 1 ? picture.toColourspace('b-w') : picture.toColourspace('srgb');
    if (invert) picture = picture.negate({ alpha: false });
    const { data, info } = await picture
      .resize(width, height, { fit, kernel: 'lanczos3', background: '#000000' })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return pick(data, info.channels, channels);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CugruError('ERR_IMAGE', `${name} cannot be decoded: ${reason}`, { name }, { cause: error });
  }
}

// A grey image may come as RGB and the other way round, depending on its format.
function pick(data: Uint8Array, from: number, to: number): Uint8Array {
  if (from === to) return new Uint8Array(data);
  const out = new Uint8Array((data.length / from) * to);
  for (let i = 0; i < out.length; i++) {
    const pixel = Math.floor(i / to);
    out[i] = data[pixel * from + Math.min(i % to, from - 1)] as number;
  }
  return out;
}

/** Decodes many images, several at a time, into one array in the order of `sources`. */
export async function decodeAll(sources: readonly (string | Uint8Array)[], options: DecodeOptions): Promise<Uint8Array> {
  const { height, width, channels } = checkOptions(options);
  const length = height * width * channels;
  const out = new Uint8Array(sources.length * length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < sources.length) {
      const i = next++;
      out.set(await decode(sources[i] as string | Uint8Array, options), i * length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, sources.length) }, worker));
  return out;
}

/** A PNG file's bytes from pixels `[height, width, channels]`. */
export async function encodePng(
  pixels: Uint8Array,
  { height, width, channels }: { readonly height: number; readonly width: number; readonly channels: 1 | 3 },
): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp');
  return sharp(pixels, { raw: { width, height, channels } }).png().toBuffer();
}
