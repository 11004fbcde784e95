/** Small assertions for the edges of the API: each returns the checked value, or throws and says what was expected. */
import { CugruError } from './errors.js';

function show(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

/** An integer in [min, max]. */
export function expectInteger(name: string, value: unknown, { min, max }: { min: number; max: number }): number {
  if (typeof value !== 'number') {
    throw new CugruError('ERR_TYPE', `${name} must be an integer from ${min} to ${max}, got ${show(value)}`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new CugruError('ERR_VALUE', `${name} must be an integer from ${min} to ${max}, got ${value}`, { name, value });
  }
  return value;
}

/** A finite number from `min` on, up to `max` or below `below`. */
export function expectNumber(
  name: string,
  value: unknown,
  { min, max, below }: { min: number; max?: number; below?: number },
): number {
  const range = below === undefined ? `from ${min} to ${max ?? 'any size'}` : `from ${min} to below ${below}`;
  if (typeof value !== 'number') throw new CugruError('ERR_TYPE', `${name} must be a number ${range}, got ${show(value)}`);
  if (!Number.isFinite(value) || value < min || value > (max ?? Infinity) || value >= (below ?? Infinity)) {
    throw new CugruError('ERR_VALUE', `${name} must be a number ${range}, got ${value}`, { name, value });
  }
  return value;
}

/** A boolean. */
export function expectBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new CugruError('ERR_TYPE', `${name} must be a boolean, got ${show(value)}`);
  return value;
}

/** A string that is not empty. */
export function expectString(name: string, value: unknown): string {
  if (typeof value !== 'string') throw new CugruError('ERR_TYPE', `${name} must be a string, got ${show(value)}`);
  if (value === '') throw new CugruError('ERR_VALUE', `${name} must not be empty`);
  return value;
}

/** One of a list of strings. */
export function expectOneOf<T extends string>(name: string, value: unknown, known: readonly T[]): T {
  if (!known.includes(value as T)) {
    const list = known.map((one) => `'${one}'`).join(', ');
    throw new CugruError('ERR_VALUE', `${name} must be one of ${list}, got ${show(value)}`, { name, known });
  }
  return value as T;
}

interface TypedArrayClass<T> {
  new (length: number): T;
  readonly name: string;
}

/** A typed array of exactly this class, over a buffer that is still there. */
export function expectTypedArray<T extends Float32Array | Int32Array | Uint8Array>(
  name: string,
  value: unknown,
  type: TypedArrayClass<T>,
): T {
  if (!(value instanceof type)) {
    const hint = ArrayBuffer.isView(value) || Array.isArray(value) ? `; convert it with ${type.name}.from(...)` : '';
    throw new CugruError('ERR_TYPE', `${name} must be a ${type.name}, got ${show(value)}${hint}`, { name });
  }
  const { buffer } = value as unknown as { readonly buffer: ArrayBufferLike };
  if (isDetached(buffer)) {
    throw new CugruError('ERR_DETACHED_BUFFER', `${name} is over a detached ArrayBuffer (was it transferred to a worker?)`);
  }
  if (isOutOfBounds(value)) {
    throw new CugruError('ERR_DETACHED_BUFFER', `${name} reaches beyond its ArrayBuffer, which was resized`);
  }
  return value;
}

/** Rows of a model: a Uint8Array of pixels, or a Float32Array. */
export function expectRows(name: string, value: unknown): Uint8Array | Float32Array {
  if (value instanceof Uint8Array) return expectTypedArray(name, value, Uint8Array);
  return expectTypedArray(name, value, Float32Array);
}

function isDetached(buffer: ArrayBufferLike): boolean {
  if (!(buffer instanceof ArrayBuffer)) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

// A view that a resize put out of bounds reports offset and length 0, but its buffer is neither empty nor detached.
function isOutOfBounds(view: ArrayBufferView): boolean {
  const { buffer } = view as unknown as { readonly buffer: ArrayBuffer & { readonly resizable?: boolean } };
  return buffer.resizable === true && view.byteLength === 0;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1]?.toLowerCase() === b[j - 1]?.toLowerCase() ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** Refuses options that are not an object, and options that are not known, with the nearest known one. */
export function rejectUnknownKeys(name: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new CugruError('ERR_TYPE', `${name} takes an options object, got ${show(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const nearest = [...known].sort((a, b) => distance(key, a) - distance(key, b))[0];
    const hint =
      nearest !== undefined && distance(key, nearest) <= 3 ? `; did you mean '${nearest}'?` : `; known are ${known.join(', ')}`;
    throw new CugruError('ERR_VALUE', `${name} has no option '${key}'${hint}`, { key, known });
  }
}
