import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { parseIdx, readIdx } from '../../lib/formats/index.js';
import fc from '../support/edges_fc.js';

function idx(shape: readonly number[], data: Uint8Array, type = 8): Uint8Array {
  const bytes = Buffer.alloc(4 + 4 * shape.length + data.length);
  bytes[2] = type;
  bytes[3] = shape.length;
  shape.forEach((dim, i) => {
    bytes.writeUInt32BE(dim, 4 + 4 * i);
  });
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}

test('any shape comes back', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }), fc.nat(), (shape, seed) => {
      const length = shape.reduce((product, dim) => product * dim, 1);
      const data = Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 255);
      const parsed = parseIdx(idx(shape, data), 'test');
      t.deepEqual(parsed.shape, shape);
      t.deepEqual(Uint8Array.from(parsed.data), data);
    }),
  );
});

const six = new Uint8Array(6);
const wrong: readonly [string, Uint8Array, number | undefined, RegExp][] = [
  ['an empty file', new Uint8Array(0), undefined, /got an empty file/],
  ['a PNG', Uint8Array.of(0x89, 0x50, 0x4e, 0x47), 3, /begins with 00 00 08 03, got 89 50 4e 47/],
  ['three bytes', Uint8Array.of(0, 0, 8), undefined, /got 00 00 08$/],
  ['floats', idx([6], six, 0x0d), 1, /expected unsigned bytes .*got floats/],
  ['an unknown type', idx([6], six, 0x77), 1, /unknown type 0x77/],
  ['labels for images', idx([6], six), 3, /expected 3 dimensions, got 1/],
  ['no dimensions', idx([], six), undefined, /got 0/],
  ['a cut header', idx([2, 3], six).subarray(0, 9), 2, /header of 12 bytes for 2 dimensions, got a file of 9 bytes/],
  ['cut data', idx([2, 3], six).subarray(0, 17), 2, /\[2, 3\] needs 6 bytes of data, got 5: the file is cut short/],
  ['bytes left over', idx([2, 2], six), 2, /needs 4 bytes of data, got 6: the file has bytes left over/],
  ['sizes that overflow', idx([2 ** 31, 2 ** 31, 4], six), 3, /is cut short/],
];

for (const [what, bytes, rank, message] of wrong) {
  test(`wrong: ${what}`, (t) => {
    const error = t.throws(() => parseIdx(bytes, 'some/file', rank === undefined ? {} : { rank }), {
      code: 'ERR_DATASET_CORRUPT',
      message,
    });
    t.true(error?.message.startsWith('some/file: '));
  });
}

test('damage of any kind is ERR_DATASET_CORRUPT, never anything else, and what is read has the size it says', (t) => {
  const good = idx(
    [2, 3, 2],
    Uint8Array.from({ length: 12 }, (_, i) => i),
  );
  const edits = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(edits, fc.nat(good.length), fc.constantFrom(undefined, 1, 3), (changes, cut, rank) => {
      const bytes = good.slice(0, good.length - (cut % 2 === 0 ? cut : 0));
      for (const [at, value] of changes) bytes[at] = value;
      try {
        const { shape, data } = parseIdx(bytes, 'damaged', rank === undefined ? {} : { rank });
        t.is(
          shape.reduce((product, dim) => product * dim, 1),
          data.length,
        );
      } catch (error) {
        t.is((error as { code?: string }).code, 'ERR_DATASET_CORRUPT');
      }
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      t.throws(() => parseIdx(bytes, 'noise', { rank: 3 }), { code: 'ERR_DATASET_CORRUPT' });
    }),
  );
});

test('files, plain and gzipped', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cugru-idx-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const bytes = idx([2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6));
  const plain = join(folder, 'plain');
  // The name does not matter, only the first bytes.
  const zipped = join(folder, 'zipped');
  await writeFile(plain, bytes);
  await writeFile(zipped, gzipSync(bytes));
  for (const path of [plain, zipped]) {
    const { shape, data } = await readIdx(path, { rank: 2 });
    t.deepEqual(
      [shape, [...data]],
      [
        [2, 3],
        [1, 2, 3, 4, 5, 6],
      ],
    );
  }
  await writeFile(zipped, gzipSync(bytes).subarray(0, 20));
  await t.throwsAsync(readIdx(zipped), { code: 'ERR_DATASET_CORRUPT', message: /gzip data cannot be read/ });
  const missing = await t.throwsAsync(readIdx(join(folder, 'none')), { code: 'ERR_DATASET_MISSING' });
  t.true(missing?.message.includes(join(folder, 'none')));
});
