/** The header of a safetensors file, checked number by number before any of it is used. */
import { CugruError } from '../errors.js';

/** @internal The format's own limit. */
export const maxHeaderBytes = 100_000_000;

/** @internal A tensor of the header; offsets are from the end of the header. */
export interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** @internal */
export interface Header {
  readonly entries: readonly Entry[];
  readonly metadata: Readonly<Record<string, string>>;
}

// Types of the format that have no typed array here (yet); a name outside of both lists is no type at all.
const otherTypes = [
  'BOOL',
  'I8',
  'U16',
  'I16',
  'U32',
  'U64',
  'F16',
  'BF16',
  'F8_E4M3',
  'F8_E5M2',
  'F8_E8M0',
  'F4',
  'C64',
];

function corrupt(source: string, problem: string): CugruError {
  const message = `${source} is no safetensors file that can be read: ${problem}`;
  return new CugruError('ERR_CHECKPOINT_CORRUPT', message, { path: source });
}

/**
 * The header's length.
 * @param bytes - the first 8 bytes of the file, or more of it
 * @param fileLength - of the whole file
 * @internal
 */
export function readHeaderLength(bytes: Uint8Array, fileLength: number, source: string): number {
  if (fileLength < 8 || bytes.length < 8) {
    throw corrupt(source, `it has ${fileLength} bytes, fewer than the 8 that every file begins with`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw corrupt(source, `its header claims ${length} bytes, the format allows ${maxHeaderBytes}`);
  }
  if (Number(length) > fileLength - 8) {
    throw corrupt(source, `its header claims ${length} bytes, but only ${fileLength - 8} follow`);
  }
  return Number(length);
}

// JSON.parse keeps the last of two equal keys; which one another reader would keep is anyone's guess, so both are refused. The
// text is known to be valid JSON, which leaves strings, braces and colons to look at.
function duplicateKey(json: string): string | undefined {
  const objects: Set<string>[] = [];
  let last: string | undefined;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (char === '"') {
      const begin = i++;
      while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
      last = json.slice(begin, i + 1);
    } else if (char === ':') {
      const key = JSON.parse(last as string) as string;
      const keys = objects.at(-1) as Set<string>;
      if (keys.has(key)) return key;
      keys.add(key);
    } else if (char === '{') {
      objects.push(new Set());
    } else if (char === '}') {
      objects.pop();
    }
  }
  return undefined;
}

function parseJson(bytes: Uint8Array, source: string): Record<string, unknown> {
  if (bytes[0] !== 0x7b) throw corrupt(source, "its header does not begin with '{'");
  let header: unknown;
  let json: string;
  try {
    json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(json);
  } catch (error) {
    throw corrupt(source, `its header is not JSON (${error instanceof Error ? error.message : error})`);
  }
  const twice = duplicateKey(json);
  if (twice !== undefined) throw corrupt(source, `its header has ${JSON.stringify(twice)} twice`);
  return header as Record<string, unknown>;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseMetadata(value: unknown, source: string): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (
    !isObject(value) ||
    Object.hasOwn(value, '__proto__') ||
    !Object.values(value).every((v) => typeof v === 'string')
  ) {
    throw corrupt(source, 'its __metadata__ is not an object of strings');
  }
  return value as Record<string, string>;
}

// Sizes multiply without overflow: every partial product stays exact, or the tensor is refused. A zero makes all of it zero.
function byteLength(shape: readonly number[], itemSize: number): number | undefined {
  if (shape.includes(0)) return 0;
  let bytes = itemSize;
  for (const dim of shape) {
    bytes *= dim;
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}

type ItemSizes = (dtype: string) => number | undefined;

function parseDtype(label: string, dtype: unknown, itemSizes: ItemSizes, source: string): number {
  const size = typeof dtype === 'string' ? itemSizes(dtype) : undefined;
  if (size !== undefined) return size;
  if (otherTypes.includes(dtype as string)) {
    throw new CugruError(
      'ERR_UNSUPPORTED',
      `${source}: ${label} has elements of type ${dtype}; F32, F64, I32, I64 and U8 can be read, so convert it to one of them`,
      { path: source, dtype },
    );
  }
  throw corrupt(source, `${label} has the unknown dtype ${JSON.stringify(dtype)}`);
}

function parseEntry(name: string, value: unknown, itemSizes: ItemSizes, source: string): Entry {
  const label = `tensor ${JSON.stringify(name.slice(0, 100))}`;
  if (name === '__proto__' || name === '') throw corrupt(source, `${label} has a name that is not allowed`);
  if (!isObject(value)) throw corrupt(source, `${label} is not an object with dtype, shape and data_offsets`);
  const { dtype, shape, data_offsets: offsets } = value;
  const itemSize = parseDtype(label, dtype, itemSizes, source);
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw corrupt(source, `the shape of ${label} is not a list of integers from 0 on`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw corrupt(source, `the data_offsets of ${label} are not two integers from 0 on`);
  }
  const [begin, end] = offsets as [number, number];
  const expected = byteLength(shape, itemSize);
  if (end < begin || end - begin !== expected) {
    const needs = expected === undefined ? 'more bytes than any file has' : `${expected} bytes`;
    throw corrupt(
      source,
      `${label}, ${dtype} [${shape.join(', ')}], needs ${needs}, but its data_offsets are [${begin}, ${end}]`,
    );
  }
  return { name, dtype: dtype as string, shape: Object.freeze(shape as number[]), begin, end };
}

// Tensors follow one another and fill the data: a gap or tail could hide something, an overlap lets one tensor change another.
function checkLayout(entries: readonly Entry[], dataLength: number, source: string): void {
  const ordered = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let offset = 0;
  for (const { name, begin, end } of ordered) {
    const label = `tensor ${JSON.stringify(name.slice(0, 100))}`;
    if (end > dataLength)
      throw corrupt(source, `${label} ends at byte ${end} of the data, but there are only ${dataLength}`);
    if (begin < offset) throw corrupt(source, `${label} overlaps the tensor before it at byte ${begin} of the data`);
    if (begin > offset)
      throw corrupt(source, `bytes ${offset} to ${begin} of the data, before ${label}, belong to no tensor`);
    offset = end;
  }
  if (offset !== dataLength) {
    throw corrupt(source, `${dataLength - offset} bytes follow the last tensor, and belong to none`);
  }
}

/**
 * Reads a header, without its length in front.
 * @param dataLength - bytes that follow the header
 * @param itemSizes - bytes of an element, for the types that are read
 * @internal
 */
export function parseHeader(bytes: Uint8Array, dataLength: number, itemSizes: ItemSizes, source: string): Header {
  const { __metadata__: metadata, ...rest } = parseJson(bytes, source);
  const entries = Object.entries(rest).map(([name, value]) => parseEntry(name, value, itemSizes, source));
  checkLayout(entries, dataLength, source);
  return { entries, metadata: parseMetadata(metadata, source) };
}
