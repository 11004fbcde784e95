import test from 'ava';
import { parseZip } from '../../lib/formats/index.js';
import { zipBytes } from '../support/data_files.js';
import fc from '../support/edges_fc.js';

const files = { 'a.npy': Buffer.from('first'), 'b/c.npy': Buffer.alloc(5000, 7), empty: Buffer.alloc(0) };
const read = async (bytes: Uint8Array): Promise<Record<string, string>> => {
  const contents: Record<string, string> = {};
  for (const entry of parseZip(bytes, 'x.zip')) contents[entry.name] = Buffer.from(await entry.read()).toString('hex');
  return contents;
};
const expected = Object.fromEntries(Object.entries(files).map(([name, content]) => [name, content.toString('hex')]));

test('stored and deflated files, and an archive with a comment', async (t) => {
  t.deepEqual(await read(zipBytes(files)), expected);
  t.deepEqual(await read(zipBytes(files, { deflate: true })), expected);
  const commented = Buffer.concat([zipBytes(files), Buffer.from('made by hand')]);
  t.deepEqual(await read(commented), expected);
  t.deepEqual(await read(zipBytes({})), {});
});

test('an archive that is cut, flipped or none is refused by its name', async (t) => {
  const whole = zipBytes(files, { deflate: true });
  for (const length of [0, 10, whole.length >> 1, whole.length - 1]) {
    t.throws(() => parseZip(whole.subarray(0, length), 'x.zip'), { code: 'ERR_DATASET_CORRUPT', message: /^x\.zip: / });
  }
  const flipped = zipBytes(files);
  flipped[38] = (flipped[38] as number) ^ 1;
  await t.throwsAsync(read(flipped), {
    code: 'ERR_DATASET_CORRUPT',
    message: /^x\.zip, a\.npy: its content does not fit its checksum/,
  });
});

test('encrypted files, and other methods, are refused', async (t) => {
  await t.throwsAsync(read(zipBytes(files, { flags: 1 })), { code: 'ERR_UNSUPPORTED', message: /it is encrypted/ });
  await t.throwsAsync(read(zipBytes(files, { method: 12 })), {
    code: 'ERR_UNSUPPORTED',
    message: /packed by method 12/,
  });
});

test('a file that unpacks to more than it says is stopped there', async (t) => {
  const bomb = zipBytes({ bomb: Buffer.alloc(2 ** 20) }, { deflate: true });
  const directory = bomb.lastIndexOf('PK\x01\x02');
  bomb.writeUInt32LE(100, directory + 24);
  await t.throwsAsync(read(bomb), { code: 'ERR_DATASET_CORRUPT', message: /it cannot be unpacked/ });
});

test('whatever byte is changed, the contents are right or refused', async (t) => {
  const whole = zipBytes(files, { deflate: true });
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, byte) => {
      const changed = Uint8Array.from(whole);
      changed[at] = byte;
      try {
        for (const [, content] of Object.entries(await read(changed))) {
          t.true(Object.values(expected).includes(content));
        }
      } catch (error) {
        t.is((error as Error).name, 'CugruError', String(error));
      }
    }),
    { numRuns: 300 },
  );
});
