/** Small assertions for the edges of the API: each returns the checked value, or throws and says what was expected. */
import { CugruError, type ErrorCode } from './errors.js';

const longestShown = 80;

/** A value as messages show it: short, and never its content when that is data. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > longestShown ? `${value.slice(0, longestShown)}…` : value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (ArrayBuffer.isView(value)) return `a ${typedArrayName(value) ?? 'DataView'}`;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

function refuse(code: ErrorCode, name: string, expected: string, value: unknown): CugruError {
  return new CugruError(code, `${name} must be ${expected}, got ${show(value)}`, { name, value });
}

/**
 * An integer in [min, max].
 * @throws {@link CugruError} `ERR_TYPE` for another type, `ERR_VALUE` outside of the range or with a fraction.
 */
export function expectInteger(
  name: string,
  value: unknown,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const expected = `an integer from ${min} to ${max}`;
  if (typeof value !== 'number') throw refuse('ERR_TYPE', name, expected, value);
  if (!Number.isInteger(value) || value < min || value > max) throw refuse('ERR_VALUE', name, expected, value);
  return value;
}

/** Bounds of {@link expectNumber}; those that are left out do not bind. */
export interface NumberRange {
  /** The least number that is allowed. */
  readonly min?: number;
  /** The number must be greater than this. */
  readonly above?: number;
  /** The greatest number that is allowed. */
  readonly max?: number;
  /** The number must be less than this. */
  readonly below?: number;
}

function describeRange({ min, above, max, below }: NumberRange): string {
  const bounded = max !== undefined || below !== undefined;
  const low =
    above !== undefined ? ` above ${above}` : min !== undefined ? ` ${bounded ? 'from' : 'of at least'} ${min}` : '';
  if (below !== undefined) return `${low} ${low === '' ? 'below' : 'to below'} ${below}`;
  return max === undefined ? low : `${low} ${low === '' ? 'up to' : 'to'} ${max}`;
}

/**
 * A finite number within a range.
 * @throws {@link CugruError} `ERR_TYPE` for another type, `ERR_VALUE` outside of the range, NaN and infinity.
 */
export function expectNumber(name: string, value: unknown, range: NumberRange = {}): number {
  const expected = `a number${describeRange(range)}`;
  if (typeof value !== 'number') throw refuse('ERR_TYPE', name, expected, value);
  const { min = -Infinity, above = -Infinity, max = Infinity, below = Infinity } = range;
  if (!Number.isFinite(value) || value < min || value <= above || value > max || value >= below) {
    throw refuse('ERR_VALUE', name, expected, value);
  }
  return value;
}

/**
 * A boolean.
 * @throws {@link CugruError} `ERR_TYPE`
 */
export function expectBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw refuse('ERR_TYPE', name, 'a boolean', value);
  return value;
}

/**
 * A string that is not empty.
 * @throws {@link CugruError} `ERR_TYPE`; `ERR_VALUE` when it is empty.
 */
export function expectString(name: string, value: unknown): string {
  if (typeof value !== 'string') throw refuse('ERR_TYPE', name, 'a string', value);
  if (value === '') throw new CugruError('ERR_VALUE', `${name} must not be empty`, { name });
  return value;
}

/**
 * A function, or undefined.
 * @throws {@link CugruError} `ERR_TYPE`
 */
export function expectCallback(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw refuse('ERR_TYPE', name, 'a function', value);
}

/**
 * An AbortSignal, or undefined.
 * @throws {@link CugruError} `ERR_TYPE`
 */
export function expectSignal(name: string, value: unknown): void {
  if (value === undefined || value instanceof AbortSignal) return;
  const hint = value instanceof AbortController ? ' (give controller.signal)' : '';
  throw refuse('ERR_TYPE', name, `an AbortSignal${hint}`, value);
}

/**
 * One of a list of strings.
 * @throws {@link CugruError} `ERR_VALUE` with the list.
 */
export function expectOneOf<T extends string>(name: string, value: unknown, known: readonly T[]): T {
  if (!known.includes(value as T)) {
    const list = known.map((one) => `'${one}'`).join(', ');
    throw refuse('ERR_VALUE', name, `one of ${list}`, value);
  }
  return value as T;
}

const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get;

/**
 * The class name of a typed array ('Uint8Array' for a Buffer), or undefined for anything else. Read from the array itself, not
 * by `instanceof`: typed arrays of another realm (`node:vm`, some test runners) are as good as ours.
 */
export function typedArrayName(value: unknown): string | undefined {
  return tagOf?.call(value) as string | undefined;
}

type TypedArrayClass<T> = { new (length: number): T; readonly name: string };

// Only arrays that can be read throw nothing here; one that was detached, or that a resize left out of bounds, does.
function isReadable(value: { at(index: number): unknown }): boolean {
  try {
    value.at(0);
    return true;
  } catch {
    return false;
  }
}

/**
 * A typed array of exactly this class, over memory that is still there. Views over resizable buffers are taken as long as they
 * are in bounds.
 * @throws {@link CugruError} `ERR_TYPE` for another class, with how to convert; `ERR_DETACHED_BUFFER` when the ArrayBuffer was
 * transferred, or resized so that the view reaches beyond it.
 */
export function expectTypedArray<T extends Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array>(
  name: string,
  value: unknown,
  type: TypedArrayClass<T>,
): T {
  if (typedArrayName(value) !== type.name) {
    const convertible = typedArrayName(value) !== undefined || Array.isArray(value);
    const hint = convertible ? `; convert it with ${type.name}.from(...)` : '';
    throw new CugruError('ERR_TYPE', `${name} must be a ${type.name}, got ${show(value)}${hint}`, { name });
  }
  expectReadable(name, value as T);
  return value as T;
}

/**
 * A view whose memory is still there.
 * @throws {@link CugruError} `ERR_DETACHED_BUFFER`
 */
export function expectReadable(name: string, value: { at(index: number): unknown }): void {
  if (isReadable(value)) return;
  throw new CugruError(
    'ERR_DETACHED_BUFFER',
    `${name} has lost its memory: its ArrayBuffer was transferred (to a worker?) or made smaller; pass a copy`,
    { name },
  );
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

// The nearest known name, where it is near enough to be a slip of the finger. A hostile key costs no more than a short one.
function nearest(key: string, known: readonly string[]): string | undefined {
  const typed = key.toLowerCase().slice(0, longestShown);
  const ranked = known
    .map((name) => ({ name, far: distance(typed, name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  const [first] = ranked;
  return first !== undefined && first.far <= Math.max(1, Math.floor(first.name.length / 3)) ? first.name : undefined;
}

/**
 * Refuses options that are not a plain object, and options that are not known.
 * @throws {@link CugruError} `ERR_TYPE`; `ERR_VALUE` naming the option, with the nearest known one.
 */
export function rejectUnknownKeys(name: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options) || ArrayBuffer.isView(options)) {
    throw new CugruError('ERR_TYPE', `${name} takes an options object, got ${show(options)}`, { name });
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean '${near}'?`;
    throw new CugruError('ERR_VALUE', `${name} has no option ${show(key)}; ${hint}`, { key, known });
  }
}

/** Rows of a model: a Uint8Array of pixels, or a Float32Array. */
export function expectRows(name: string, value: unknown): Uint8Array | Float32Array {
  if (value instanceof Uint8Array) return expectTypedArray(name, value, Uint8Array);
  return expectTypedArray(name, value, Float32Array);
}
