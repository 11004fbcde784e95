import test from 'ava';
import { encodeNpy, type NpyArray, parseNpy } from '../../lib/formats/index.js';
import fc from '../support/edges_fc.js';

/** An npy file with a header as it is given. */
function npy(header: string, data: Uint8Array = new Uint8Array(0), version = 1): Buffer {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  return Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Buffer.of(version, 0), length, Buffer.from(header), data]);
}
const dictionary = (descr: string, shape: string, order = 'False'): string =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

const arrays: readonly NpyArray[] = [
  { shape: [2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 255) },
  { shape: [2], data: Int8Array.of(-1, 127) },
  { shape: [2], data: Uint16Array.of(1, 65535) },
  { shape: [2], data: Int16Array.of(-1, 32767) },
  { shape: [1, 1], data: Uint32Array.of(2 ** 32 - 1) },
  { shape: [1], data: Int32Array.of(-5) },
  { shape: [1], data: BigInt64Array.of(-5n) },
  { shape: [1], data: BigUint64Array.of(2n ** 63n) },
  { shape: [2, 2], data: Float32Array.of(0.5, -1, Number.NaN, Infinity) },
  { shape: [], data: Float64Array.of(Math.PI) },
  { shape: [0, 28, 28], data: new Uint8Array(0) },
];

test('what is written comes back, with its type and shape', (t) => {
  for (const array of arrays) {
    const bytes = encodeNpy(array);
    t.deepEqual(parseNpy(bytes, 'a.npy'), array);
    // At every alignment.
    for (let shift = 1; shift < 8; shift++) {
      const moved = new Uint8Array(bytes.length + shift);
      moved.set(bytes, shift);
      t.deepEqual(parseNpy(moved.subarray(shift), 'a.npy'), array);
      t.deepEqual(parseNpy(Buffer.from(moved.buffer).subarray(shift), 'a.npy'), array);
    }
  }
});

test('the bytes are those that NumPy writes: a header of 128 bytes, in its spelling', (t) => {
  const bytes = Buffer.from(encodeNpy({ shape: [3], data: Float32Array.of(1, 2, 3) }));
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
  t.is(bytes.toString('latin1', 0, 128), `\x93NUMPY\x01\x00\x76\x00${header.padEnd(117)}\n`);
  t.is(bytes.length, 128 + 12);
  t.regex(Buffer.from(encodeNpy({ shape: [], data: Uint8Array.of(1) })).toString('latin1'), /'shape': \(\), }/);
});

test('headers in other spellings are read: versions 2 and 3, other orders of keys, spaces', (t) => {
  const data = Uint8Array.of(7, 8);
  for (const version of [1, 2, 3])
    t.deepEqual([...parseNpy(npy(dictionary("'|u1'", '(2,)'), data, version), 'a').data], [7, 8]);
  const other = "{ 'shape' : ( 1 , 2 ) ,'fortran_order':False,'descr':'|b1'}";
  t.deepEqual(parseNpy(npy(other, data), 'a').shape, [1, 2]);
  t.deepEqual(parseNpy(npy(dictionary("'|u1'", '(2,)', 'True'), data), 'a').shape, [2], 'one axis has no order');
});

const refused: readonly [Buffer, string, RegExp][] = [
  [Buffer.from(''), 'ERR_DATASET_CORRUPT', /begins with \\x93NUMPY/],
  [Buffer.from('PK\x03\x04 and more'), 'ERR_DATASET_CORRUPT', /begins with/],
  [npy('x').subarray(0, 10), 'ERR_DATASET_CORRUPT', /cut short within its header/],
  [npy('x', undefined, 4), 'ERR_UNSUPPORTED', /npy version 4/],
  [npy('x'), 'ERR_DATASET_CORRUPT', /no 'descr': "x"/],
  [npy("{'descr': '|u1'}"), 'ERR_DATASET_CORRUPT', /no 'shape'/],
  [npy("{'descr': '|u1', 'shape': (2,)}"), 'ERR_DATASET_CORRUPT', /no 'fortran_order'/],
  [npy(dictionary("'|u1'", '(-2,)')), 'ERR_DATASET_CORRUPT', /no 'shape'/],
  [
    npy(dictionary("'|u1'", '(2, 2)', 'True'), Buffer.alloc(4)),
    'ERR_UNSUPPORTED',
    /Fortran order.*np\.ascontiguousarray/,
  ],
  [npy(dictionary("'>f4'", '(1,)'), Buffer.alloc(4)), 'ERR_UNSUPPORTED', /big-endian numbers \(>f4\)/],
  [npy(dictionary("'|O'", '(1,)'), Buffer.alloc(4)), 'ERR_UNSUPPORTED', /Python objects \(dtype object\)/],
  [npy(dictionary("[('x', '<f4')]", '(1,)'), Buffer.alloc(4)), 'ERR_UNSUPPORTED', /records \(a structured dtype\)/],
  [npy(dictionary("'<f2'", '(1,)'), Buffer.alloc(2)), 'ERR_UNSUPPORTED', /dtype '<f2' is not read, only integers/],
  [npy(dictionary("'<U5'", '(1,)'), Buffer.alloc(20)), 'ERR_UNSUPPORTED', /dtype '<U5'/],
  [npy(dictionary("'toString'", '(1,)')), 'ERR_UNSUPPORTED', /dtype 'toString'/],
  [
    npy(dictionary("'<f4'", '(2,)'), Buffer.alloc(7)),
    'ERR_DATASET_CORRUPT',
    /\[2\] of <f4 needs 8 bytes, got 7: the file is cut/,
  ],
  [npy(dictionary("'<f4'", '(2,)'), Buffer.alloc(9)), 'ERR_DATASET_CORRUPT', /bytes left over/],
  [npy(dictionary("'<f4'", '(99999999999, 99999999999)'), Buffer.alloc(9)), 'ERR_DATASET_CORRUPT', /is cut short/],
];

test('what cannot be read is refused by its name, with what to do', (t) => {
  for (const [bytes, code, message] of refused) {
    const error = t.throws(() => parseNpy(bytes, 'some/a.npy'), { code, message });
    t.true(error?.message.startsWith('some/a.npy: '));
  }
});

test('bytes that are none are refused, and nothing else happens', (t) => {
  const whole = encodeNpy({ shape: [2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const changed = Uint8Array.from(whole);
      changed[at] = byte;
      try {
        parseNpy(changed, 'a');
      } catch (error) {
        t.is((error as Error).name, 'CugruError');
      }
      t.throws(() => parseNpy(whole.subarray(0, at), 'a'), { name: 'CugruError' });
    }),
    { numRuns: 300 },
  );
});

test('arrays that do not fit their shape are not written', (t) => {
  t.throws(() => encodeNpy({ shape: [2], data: Uint8Array.of(1) }), {
    code: 'ERR_SHAPE',
    message: /is 2 elements.*has 1/,
  });
  t.throws(() => encodeNpy({ shape: [-1, -1], data: Uint8Array.of(1) }), { code: 'ERR_SHAPE' });
  t.throws(() => encodeNpy({ shape: [1], data: [1] as unknown as Uint8Array }), { code: 'ERR_TYPE' });
});
