/** Image files to pixels of one size, as a model takes them. */
import { readFile } from 'node:fs/promises';
import { rejectUnknownKeys, show, typedArrayName } from '../checks.js';
import { CugruError } from '../errors.js';
import { checkDecodeOptions, type DecodeOptions, type DecodePlan, decodeKeys, expectColour } from './decode_options.js';
import { loadSharp, type SharpModule } from './load_sharp.js';

/** A file's path, or its content. */
export type ImageSource = string | Uint8Array;

function failed(label: string, reason: string, cause?: unknown): CugruError {
  return new CugruError('ERR_IMAGE', `${label}: ${reason}`, { path: label }, { cause });
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EISDIR') return 'it is a folder, not an image';
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be read';
  return message ?? String(error);
}

// These say nothing about the file, so that it must not be skipped for them.
const ofTheHost: readonly string[] = ['EMFILE', 'ENFILE', 'ENOMEM'];

// Read here rather than by sharp, which keeps files in a cache by their path and would give a changed one as it was.
async function bytesOf(source: ImageSource, label: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  if (typeof source === 'string') {
    try {
      bytes = await readFile(source);
    } catch (error) {
      if (ofTheHost.includes(String((error as NodeJS.ErrnoException).code))) throw error;
      throw failed(label, reasonOf(error), error);
    }
  } else if (typedArrayName(source) === 'Uint8Array') {
    bytes = source;
  } else {
    throw new CugruError(
      'ERR_TYPE',
      `${label} must be a path or a Uint8Array with a file's content, got ${show(source)}`,
    );
  }
  if (bytes.length === 0) throw failed(label, 'it is empty (0 bytes)');
  return bytes;
}

/** What messages call an image. @internal */
export function labelOf(source: ImageSource, position?: number): string {
  if (typeof source === 'string' && source !== '') return source;
  return position === undefined ? 'the image' : `image ${position}`;
}

const isGrey = (colour: string): boolean => /^(black|white|gr[ae]y|#([0-9a-f]{2})\2\2|#([0-9a-f])\3\3)$/i.test(colour);

/** Decodes one image into `out`. @internal */
export async function decodeInto(
  sharp: SharpModule,
  source: ImageSource,
  label: string,
  plan: DecodePlan,
  out: Uint8Array,
): Promise<void> {
  const bytes = await bytesOf(source, label);
  const { width, height, channels, fit, kernel, background, maxPixels } = plan;
  let data: Buffer;
  try {
    const picture = sharp(bytes, { limitInputPixels: maxPixels });
    // In colour from the beginning, or a background of any colour would be grey in a grey file. It takes a quarter of the time.
    if (channels === 3 && !isGrey(background)) picture.pipelineColourspace('srgb');
    data = await picture
      .autoOrient()
      .flatten({ background })
      .resize({ width, height, fit, kernel, background })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer();
  } catch (error) {
    throw failed(label, `it cannot be decoded as an image (${reasonOf(error)})`, error);
  }
  if (data.length !== out.length) {
    throw failed(
      label,
      `expected ${out.length} bytes of [${height}, ${width}, ${channels}], the decoder gave ${data.length}`,
    );
  }
  out.set(data);
  if (plan.invert) for (let i = 0; i < out.length; i++) out[i] = 255 - (out[i] as number);
}

/**
 * One image as `[height, width, channels]` bytes: PNG, JPEG, WebP, TIFF, GIF (its first frame), AVIF or SVG. It is turned upright
 * as its EXIF data says, laid on `background` where it is transparent, resized, and converted to grey or RGB.
 * @throws {@link CugruError} `ERR_IMAGE` naming the file and the reason: missing, empty, damaged, no image, too
 * large, or sharp is not installed; `ERR_TYPE`, `ERR_VALUE`.
 */
export async function decodeImage(source: ImageSource, options: DecodeOptions): Promise<Uint8Array> {
  rejectUnknownKeys('image.decode', options, decodeKeys);
  const plan = checkDecodeOptions(options);
  const out = new Uint8Array(plan.height * plan.width * plan.channels);
  const sharp = await loadSharp();
  expectColour(sharp, plan);
  await decodeInto(sharp, source, labelOf(source), plan, out);
  return out;
}
