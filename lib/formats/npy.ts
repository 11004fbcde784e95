/** npy, NumPy's format for one array: a magic string, a header that is a Python literal, and the elements. */
import { typedArrayName } from '../checks.js';
import { CugruError } from '../errors.js';

/** Elements of an array, by their type in the file. */
export type NpyData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** An array with its shape, row-major. */
export interface NpyArray {
  /** Empty for a scalar. */
  readonly shape: readonly number[];
  readonly data: NpyData;
}

const classes = {
  '|u1': Uint8Array,
  '|b1': Uint8Array,
  '|i1': Int8Array,
  '<u2': Uint16Array,
  '<i2': Int16Array,
  '<u4': Uint32Array,
  '<i4': Int32Array,
  '<u8': BigUint64Array,
  '<i8': BigInt64Array,
  '<f4': Float32Array,
  '<f8': Float64Array,
} as const;
type Descr = keyof typeof classes;

const magic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
const maxHeader = 2 ** 16;

function corrupt(source: string, problem: string): CugruError {
  return new CugruError('ERR_DATASET_CORRUPT', `${source}: ${problem}`, { path: source });
}

function unsupported(source: string, problem: string): CugruError {
  return new CugruError('ERR_UNSUPPORTED', `${source}: ${problem}`, { path: source });
}

function headerOf(bytes: Uint8Array, source: string): { readonly header: string; readonly start: number } {
  if (bytes.length < 10 || magic.some((byte, i) => bytes[i] !== byte)) {
    throw corrupt(source, 'expected an npy file, which begins with \\x93NUMPY');
  }
  const version = bytes[6] as number;
  if (version < 1 || version > 3) throw unsupported(source, `npy version ${version} is not known, 1 to 3 are`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengthBytes = version === 1 ? 2 : 4;
  if (bytes.length < 8 + lengthBytes) throw corrupt(source, 'the file is cut short within its header');
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = 8 + lengthBytes + length;
  if (length > maxHeader || start > bytes.length) throw corrupt(source, 'the file is cut short within its header');
  return { header: new TextDecoder().decode(bytes.subarray(8 + lengthBytes, start)), start };
}

const cutHeader = (header: string): string => JSON.stringify(header.trim().slice(0, 80));

// The header is a dictionary as Python prints it; only the three keys that NumPy writes are looked for, nothing is evaluated.
function parseDescr(header: string, source: string): Descr {
  const [, descr] = header.match(/'descr'\s*:\s*'([^']*)'/) ?? [];
  if (descr === undefined) {
    if (/'descr'\s*:\s*\[/.test(header))
      throw unsupported(source, 'records (a structured dtype) cannot be read; save one field');
    throw corrupt(source, `the header has no 'descr': ${cutHeader(header)}`);
  }
  if (Object.hasOwn(classes, descr)) return descr as Descr;
  if (descr.startsWith('|O')) {
    throw unsupported(
      source,
      'Python objects (dtype object) are not read, they would have to be unpickled; save plain numbers',
    );
  }
  if (descr.startsWith('>')) {
    throw unsupported(source, `big-endian numbers (${descr}) are not read; save a.astype(a.dtype.newbyteorder('<'))`);
  }
  const known = 'integers of 8 to 64 bits, booleans, float32 and float64';
  throw unsupported(source, `the dtype '${descr}' is not read, only ${known}; convert it with astype`);
}

function parseShape(header: string, source: string): readonly number[] {
  const [, text] = header.match(/'shape'\s*:\s*\(([\d\s,]*)\)/) ?? [];
  if (text === undefined) throw corrupt(source, `the header has no 'shape': ${cutHeader(header)}`);
  const dims = text.split(',').map((part) => part.trim());
  return Object.freeze(dims.filter((part) => part !== '').map(Number));
}

function expectRowMajor(header: string, shape: readonly number[], source: string): void {
  const [, order] = header.match(/'fortran_order'\s*:\s*(True|False)/) ?? [];
  if (order === undefined) throw corrupt(source, `the header has no 'fortran_order': ${cutHeader(header)}`);
  // An array of one axis is the same in both orders.
  if (order === 'False' || shape.length < 2) return;
  throw unsupported(source, 'the array is in Fortran order (column-major); save np.ascontiguousarray(a)');
}

/**
 * Reads npy data: integers of 8 to 64 bits, booleans (as bytes), float32 and float64, little-endian and row-major. The result is a
 * view over `bytes` where alignment allows.
 * @param source - names the data in messages
 * @throws {@link CugruError} `ERR_DATASET_CORRUPT` with what is wrong; `ERR_UNSUPPORTED` for Fortran order, big-endian numbers,
 * Python objects and other dtypes, with what to do.
 */
export function parseNpy(bytes: Uint8Array, source: string): NpyArray {
  const { header, start } = headerOf(bytes, source);
  const descr = parseDescr(header, source);
  const shape = parseShape(header, source);
  expectRowMajor(header, shape, source);
  // The classes' constructors differ in their types only; at run time they take the same arguments.
  const Type = classes[descr] as unknown as {
    new (buffer: ArrayBufferLike, offset: number, length: number): NpyData;
    readonly BYTES_PER_ELEMENT: number;
  };
  const count = shape.reduce((product, dim) => product * dim, 1);
  const [expected, got] = [count * Type.BYTES_PER_ELEMENT, bytes.length - start];
  if (got !== expected) {
    const what = got < expected ? 'is cut short' : 'has bytes left over';
    throw corrupt(source, `[${shape.join(', ')}] of ${descr} needs ${expected} bytes, got ${got}: the file ${what}`);
  }
  const offset = bytes.byteOffset + start;
  if (offset % Type.BYTES_PER_ELEMENT === 0) return { shape, data: new Type(bytes.buffer, offset, count) };
  // Not bytes.slice: that of a Buffer is a view.
  return { shape, data: new Type(Uint8Array.from(bytes.subarray(start)).buffer, 0, count) };
}

/**
 * An array as the bytes of an npy file (version 1.0), on a little-endian host.
 * @throws {@link CugruError} `ERR_TYPE` for other classes, `ERR_SHAPE` when shape and data differ.
 */
export function encodeNpy({ shape, data }: NpyArray): Uint8Array {
  const name = typedArrayName(data);
  const descr = (Object.keys(classes) as Descr[]).find((key) => classes[key].name === name);
  if (descr === undefined) throw new CugruError('ERR_TYPE', `an npy file holds numbers, got ${name ?? typeof data}`);
  const count = shape.reduce((product, dim) => product * dim, 1);
  if (count !== data.length || !shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    const problem = `shape [${shape.join(', ')}] is ${count} elements, but the data has ${data.length}`;
    throw new CugruError('ERR_SHAPE', problem, { shape, length: data.length });
  }
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }`;
  // Padded so that the data begins at a multiple of 64.
  const length = Math.ceil((10 + dictionary.length + 1) / 64) * 64 - 10;
  const bytes = new Uint8Array(10 + length + data.byteLength);
  bytes.set(magic);
  bytes.set([1, 0, length & 0xff, length >> 8], 6);
  bytes.set(new TextEncoder().encode(`${dictionary.padEnd(length - 1)}\n`), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + length);
  return bytes;
}
