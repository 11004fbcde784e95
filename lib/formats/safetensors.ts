/**
 * The safetensors format: a u64 header length, a JSON header, then the tensors' bytes. Files are treated as hostile: every
 * size and offset is checked before a byte is trusted.
 */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { CugruError } from '../errors.js';

/** Element types that are read and written. */
export type SafetensorsArray = Float32Array | Float64Array | Int32Array | Uint8Array | BigInt64Array;

/** A tensor with its name. */
export interface NamedTensor {
  readonly name: string;
  readonly data: SafetensorsArray;
  readonly shape: readonly number[];
}

/** The content of a file. */
export interface SafetensorsFile {
  readonly tensors: readonly NamedTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  readonly dtype: keyof typeof arrayTypes;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const arrayTypes = { F32: Float32Array, F64: Float64Array, I32: Int32Array, U8: Uint8Array, I64: BigInt64Array } as const;
const maxHeader = 100_000_000;
const lengthBytes = 8;

function dtypeOf(data: SafetensorsArray): keyof typeof arrayTypes {
  for (const [dtype, type] of Object.entries(arrayTypes)) {
    if (data instanceof type) return dtype as keyof typeof arrayTypes;
  }
  throw new CugruError('ERR_TYPE', 'safetensors takes Float32Array, Float64Array, Int32Array, Uint8Array and BigInt64Array');
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** A file's bytes. Tensors lie in the order given, the first at a multiple of eight bytes. */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata;
  let offset = 0;
  for (const { name, data, shape } of tensors) {
    if (name === '__metadata__' || Object.hasOwn(header, name)) {
      throw new CugruError('ERR_VALUE', `two tensors are named '${name}', or the name is reserved`);
    }
    if (count(shape) !== data.length) {
      throw new CugruError('ERR_SHAPE', `${name}: shape [${shape.join(', ')}] does not hold ${data.length} elements`);
    }
    header[name] = { dtype: dtypeOf(data), shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(lengthBytes + padded + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.fill(0x20, lengthBytes, lengthBytes + padded);
  bytes.set(json, lengthBytes);
  let at = lengthBytes + padded;
  for (const { data } of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function corrupt(origin: string, problem: string, cause?: unknown): CugruError {
  return new CugruError('ERR_CHECKPOINT_CORRUPT', `${origin} is no valid safetensors file: ${problem}`, { origin }, { cause });
}

function readHeader(bytes: Uint8Array, origin: string): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < lengthBytes) throw corrupt(origin, `it has ${bytes.length} bytes, at least 8 are needed`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true));
  if (length > maxHeader) throw corrupt(origin, `its header claims ${length} bytes, at most ${maxHeader} are read`);
  if (lengthBytes + length > bytes.length) {
    throw corrupt(origin, `its header claims ${length} bytes, the file has ${bytes.length}; is it truncated?`);
  }
  let header: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(lengthBytes, lengthBytes + length));
    header = JSON.parse(text);
    expectUniqueKeys(text, header, origin);
  } catch (error) {
    if (error instanceof CugruError) throw error;
    throw corrupt(origin, 'its header is not JSON', error);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw corrupt(origin, 'its header is not an object');
  }
  return { header: header as Record<string, unknown>, dataStart: lengthBytes + length };
}

// JSON.parse keeps the last of two equal names silently; a reviver sees each name once, so the raw text is counted.
function expectUniqueKeys(text: string, header: unknown, origin: string): void {
  if (typeof header !== 'object' || header === null) return;
  const entries = text.match(/"data_offsets"\s*:/g)?.length ?? 0;
  const tensors = Object.keys(header).filter((name) => name !== '__metadata__').length;
  if (entries > tensors) throw corrupt(origin, 'a name occurs twice in its header');
}

function checkEntry(name: string, value: unknown, dataBytes: number, origin: string): Entry {
  const entry = value as Partial<Entry> | null;
  if (typeof entry !== 'object' || entry === null) throw corrupt(origin, `${name} is not an object`);
  if (typeof entry.dtype !== 'string' || !Object.hasOwn(arrayTypes, entry.dtype)) {
    throw corrupt(origin, `${name} has dtype ${JSON.stringify(entry.dtype)}; read are ${Object.keys(arrayTypes).join(', ')}`);
  }
  const { shape, data_offsets: offsets } = entry;
  if (!Array.isArray(shape) || !shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    throw corrupt(origin, `${name} has no valid shape`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every((o) => Number.isSafeInteger(o) && o >= 0)) {
    throw corrupt(origin, `${name} has no valid data_offsets`);
  }
  const [begin, end] = offsets as unknown as [number, number];
  if (begin > end || end > dataBytes) {
    throw corrupt(origin, `${name} lies at ${begin} to ${end}, the file has ${dataBytes} bytes of data; is it truncated?`);
  }
  const wanted = count(shape) * arrayTypes[entry.dtype].BYTES_PER_ELEMENT;
  if (wanted !== end - begin) {
    throw corrupt(origin, `${name} [${shape.join(', ')}] ${entry.dtype} needs ${wanted} bytes, has ${end - begin}`);
  }
  return entry as Entry;
}

function expectNoGaps(entries: readonly (readonly [string, Entry])[], dataBytes: number, origin: string): void {
  const sorted = [...entries].sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  let at = 0;
  for (const [name, { data_offsets: offsets }] of sorted) {
    if (offsets[0] !== at) throw corrupt(origin, `${name} ${offsets[0] < at ? 'overlaps' : 'leaves a gap after'} its neighbour`);
    at = offsets[1];
  }
  if (at !== dataBytes) throw corrupt(origin, `${dataBytes - at} bytes belong to no tensor`);
}

function metadataOf(value: unknown, origin: string): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const ok = typeof value === 'object' && value !== null && Object.values(value).every((v) => typeof v === 'string');
  if (!ok) throw corrupt(origin, '__metadata__ is not a map of strings');
  return value as Readonly<Record<string, string>>;
}

/**
 * Reads a file's bytes; tensors are copies.
 * @param origin - named in errors, for example the path.
 * @throws {@link CugruError} `ERR_CHECKPOINT_CORRUPT`
 */
export function decodeSafetensors(bytes: Uint8Array, origin = 'the data'): SafetensorsFile {
  const { header, dataStart } = readHeader(bytes, origin);
  const dataBytes = bytes.length - dataStart;
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => [name, checkEntry(name, value, dataBytes, origin)] as const);
  expectNoGaps(entries, dataBytes, origin);
  const tensors = entries.map(([name, { dtype, shape, data_offsets: [begin, end] }]) => {
    // Uint8Array's slice copies (and so aligns); a Buffer's own would not.
    const copy = Uint8Array.prototype.slice.call(bytes, dataStart + begin, dataStart + end);
    return { name, shape, data: new arrayTypes[dtype](copy.buffer as ArrayBuffer) };
  });
  return { tensors, metadata: metadataOf(header['__metadata__'], origin) };
}

/** Reads a file. @throws {@link CugruError} `ERR_CHECKPOINT_CORRUPT`, with the system's error as cause when it cannot be read. */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw corrupt(path, 'the file cannot be read', error);
  }
  return decodeSafetensors(bytes, path);
}

/** Writes a file whole or not at all: beside its place, then renamed. */
export async function writeSafetensors(
  path: string,
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(encodeSafetensors(tensors, metadata));
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}
