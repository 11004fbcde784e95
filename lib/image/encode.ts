/** Pixels to PNG, for tests and reports. */
import { expectInteger, expectTypedArray, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { loadSharp } from './load_sharp.js';

/** Options of {@link encodePng}: what the pixels are. */
export interface EncodeOptions {
  readonly width: number;
  readonly height: number;
  /** 1 for grey, 3 for RGB. */
  readonly channels: 1 | 3;
}

/** The size of the images to make or take. @internal */
export function expectSize(options: EncodeOptions): EncodeOptions {
  const width = expectInteger('width', options.width, { min: 1, max: 2 ** 14 });
  const height = expectInteger('height', options.height, { min: 1, max: 2 ** 14 });
  if (options.channels !== 1 && options.channels !== 3) {
    throw new CugruError('ERR_VALUE', `channels must be 1 (grey) or 3 (RGB), got ${String(options.channels)}`);
  }
  return { width, height, channels: options.channels };
}

/**
 * A PNG file of `[height, width, channels]` bytes; nothing is lost.
 * @throws {@link CugruError} `ERR_SHAPE`, `ERR_TYPE`, `ERR_VALUE`; `ERR_IMAGE` without sharp.
 */
export async function encodePng(pixels: Uint8Array, options: EncodeOptions): Promise<Buffer> {
  rejectUnknownKeys('image.encodePng', options, ['width', 'height', 'channels']);
  const { width, height, channels } = expectSize(options);
  expectTypedArray('pixels', pixels, Uint8Array);
  if (pixels.length !== width * height * channels) {
    const expected = `[${height}, ${width}, ${channels}], that is ${width * height * channels} bytes`;
    throw new CugruError('ERR_SHAPE', `pixels must be ${expected}, got ${pixels.length}`, { length: pixels.length });
  }
  const sharp = await loadSharp();
  const picture = sharp(pixels, { raw: { width, height, channels } });
  return picture
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer();
}
