/** IDX, the format of MNIST: a magic number, big-endian sizes, and bytes; gzip is recognised by its first two bytes. */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { CugruError } from '../errors.js';

/** Unsigned bytes with their shape, row-major. */
export interface IdxArray {
  /** For images `[count, height, width]`, for labels `[count]`. */
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Options of {@link parseIdx} and {@link readIdx}. */
export interface IdxOptions {
  /** Number of dimensions that the file must have: 3 for images, 1 for labels. Any when left out. */
  readonly rank?: number;
}

const unsignedByte = 0x08;
const typeNames = new Map([
  [0x09, 'signed bytes'],
  [0x0b, '16-bit integers'],
  [0x0c, '32-bit integers'],
  [0x0d, 'floats'],
  [0x0e, 'doubles'],
]);
// A small file that inflates without end must not take all memory. The largest data set in use, EMNIST, needs half of this.
const maxInflated = 2 ** 30;

function corrupt(source: string, problem: string, cause?: unknown): CugruError {
  return new CugruError('ERR_DATASET_CORRUPT', `${source}: ${problem}`, { path: source }, { cause });
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function checkMagic(bytes: Uint8Array, source: string, { rank }: IdxOptions): number {
  const wanted = `00 00 08 ${rank === undefined ? 'NN' : hex(Uint8Array.of(rank))}`;
  const [zero, one, type, got] = bytes;
  if (bytes.length < 4 || zero !== 0 || one !== 0) {
    throw corrupt(
      source,
      `expected an IDX file that begins with ${wanted}, got ${hex(bytes.subarray(0, 4)) || 'an empty file'}`,
    );
  }
  if (type !== unsignedByte) {
    const name = typeNames.get(type as number) ?? `unknown type 0x${hex(bytes.subarray(2, 3))}`;
    throw corrupt(source, `expected unsigned bytes (magic ${wanted}), got ${name} (${hex(bytes.subarray(0, 4))})`);
  }
  if (got === 0 || (rank !== undefined && got !== rank)) {
    const kinds = ' (images have 3, labels 1)';
    throw corrupt(
      source,
      `expected ${rank ?? '1 or more'} dimensions, got ${got}${kinds} (${hex(bytes.subarray(0, 4))})`,
    );
  }
  return got as number;
}

/**
 * Reads IDX data that is not compressed. The result is a view over `bytes`.
 * @param source - names the data in messages
 * @throws {@link CugruError} `ERR_DATASET_CORRUPT` for a wrong magic number, type, number of dimensions or length.
 */
export function parseIdx(bytes: Uint8Array, source: string, options: IdxOptions = {}): IdxArray {
  const rank = checkMagic(bytes, source, options);
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw corrupt(
      source,
      `expected a header of ${header} bytes for ${rank} dimensions, got a file of ${bytes.length} bytes`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  // Too large a product loses its last digits, but can never equal the length of a real file.
  const expected = dims.reduce((product, dim) => product * dim, 1);
  const got = bytes.length - header;
  if (got !== expected) {
    const what = got < expected ? 'is cut short' : 'has bytes left over';
    throw corrupt(source, `[${dims.join(', ')}] needs ${expected} bytes of data, got ${got}: the file ${what}`);
  }
  return { shape: Object.freeze(dims), data: bytes.subarray(header) };
}

async function inflate(bytes: Uint8Array, source: string): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: maxInflated });
  } catch (error) {
    throw corrupt(source, `its gzip data cannot be read (${error instanceof Error ? error.message : error})`, error);
  }
}

/**
 * Reads an IDX file, plain or gzipped, whatever its name.
 * @throws {@link CugruError} `ERR_DATASET_MISSING` when it cannot be read, `ERR_DATASET_CORRUPT` as {@link parseIdx}.
 */
export async function readIdx(path: string, options: IdxOptions = {}): Promise<IdxArray> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CugruError('ERR_DATASET_MISSING', `${path} cannot be read: ${reason}`, { path }, { cause: error });
  }
  const compressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return parseIdx(compressed ? await inflate(bytes, path) : bytes, path, options);
}
