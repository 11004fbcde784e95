/** Reading zip archives, as npz files are: through the central directory, with Node's own zlib. */
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { CugruError } from '../errors.js';
import { breather } from '../slices.js';

/** A file in an archive. @internal */
export interface ZipEntry {
  readonly name: string;
  /** Of the content, unpacked. */
  readonly size: number;
  /** Unpacks it and checks it against its CRC-32. */
  read(): Promise<Uint8Array>;
}

const endSignature = 0x0605_4b50;
const directorySignature = 0x0201_4b50;
const localSignature = 0x0403_4b50;
const endLength = 22;
const sliceBytes = 2 ** 20;
const stored = 0;
const deflated = 8;
const encryptedFlag = 1;
// One file; the archive is in memory as a whole, so that larger ones could not be there.
const maxSize = 2 ** 32 - 2;

function corrupt(source: string, problem: string, cause?: unknown): CugruError {
  return new CugruError('ERR_DATASET_CORRUPT', `${source}: ${problem}`, { path: source }, { cause });
}

// The end record is at the end, but for a comment.
function findEnd(view: DataView, source: string): number {
  const first = Math.max(0, view.byteLength - endLength - 0xffff);
  for (let at = view.byteLength - endLength; at >= first; at--) {
    if (view.getUint32(at, true) === endSignature) return at;
  }
  throw corrupt(source, 'expected a zip archive with a directory at its end; the file is cut short, or something else');
}

interface DirectoryRecord {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly local: number;
  readonly next: number;
}

function recordAt(view: DataView, bytes: Uint8Array, at: number, source: string): DirectoryRecord {
  if (at + 46 > bytes.length || view.getUint32(at, true) !== directorySignature) {
    throw corrupt(source, 'its directory is damaged');
  }
  const nameEnd = at + 46 + view.getUint16(at + 28, true);
  return {
    name: new TextDecoder().decode(bytes.subarray(at + 46, nameEnd)),
    flags: view.getUint16(at + 8, true),
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    packed: view.getUint32(at + 20, true),
    size: view.getUint32(at + 24, true),
    local: view.getUint32(at + 42, true),
    next: nameEnd + view.getUint16(at + 30, true) + view.getUint16(at + 32, true),
  };
}

function packedBytes(view: DataView, bytes: Uint8Array, record: DirectoryRecord, label: string): Uint8Array {
  const { local, packed } = record;
  if (local + 30 > bytes.length || view.getUint32(local, true) !== localSignature) {
    throw corrupt(label, 'the archive is damaged where it should begin');
  }
  const begin = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (begin + packed > bytes.length) throw corrupt(label, 'the archive is cut short within it');
  return bytes.subarray(begin, begin + packed);
}

async function checksum(content: Uint8Array): Promise<number> {
  const breathe = breather();
  let sum = 0;
  for (let at = 0; at < content.length; at += sliceBytes) {
    sum = crc32(content.subarray(at, at + sliceBytes), sum);
    const pause = breathe();
    if (pause) await pause;
  }
  return sum;
}

async function unpack(packed: Uint8Array, { method, size, crc }: DirectoryRecord, label: string): Promise<Uint8Array> {
  let content: Uint8Array = packed;
  if (method === deflated) {
    try {
      content = await promisify(inflateRaw)(packed, { maxOutputLength: Math.max(1, size) });
    } catch (error) {
      throw corrupt(label, `it cannot be unpacked (${error instanceof Error ? error.message : error})`, error);
    }
  }
  if (content.length !== size || (await checksum(content)) !== crc)
    throw corrupt(label, 'its content does not fit its checksum');
  return content;
}

function entryOf(view: DataView, bytes: Uint8Array, record: DirectoryRecord, source: string): ZipEntry {
  const { name, size, method, flags } = record;
  const label = `${source}, ${name}`;
  const read = async (): Promise<Uint8Array> => {
    if ((flags & encryptedFlag) !== 0)
      throw new CugruError('ERR_UNSUPPORTED', `${label}: it is encrypted`, { path: label });
    if (method !== stored && method !== deflated) {
      const problem = `it is packed by method ${method}; only stored and deflated files are read`;
      throw new CugruError('ERR_UNSUPPORTED', `${label}: ${problem}`, { path: label });
    }
    if (size > maxSize || record.packed > maxSize || record.local > maxSize) {
      throw new CugruError('ERR_UNSUPPORTED', `${label}: files of 4 GiB and more (zip64) are not read`, {
        path: label,
      });
    }
    return unpack(packedBytes(view, bytes, record, label), record, label);
  };
  return { name, size, read };
}

/**
 * The files of an archive, stored or deflated, below 4 GiB each.
 * @param source - names the archive in messages
 * @throws {@link CugruError} `ERR_DATASET_CORRUPT`; reading also `ERR_UNSUPPORTED` for encryption, other methods and zip64.
 * @internal
 */
export function parseZip(bytes: Uint8Array, source: string): readonly ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(view, source);
  const count = view.getUint16(end + 10, true);
  const entries: ZipEntry[] = [];
  for (let i = 0, at = view.getUint32(end + 16, true); i < count; i++) {
    const record = recordAt(view, bytes, at, source);
    entries.push(entryOf(view, bytes, record, source));
    at = record.next;
  }
  return entries;
}
