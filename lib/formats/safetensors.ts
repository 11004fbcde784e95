/**
 * safetensors: named tensors in one file. A little-endian u64 with the length of a JSON header, the header, then the data
 * without gaps. Files are treated as hostile until every number in the header has been checked.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { typedArrayName } from '../checks.js';
import { CugruError } from '../errors.js';
import { writeFileAtomic } from './atomic.js';
import { type Entry, maxHeaderBytes, parseHeader, readHeaderLength } from './safetensors_header.js';

/** Data of a tensor; its class is the type in the file: F32, F64, I32, I64 or U8. */
export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor with its name. */
export interface NamedTensor {
  readonly name: string;
  /** Sizes, row-major; empty for a scalar. */
  readonly shape: readonly number[];
  /** As many elements as the product of `shape`. */
  readonly data: TensorData;
}

/** What a safetensors file holds. */
export interface Safetensors {
  /** In the order of the header. */
  readonly tensors: readonly NamedTensor[];
  /** The header's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

const classes = { F32: Float32Array, F64: Float64Array, I32: Int32Array, I64: BigInt64Array, U8: Uint8Array } as const;
type Dtype = keyof typeof classes;
const dtypes = Object.keys(classes) as Dtype[];

function value(problem: string, details: Readonly<Record<string, unknown>> = {}): CugruError {
  return new CugruError('ERR_VALUE', problem, details);
}

function dtypeOf({ name, data }: NamedTensor): Dtype {
  const type = typedArrayName(data);
  const dtype = dtypes.find((key) => classes[key].name === type);
  if (dtype !== undefined) return dtype;
  const list = dtypes.map((key) => classes[key].name).join(', ');
  throw new CugruError('ERR_TYPE', `data of tensor '${name}' must be one of ${list}, got ${type ?? typeof data}`, {
    name,
  });
}

function checkKey(what: string, name: unknown): void {
  if (typeof name !== 'string' || name === '' || name === '__proto__' || name === '__metadata__') {
    throw value(
      `${what} must be a string that is not empty, '__proto__' or '__metadata__', got ${JSON.stringify(name)}`,
    );
  }
  if (/\p{Surrogate}/u.test(name)) throw value(`${what} ${JSON.stringify(name)} is not valid Unicode`, { name });
}

function checkTensors(tensors: readonly NamedTensor[]): void {
  const seen = new Set<string>();
  for (const { name, shape, data } of tensors) {
    checkKey('the name of a tensor', name);
    if (seen.has(name)) throw value(`there are two tensors with the name '${name}'`, { name });
    seen.add(name);
    const elements = shape.reduce((product, dim) => product * dim, 1);
    if (shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0) && elements === data.length) continue;
    throw new CugruError(
      'ERR_SHAPE',
      `tensor '${name}' has shape [${shape.join(', ')}], that is ${elements} elements, but its data has ${data.length}`,
      { name, shape, length: data.length },
    );
  }
}

function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  for (const [key, text] of Object.entries(metadata)) {
    checkKey('a key of the metadata', key);
    if (typeof text !== 'string') throw value(`metadata '${key}' must be a string, got ${typeof text}`, { key });
    if (/\p{Surrogate}/u.test(text)) throw value(`metadata '${key}' is not valid Unicode`, { key });
  }
}

// The header, padded with spaces so that the data begins at a multiple of 8, behind its length.
function headerBytes(header: Readonly<Record<string, unknown>>): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(json.length / 8) * 8;
  if (length > maxHeaderBytes)
    throw value(`the header would have ${length} bytes, the format allows ${maxHeaderBytes}`);
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

/**
 * A safetensors file as parts that follow one another, without a copy of the data: for files.
 * @throws {@link CugruError} as {@link encodeSafetensors}.
 */
export function safetensorsParts(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const typed = tensors.map((tensor) => ({ tensor, dtype: dtypeOf(tensor) }));
  checkTensors(tensors);
  checkMetadata(metadata);
  // Wide elements first, so that each tensor is aligned to its element size without gaps.
  typed.sort((a, b) => b.tensor.data.BYTES_PER_ELEMENT - a.tensor.data.BYTES_PER_ELEMENT);
  const entries: [string, unknown][] = Object.keys(metadata).length === 0 ? [] : [['__metadata__', metadata]];
  let offset = 0;
  for (const { tensor, dtype } of typed) {
    const end = offset + tensor.data.byteLength;
    entries.push([tensor.name, { dtype, shape: tensor.shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const data = typed.map(({ tensor: { data: d } }) => new Uint8Array(d.buffer, d.byteOffset, d.byteLength));
  return [headerBytes(Object.fromEntries(entries)), ...data];
}

/**
 * Tensors as the bytes of a safetensors file, on a little-endian host (all that Node runs on, but for s390x).
 * @param metadata - strings for the header's `__metadata__`
 * @throws {@link CugruError} `ERR_TYPE` for other data classes, `ERR_SHAPE` when shape and data differ, `ERR_VALUE` for names
 * that are empty, reserved or there twice.
 */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const parts = safetensorsParts(tensors, metadata);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/**
 * Writes a safetensors file, whole or not at all, without a second copy of the data in memory. The tensors must not change
 * until it is done.
 * @throws {@link CugruError} as {@link encodeSafetensors}, or the error of the file system.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomic(path, safetensorsParts(tensors, metadata));
}

function itemSizes(dtype: string): number | undefined {
  return Object.hasOwn(classes, dtype) ? classes[dtype as Dtype].BYTES_PER_ELEMENT : undefined;
}

function tensorOf({ name, dtype, shape }: Entry, buffer: ArrayBufferLike, offset: number): NamedTensor {
  const elements = shape.reduce((product, dim) => product * dim, 1);
  // The classes' constructors differ in their types only; at run time they take the same arguments.
  const Type = classes[dtype as Dtype] as new (buffer: ArrayBufferLike, offset: number, length: number) => TensorData;
  return { name, shape, data: new Type(buffer, offset, elements) };
}

function corrupt(source: string, problem: string, cause?: unknown): CugruError {
  const message = `${source} is no safetensors file that can be read: ${problem}`;
  return new CugruError('ERR_CHECKPOINT_CORRUPT', message, { path: source }, { cause });
}

/**
 * Reads the bytes of a safetensors file. Tensors are views over `bytes` where alignment allows, and copies elsewhere.
 * @param source - names the data in messages
 * @throws {@link CugruError} `ERR_CHECKPOINT_CORRUPT` with what is wrong, `ERR_UNSUPPORTED` for element types other than F32, F64,
 * I32, I64 and U8.
 */
export function decodeSafetensors(bytes: Uint8Array, source = 'the data'): Safetensors {
  const headerLength = readHeaderLength(bytes, bytes.length, source);
  const dataStart = 8 + headerLength;
  const { entries, metadata } = parseHeader(bytes.subarray(8, dataStart), bytes.length - dataStart, itemSizes, source);
  const tensors = entries.map((entry) => {
    const offset = bytes.byteOffset + dataStart + entry.begin;
    if (offset % (itemSizes(entry.dtype) as number) === 0) return tensorOf(entry, bytes.buffer, offset);
    // Not bytes.slice: that of a Buffer is a view.
    const copy = Uint8Array.from(bytes.subarray(dataStart + entry.begin, dataStart + entry.end));
    return tensorOf(entry, copy.buffer, 0);
  });
  return { tensors, metadata };
}

async function readExactly(
  file: FileHandle,
  position: number,
  length: number,
  source: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    // One read takes at most 2 GiB.
    const wanted = Math.min(length - done, 2 ** 30);
    const { bytesRead } = await file.read(bytes, done, wanted, position + done);
    if (bytesRead === 0) throw corrupt(source, 'it became shorter while it was read');
    done += bytesRead;
  }
  return bytes;
}

async function readHeader(file: FileHandle, path: string) {
  const stat = await file.stat();
  if (!stat.isFile()) throw corrupt(path, 'it is not a file');
  const head = await readExactly(file, 0, Math.min(8, stat.size), path);
  const headerLength = readHeaderLength(head, stat.size, path);
  const header = await readExactly(file, 8, headerLength, path);
  const dataStart = 8 + headerLength;
  return { dataStart, ...parseHeader(header, stat.size - dataStart, itemSizes, path) };
}

async function readOpened(file: FileHandle, path: string): Promise<Safetensors> {
  const { dataStart, entries, metadata } = await readHeader(file, path);
  const tensors: NamedTensor[] = [];
  for (const entry of entries) {
    const data = await readExactly(file, dataStart + entry.begin, entry.end - entry.begin, path);
    tensors.push(tensorOf(entry, data.buffer, 0));
  }
  return { tensors, metadata };
}

async function withFile<T>(path: string, read: (file: FileHandle, path: string) => Promise<T>): Promise<T> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw corrupt(path, error instanceof Error ? error.message : String(error), error);
  }
  try {
    return await read(file, path);
  } catch (error) {
    throw error instanceof CugruError
      ? error
      : corrupt(path, error instanceof Error ? error.message : String(error), error);
  } finally {
    await file.close();
  }
}

/**
 * Reads a safetensors file of any size, each tensor into memory of its own.
 * @throws {@link CugruError} as {@link decodeSafetensors}; `ERR_CHECKPOINT_CORRUPT` with the system's error as `cause` when the
 * file cannot be opened.
 */
export function readSafetensors(path: string): Promise<Safetensors> {
  return withFile(path, readOpened);
}

/**
 * The header's `__metadata__` of a safetensors file, whose size has been checked against the header; no tensor is read.
 * @throws {@link CugruError} as {@link readSafetensors}.
 */
export async function readSafetensorsMetadata(path: string): Promise<Safetensors['metadata']> {
  return (await withFile(path, readHeader)).metadata;
}
