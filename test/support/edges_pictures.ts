/** Pictures to decode: made with sharp in the test, so that their pixels are known. */
import sharp from 'sharp';

export const height = 6;
export const width = 8;
export const asGrey = { width, height, channels: 1 } as const;
export const asRgb = { width, height, channels: 3 } as const;

type Channels = 1 | 2 | 3 | 4;

/** A sharp picture over `[height, width, channels]` values. */
export function picture(pixels: Uint8Array | Uint16Array, channels: Channels, w = width, h = height) {
  const opened = sharp(pixels, { raw: { width: w, height: h, channels } });
  if (channels > 2) return opened;
  return opened.toColourspace(pixels instanceof Uint16Array ? 'grey16' : 'b-w');
}

/** Values that differ from each other, the same in each run. */
export function pattern(channels: Channels): Uint8Array {
  return Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 37 + 11) % 256);
}

/** The pixel everywhere. */
export function flat(...pixel: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: width * height * pixel.length }, (_, i) => pixel[i % pixel.length] as number);
}

/** The largest difference between two lists of the same length. */
export function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
}

/** Luminance of an sRGB pixel as IEC 61966-2-1 and BT.709 have it: 0 to 255, in float64. */
export function luminance(pixel: readonly number[]): number {
  const linear = pixel.map((byte) => {
    const v = byte / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  const y = [0.2126, 0.7152, 0.0722].reduce((sum, weight, c) => sum + weight * (linear[c] as number), 0);
  return 255 * (y <= 0.0031308 ? 12.92 * y : 1.055 * y ** (1 / 2.4) - 0.055);
}
