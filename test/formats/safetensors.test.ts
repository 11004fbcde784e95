import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  readSafetensors,
  writeSafetensors,
} from '../../lib/formats/index.js';
import fc from '../support/edges_fc.js';

let folder: string;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cugru-safetensors-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 });
const count = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);
const tensorData = (shape: readonly number[]) => {
  const size = { minLength: count(shape), maxLength: count(shape) };
  return fc.oneof(
    fc.float32Array(size),
    fc.float64Array(size),
    fc.int32Array(size),
    fc.bigInt64Array(size),
    fc.uint8Array(size),
  );
};
const names = fc
  .string({ minLength: 1, unit: 'grapheme' })
  .filter((name) => name !== '__proto__' && name !== '__metadata__');
const tensors: fc.Arbitrary<NamedTensor[]> = fc.uniqueArray(
  fc
    .tuple(names, shapes)
    .chain(([name, shape]) => tensorData(shape).map((data): NamedTensor => ({ name, shape, data }))),
  { selector: ({ name }) => name, maxLength: 8 },
);
const metadata = fc.dictionary(names, fc.string({ unit: 'grapheme' }), { noNullPrototype: true });
// Sorted: the file has wide elements first, and AVA compares maps in their order.
const byName = (list: readonly NamedTensor[]) =>
  new Map(
    list
      .map(({ name, shape, data }) => [name, { shape: [...shape], data }] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

test('a Buffer that lies anywhere in its memory gives the same tensors', (t) => {
  const tensor = { name: 'a', shape: [2], data: Float32Array.of(1.5, -2) };
  const bytes = encodeSafetensors([tensor]);
  for (let shift = 0; shift < 8; shift++) {
    const moved = Buffer.concat([Buffer.alloc(shift), bytes]).subarray(shift);
    t.deepEqual(decodeSafetensors(moved).tensors, [tensor], `shifted by ${shift}`);
  }
});

test('what is encoded comes back, from any alignment', (t) => {
  fc.assert(
    fc.property(tensors, metadata, fc.integer({ min: 0, max: 9 }), (list, strings, shift) => {
      const bytes = encodeSafetensors(list, strings);
      const moved = new Uint8Array(bytes.length + shift).subarray(shift);
      moved.set(bytes);
      const decoded = decodeSafetensors(moved);
      t.deepEqual(byName(decoded.tensors), byName(list));
      t.deepEqual(decoded.metadata, strings);
      t.is((8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))) % 8, 0);
    }),
    { numRuns: 300 },
  );
});

test('files come back as bytes do, and nothing else is left in the folder', async (t) => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(tensors, metadata, async (list, strings) => {
      const path = join(folder, `${run++ % 2}.safetensors`);
      await writeSafetensors(path, list, strings);
      t.deepEqual(await readFile(path), Buffer.from(encodeSafetensors(list, strings)));
      const read = await readSafetensors(path);
      t.deepEqual(byName(read.tensors), byName(list));
      t.deepEqual(read.metadata, strings);
    }),
    { numRuns: 40 },
  );
  t.true((await readdir(folder)).every((name) => /^[a-z0-9-]+(\.safetensors)?$/.test(name)));
});

test('the bytes are those of the format', (t) => {
  const bytes = encodeSafetensors([{ name: 'w', shape: [2], data: Float32Array.of(1, -2) }], { format: 'pt' });
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  t.deepEqual(JSON.parse(header), {
    __metadata__: { format: 'pt' },
    w: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
  });
  t.regex(header, /^\{.*\} *$/);
  t.deepEqual([...bytes.subarray(8 + length)], [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
});

test('tensors that cannot be written are refused', (t) => {
  const data = new Float32Array(2);
  const refuse = (list: unknown, code: string, strings: unknown = {}) =>
    t.throws(() => encodeSafetensors(list as NamedTensor[], strings as Record<string, string>), { code });
  refuse([{ name: 'w', shape: [3], data }], 'ERR_SHAPE');
  refuse([{ name: 'w', shape: [-1, -2], data }], 'ERR_SHAPE');
  refuse([{ name: 'w', shape: [2], data: [1, 2] }], 'ERR_TYPE');
  refuse([{ name: 'w', shape: [2], data: new Uint16Array(2) }], 'ERR_TYPE');
  for (const name of ['', '__proto__', '__metadata__', '\ud800', 3]) refuse([{ name, shape: [2], data }], 'ERR_VALUE');
  refuse(
    [1, 2].map(() => ({ name: 'w', shape: [2], data })),
    'ERR_VALUE',
  );
  refuse([], 'ERR_VALUE', { step: 3 });
});

function craft(header: string | object, dataBytes = 0, claimed?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (shape: unknown, offsets: unknown, dtype: unknown = 'F32') => ({ dtype, shape, data_offsets: offsets });
const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
const hostile: readonly [string, Uint8Array, RegExp][] = [
  ['an empty file', new Uint8Array(0), /0 bytes/],
  ['seven bytes', new Uint8Array(7), /7 bytes/],
  ['a header beyond the file', craft({}, 0, 1000n), /claims 1000 bytes, but only 2 follow/],
  ['a header above the limit', craft({}, 0, 100_000_001n), /the format allows 100000000/],
  ['the largest length', craft({}, 0, 2n ** 64n - 1n), /claims 18446744073709551615 bytes/],
  ['an empty header', craft(''), /does not begin with/],
  ['no JSON', craft('{"a":'), /is not JSON/],
  ['a list', craft('[1]'), /does not begin with/],
  ['space before the header', craft(' {}'), /does not begin with/],
  ['bytes that are not UTF-8', craft('{}').fill(0xff, 9, 10), /is not JSON/],
  ['text after the header', craft('{} x'), /is not JSON/],
  ['deep nesting', craft(deep), /tensor "a"/],
  [
    'a name twice',
    craft(`{"a":${JSON.stringify(entry([1], [0, 4]))},"a":${JSON.stringify(entry([1], [0, 4]))}}`, 4),
    /"a" twice/,
  ],
  ['a name twice, escaped', craft('{"a":1,"\\u0061":1}'), /"a" twice/],
  ['a field twice', craft('{"a":{"dtype":"F32","dtype":"U8","shape":[],"data_offsets":[0,4]}}', 4), /"dtype" twice/],
  [
    '__proto__ as a name',
    craft('{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    /name that is not allowed/,
  ],
  ['an empty name', craft({ '': entry([1], [0, 4]) }, 4), /name that is not allowed/],
  ['a tensor that is no object', craft({ a: 3 }), /not an object/],
  ['a tensor that is null', craft({ a: null }), /not an object/],
  ['an unknown type', craft({ a: entry([1], [0, 4], 'F33') }, 4), /unknown dtype "F33"/],
  ['a type of Object.prototype', craft({ a: entry([1], [0, 4], 'constructor') }, 4), /unknown dtype/],
  ['a type that is a number', craft({ a: entry([1], [0, 4], 32) }, 4), /unknown dtype 32/],
  ['no shape', craft({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /shape of tensor "a"/],
  ['a negative size', craft({ a: entry([-1], [0, 4]) }, 4), /shape of tensor "a"/],
  ['two negative sizes', craft({ a: entry([-1, -1], [0, 4]) }, 4), /shape of tensor "a"/],
  ['half a size', craft({ a: entry([0.5], [0, 2]) }, 2), /shape of tensor "a"/],
  ['a size as text', craft({ a: entry(['1'], [0, 4]) }, 4), /shape of tensor "a"/],
  [
    'a size above 2^53',
    craft('{"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,4]}}', 4),
    /shape of tensor "a"/,
  ],
  ['a product that overflows to 0', craft({ a: entry([2 ** 32, 2 ** 32], [0, 0]) }), /more bytes than any file has/],
  ['a product above 2^53', craft({ a: entry([2 ** 26, 2 ** 26], [0, 4]) }, 4), /more bytes than any file has/],
  ['one offset', craft({ a: entry([1], [0]) }, 4), /data_offsets of tensor "a"/],
  ['offsets with a fraction', craft({ a: entry([1], [0, 4.5]) }, 5), /data_offsets of tensor "a"/],
  ['a negative offset', craft({ a: entry([1], [-4, 0]) }, 4), /data_offsets of tensor "a"/],
  ['offsets backwards', craft({ a: entry([1], [4, 0]) }, 4), /data_offsets are \[4, 0\]/],
  ['offsets that disagree with the shape', craft({ a: entry([2], [0, 4]) }, 4), /needs 8 bytes/],
  ['offsets beyond the file', craft({ a: entry([2], [0, 8]) }, 4), /ends at byte 8/],
  ['a gap', craft({ a: entry([1], [0, 4]), b: entry([1], [8, 12]) }, 12), /bytes 4 to 8 .*belong to no tensor/],
  ['a gap in front', craft({ a: entry([1], [4, 8]) }, 8), /bytes 0 to 4/],
  ['an overlap', craft({ a: entry([2], [0, 8]), b: entry([1], [4, 8]) }, 8), /overlaps/],
  ['a tensor in a tensor', craft({ a: entry([2], [0, 8]), b: entry([0], [4, 4]) }, 8), /overlaps/],
  ['bytes at the end', craft({ a: entry([1], [0, 4]) }, 5), /1 bytes follow the last tensor/],
  ['data without tensors', craft({}, 3), /3 bytes follow/],
  ['metadata that is a list', craft({ __metadata__: [] }), /__metadata__/],
  ['metadata that is null', craft({ __metadata__: null }), /__metadata__/],
  ['metadata with a number', craft({ __metadata__: { a: 1 } }), /__metadata__/],
  ['metadata with __proto__', craft('{"__metadata__":{"__proto__":"x"}}'), /__metadata__/],
];

for (const [what, bytes, message] of hostile) {
  test(`hostile: ${what}`, async (t) => {
    t.throws(() => decodeSafetensors(bytes), { code: 'ERR_CHECKPOINT_CORRUPT', message });
    const path = join(folder, `hostile-${hostile.findIndex(([w]) => w === what)}`);
    await writeFile(path, bytes);
    const error = await t.throwsAsync(readSafetensors(path), { code: 'ERR_CHECKPOINT_CORRUPT', message });
    t.true(error?.message.includes(path));
  });
}

test('a header of exactly what is there is read', (t) => {
  const decoded = decodeSafetensors(craft({ a: entry([], [0, 4]), none: entry([0, 7], [4, 4]) }, 4));
  t.deepEqual(
    decoded.tensors.map(({ name, shape, data }) => [name, [...shape], data.length]),
    [
      ['a', [], 1],
      ['none', [0, 7], 0],
    ],
  );
  t.is(({} as Record<string, unknown>)['dtype'], undefined);
});

test('known types that are not read say so', (t) => {
  t.throws(() => decodeSafetensors(craft({ a: entry([2], [0, 4], 'BF16') }, 4)), {
    code: 'ERR_UNSUPPORTED',
    message: /type BF16; F32, F64, I32, I64 and U8 can be read/,
  });
});

test('damage of any kind is an error with a code, never anything else', (t) => {
  const good = encodeSafetensors([
    { name: 'a', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    { name: 'b', shape: [3], data: Uint8Array.of(1, 2, 3) },
  ]);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(good.length),
      (edits, cut) => {
        const bytes = good.slice(0, good.length - (cut % 3 === 0 ? cut : 0));
        for (const [at, value] of edits) bytes[at] = value;
        try {
          decodeSafetensors(bytes);
        } catch (error) {
          t.regex((error as { code: string }).code, /^ERR_(CHECKPOINT_CORRUPT|UNSUPPORTED)$/);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('files that cannot be opened or have been cut', async (t) => {
  const missing = await t.throwsAsync(readSafetensors(join(folder, 'none')), { code: 'ERR_CHECKPOINT_CORRUPT' });
  t.is((missing?.cause as { code?: string } | undefined)?.code, 'ENOENT');
  await t.throwsAsync(readSafetensors(folder), { code: 'ERR_CHECKPOINT_CORRUPT' });
  const path = join(folder, 'cut');
  await writeSafetensors(path, [{ name: 'w', shape: [100], data: new Float32Array(100) }]);
  await truncate(path, 300);
  await t.throwsAsync(readSafetensors(path), { code: 'ERR_CHECKPOINT_CORRUPT', message: /ends at byte 400/ });
});
