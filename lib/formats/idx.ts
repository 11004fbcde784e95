/** The IDX format of the MNIST family: magic `00 00 type rank`, big-endian sizes, then the elements. */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { CugruError } from '../errors.js';

/** An IDX array of bytes. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const bytesType = 0x08;
const unzip = promisify(gunzip);

function corrupt(origin: string, problem: string, cause?: unknown): CugruError {
  return new CugruError('ERR_DATASET_CORRUPT', `${origin} is no valid IDX file: ${problem}`, { origin }, { cause });
}

/** Reads an IDX file's bytes (not gzipped); `data` is a view of them. @throws {@link CugruError} `ERR_DATASET_CORRUPT` */
export function decodeIdx(bytes: Uint8Array, origin = 'the data'): IdxArray {
  if (bytes.length < 4) throw corrupt(origin, `it has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [zero, type, rank] = [view.getUint16(0), bytes[2] as number, bytes[3] as number];
  if (zero !== 0 || type !== bytesType || rank < 1 || rank > 4) {
    throw corrupt(origin, `its magic is 0x${view.getUint32(0).toString(16).padStart(8, '0')}, expected 0x0000080N of bytes`);
  }
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw corrupt(origin, 'its sizes are cut off');
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const wanted = shape.reduce((product, dim) => product * dim, 1);
  if (bytes.length - start !== wanted) {
    throw corrupt(origin, `[${shape.join(', ')}] needs ${wanted} bytes, the file has ${bytes.length - start}`);
  }
  return { shape, data: bytes.subarray(start) };
}

/** Reads an IDX file, plain or gzipped. @throws {@link CugruError} `ERR_DATASET_CORRUPT` */
export async function readIdx(path: string): Promise<IdxArray> {
  const raw = await readFile(path);
  if (raw[0] !== 0x1f || raw[1] !== 0x8b) return decodeIdx(raw, path);
  try {
    return decodeIdx(await unzip(raw), path);
  } catch (error) {
    if (error instanceof CugruError) throw error;
    throw corrupt(path, 'it looks gzipped, but cannot be unpacked', error);
  }
}
