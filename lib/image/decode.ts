/** Image files to pixels of one size, as a model takes them. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import {
  expectBoolean,
  expectInteger,
  expectOneOf,
  expectString,
  rejectUnknownKeys,
  show,
  typedArrayName,
} from '../checks.js';
import { CugruError } from '../errors.js';
import { expectSize } from './encode.js';
import { loadSharp, type SharpModule } from './load_sharp.js';

/** A file's path, or its content. */
export type ImageSource = string | Uint8Array;

/** Options of {@link decodeImage}. */
export interface DecodeOptions {
  readonly width: number;
  readonly height: number;
  /** 1 for grey (luminance), 3 for RGB. */
  readonly channels: 1 | 3;
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

/** Options of {@link decodeImages}. */
export interface DecodeAllOptions extends DecodeOptions {
  /**
   * Images in work at the same time.
   * @defaultValue the number of processors, at most 8
   */
  readonly concurrency?: number;
  /** Ends the call early; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const keys = ['width', 'height', 'channels', 'fit', 'kernel', 'invert', 'background'] as const;
const fits = ['fill', 'cover', 'contain'] as const;
const kernels = ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const;

type Plan = Required<DecodeOptions>;

function checkOptions(options: DecodeOptions): Plan {
  return {
    ...expectSize(options),
    fit: expectOneOf('fit', options.fit ?? 'fill', fits),
    kernel: expectOneOf('kernel', options.kernel ?? 'lanczos3', kernels),
    invert: expectBoolean('invert', options.invert ?? false),
    background: expectString('background', options.background ?? 'black'),
  };
}

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

// Read here rather than by sharp, which keeps files in a cache by their path and would give a changed one as it was.
async function bytesOf(source: ImageSource, label: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  if (typeof source === 'string') {
    try {
      bytes = await readFile(source);
    } catch (error) {
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

function labelOf(source: ImageSource, position?: number): string {
  if (typeof source === 'string' && source !== '') return source;
  return position === undefined ? 'the image' : `image ${position}`;
}

async function decodeInto(
  sharp: SharpModule,
  source: ImageSource,
  label: string,
  plan: Plan,
  out: Uint8Array,
): Promise<void> {
  const bytes = await bytesOf(source, label);
  const { width, height, channels, fit, kernel, background } = plan;
  let data: Buffer;
  try {
    const picture = sharp(bytes);
    // In colour from the beginning, or a background of any colour would be grey in a grey file.
    if (channels === 3) picture.pipelineColourspace('srgb');
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
  const flip = plan.invert ? 255 : 0;
  for (let i = 0; i < out.length; i++) out[i] = (data[i] as number) ^ flip;
}

/**
 * One image as `[height, width, channels]` bytes: PNG, JPEG, WebP, TIFF, GIF (its first frame), AVIF or SVG. It is turned upright
 * as its EXIF data says, laid on `background` where it is transparent, resized, and converted to grey or RGB.
 * @throws {@link CugruError} `ERR_IMAGE` naming the file and the reason: missing, empty, damaged, no image, or sharp is not
 * installed; `ERR_TYPE`, `ERR_VALUE`.
 */
export async function decodeImage(source: ImageSource, options: DecodeOptions): Promise<Uint8Array> {
  rejectUnknownKeys('image.decode', options, keys);
  const plan = checkOptions(options);
  const out = new Uint8Array(plan.height * plan.width * plan.channels);
  await decodeInto(await loadSharp(), source, labelOf(source), plan, out);
  return out;
}

/**
 * Many images as `[sources, height, width, channels]` bytes, in the order of `sources`, several at a time. The first one that
 * fails ends the call.
 * @throws {@link CugruError} as {@link decodeImage}; `ERR_VALUE` for an empty list or one that does not fit in memory.
 */
export async function decodeImages(sources: readonly ImageSource[], options: DecodeAllOptions): Promise<Uint8Array> {
  rejectUnknownKeys('image.decodeAll', options, [...keys, 'concurrency', 'signal']);
  const plan = checkOptions(options);
  const most = Math.min(8, availableParallelism());
  const concurrency = expectInteger('concurrency', options.concurrency ?? most, { min: 1, max: 1024 });
  if (!Array.isArray(sources)) throw new CugruError('ERR_TYPE', `sources must be an array, got ${show(sources)}`);
  const row = plan.height * plan.width * plan.channels;
  expectInteger('the number of sources', sources.length, { min: 1, max: Math.floor(2 ** 32 / row) });
  const { signal } = options;
  signal?.throwIfAborted();
  const sharp = await loadSharp();
  const out = new Uint8Array(sources.length * row);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < sources.length) {
      signal?.throwIfAborted();
      const i = next++;
      const source = sources[i] as ImageSource;
      await decodeInto(sharp, source, labelOf(source, i), plan, out.subarray(i * row, (i + 1) * row));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, sources.length) }, work));
  } finally {
    // The other workers stop after the image in hand.
    next = sources.length;
  }
  return out;
}
