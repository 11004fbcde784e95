/** Values that nobody should pass to a function, for the fuzzers of the native door. */
import type { Random } from './door_random.js';

function detached(): Float32Array {
  const array = new Float32Array(16);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

type Resizable = ArrayBuffer & { resize(bytes: number): void };

// Node 20 has resizable buffers, the types of ES2022 do not.
function resizable(bytes: number, max: number): Resizable {
  const make = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => Resizable;
  return new make(bytes, { maxByteLength: max });
}

function shrunk(): Float32Array {
  const buffer = resizable(64, 128);
  const array = new Float32Array(buffer, 32, 8);
  buffer.resize(16);
  return array;
}

function tracking(): Float32Array {
  const buffer = resizable(64, 128);
  const array = new Float32Array(buffer);
  buffer.resize(100);
  return array;
}

function growableShared(): Uint8Array {
  const make = SharedArrayBuffer as unknown as new (
    bytes: number,
    options: { maxByteLength: number },
  ) => SharedArrayBuffer & { grow(bytes: number): void };
  const buffer = new make(16, { maxByteLength: 64 });
  const array = new Uint8Array(buffer);
  buffer.grow(40);
  return array;
}

const throws = {
  get(): never {
    throw new RangeError('a getter threw');
  },
};
const throwingProxy = new Proxy(
  {},
  { ...throws, ownKeys: throws.get, has: throws.get, getOwnPropertyDescriptor: throws.get },
);
class Odd extends Float32Array {
  override get length(): number {
    return 2 ** 31;
  }
}

function growing(): unknown[] {
  const array: unknown[] = [];
  const grow = (): void => {
    const at = array.length;
    const get = (): unknown => {
      if (array.length < 1e6) grow();
      return { dtype: 'f32', dims: [1] };
    };
    Object.defineProperty(array, at, { get });
  };
  grow();
  return array;
}

const numbers = [
  Number.NaN,
  -1,
  0,
  0.5,
  1,
  2,
  7,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 46 + 1,
  1e300,
  Infinity,
  -Infinity,
  -0,
];
const long = 'x'.repeat(1e6);
const sparse: unknown[] = [];
sparse.length = 2 ** 32 - 1;
const holes: unknown[] = [];
holes.length = 1000;

const makers: readonly ((random: Random) => unknown)[] = [
  (random) => random.pick(numbers),
  () => undefined,
  () => null,
  (random) => random.chance(0.5),
  (random) => random.pick(['', 'cpu', 'cuda', 'f32', 'train', 'parameters', '\u{1F600}\0', '__proto__', long]),
  () => 10n ** 30n,
  () => Symbol('odd'),
  () => () => 1,
  (random) => random.pick([sparse, holes, [], [[]], new Array(70_000).fill(0)]),
  () => Object.create(null),
  () => ({}),
  () => throwingProxy,
  () => new Proxy([], throws),
  (random) =>
    Object.defineProperty({}, random.pick(['device', 'tensors', 'segments']), { ...throws, enumerable: true }),
  growing,
  detached,
  shrunk,
  tracking,
  growableShared,
  () => new Float32Array(new SharedArrayBuffer(64)),
  () => new Odd(4),
  () => Buffer.from('buffer'),
  (random) =>
    new (random.pick([Int8Array, Uint16Array, Int32Array, Float64Array, BigInt64Array, Uint8ClampedArray]))(8),
  (random) => new Float32Array(random.below(64)),
  (random) => new Int32Array(random.below(64)).fill(random.pick(numbers)),
  (random) => new Uint8Array(random.pick([0, 1, 5, 30, 4096])),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(8),
  () => new Date(Number.NaN),
  () => Promise.resolve(1),
];

/** Any of them. Objects are new each time. */
export function hostileValue(random: Random): unknown {
  return random.pick(makers)(random);
}
