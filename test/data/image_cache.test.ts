import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../../lib/formats/index.js';
import { datasets } from '../../lib/index.js';
import { plainPng, shades, writeTree } from '../support/data_files.js';
import { scratch } from '../support/edges_files.js';

const small = { size: 2, channels: 1 } as const;

async function cached(t: ExecutionContext, files = shades(6)) {
  const [dir, place] = [scratch(t), scratch(t)];
  await writeTree(dir, files);
  const cache = join(place, 'rows.cache');
  const load = (options: Partial<Parameters<typeof datasets.imageFolder>[1]> = {}) =>
    datasets.imageFolder(dir, { ...small, cache, ...options });
  return { dir, place, cache, load };
}

type Loaded = Awaited<ReturnType<typeof datasets.imageFolder>>;
const content = ({ train, validation, test: held, skipped, classNames }: Loaded) => ({
  inputs: [...train.storage.inputs],
  labels: train.storage.labels,
  rows: [train, validation, held].map((part) => part?.rows()),
  skipped,
  classNames,
});

test('the second run reads what the first one has decoded: rows, labels, parts and skipped files', async (t) => {
  const { load } = await cached(t, {
    ...shades(4, 'train/'),
    ...shades(2, 'test/'),
    ...({ 'train/dark/bad.png': 'x' } as unknown as Record<string, number>),
  });
  const [first, second] = [await load({ onError: 'skip' }), await load({ onError: 'skip' })];
  t.deepEqual([first.fromCache, second.fromCache], [false, true]);
  t.is(second.skipped.length, 1);
  t.deepEqual(content(second), content(first));
  t.deepEqual(second.train.decoding, first.train.decoding);
});

test('the cache is a safetensors file that says what it was made from', async (t) => {
  const { cache, load, dir } = await cached(t);
  await load();
  const { tensors, metadata } = decodeSafetensors(readFileSync(cache), cache);
  t.deepEqual(tensors.map(({ name, shape }) => [name, shape]).sort(), [
    ['inputs', [6, 2, 2, 1]],
    ['labels', [6]],
    ['parts', [6]],
  ]);
  t.is(metadata['cugru_cache'], '1');
  t.like(JSON.parse(metadata['made_from'] ?? ''), { source: dir, files: 6, onError: 'stop' });
});

const changes: readonly [string, (dir: string) => Promise<void> | void][] = [
  ['a file is new', (dir) => writeTree(dir, { 'dark/new.png': 77 })],
  ['a file is gone', (dir) => rmSync(join(dir, 'dark/0.png'))],
  ['a file has another content', async (dir) => writeFileSync(join(dir, 'dark/0.png'), await plainPng(99, 98, 1))],
  ['a file has another time', (dir) => utimesSync(join(dir, 'dark/0.png'), 1, 1)],
  [
    'a file has another class',
    async (dir) => {
      const bytes = readFileSync(join(dir, 'dark/0.png'));
      rmSync(join(dir, 'dark/0.png'));
      await writeTree(dir, { 'light/0.png': bytes });
    },
  ],
];

for (const [what, change] of changes) {
  test(`it is made anew when ${what}`, async (t) => {
    const { dir, load, cache } = await cached(t);
    await load();
    const before = readFileSync(cache);
    await change(dir);
    const again = await load();
    t.false(again.fromCache);
    t.notDeepEqual(readFileSync(cache), before);
    t.deepEqual(content(await load()), content(again));
    t.true((await load()).fromCache);
  });
}

test('it is made anew when an option has changed', async (t) => {
  const { load } = await cached(t);
  const others = [{ size: 3 }, { kernel: 'nearest' }, { invert: true }, { channels: 3 }, { onError: 'skip' }] as const;
  for (const options of others) {
    await load();
    t.false((await load(options)).fromCache, JSON.stringify(options));
    t.true((await load(options)).fromCache, JSON.stringify(options));
  }
});

test('a torn cache is made anew, wherever it was torn', async (t) => {
  const { load, cache } = await cached(t);
  const wanted = content(await load());
  const whole = readFileSync(cache);
  for (const length of [0, 60, 200, whole.length >> 1, whole.length - 25, whole.length - 1]) {
    writeFileSync(cache, whole.subarray(0, length));
    const again = await load();
    t.false(again.fromCache, `${length} of ${whole.length}`);
    t.deepEqual(content(again), wanted);
  }
  writeFileSync(cache, Buffer.alloc(whole.length));
  t.false((await load()).fromCache, 'nothing but zeros, as a power cut leaves them');
});

test('a flipped byte anywhere in the rows, or a header that was tampered with, is found', async (t) => {
  const { load, cache } = await cached(t);
  const wanted = content(await load());
  const whole = readFileSync(cache);
  const dataLength = 6 * 4 + 6 * 4 + 6;
  for (let i = 1; i <= dataLength; i++) {
    const bytes = Buffer.from(whole);
    bytes[whole.length - i] = (bytes[whole.length - i] as number) ^ 1;
    writeFileSync(cache, bytes);
    t.deepEqual(content(await load()), wanted);
  }
  const change = async (edit: (tensors: NamedTensor[]) => NamedTensor[], metadata: Record<string, string> = {}) => {
    const read = decodeSafetensors(whole, cache);
    writeFileSync(cache, encodeSafetensors(edit([...read.tensors]), { ...read.metadata, ...metadata }));
    t.false((await load()).fromCache);
  };
  await change((tensors) => tensors.slice(1));
  await change((tensors) => tensors.map((tensor) => ({ ...tensor, shape: [tensor.data.length] })));
  for (const key of ['cugru_cache', 'made_from', 'checksum', 'skipped'] as const)
    await change((all) => all, { [key]: '[' });
});

test('the cache of another folder is replaced; a file that is no cache is left alone', async (t) => {
  const [one, other] = [await cached(t), await cached(t, shades(4))];
  await one.load();
  t.false((await other.load({ cache: one.cache })).fromCache);
  const precious = join(one.place, 'thesis.txt');
  writeFileSync(precious, 'precious');
  await t.throwsAsync(one.load({ cache: precious }), {
    code: 'ERR_VALUE',
    message: /thesis\.txt is no cache of cugru and is left as it is/,
  });
  const model = join(one.place, 'model.safetensors');
  writeFileSync(model, encodeSafetensors([{ name: 'w', shape: [1], data: Float32Array.of(1) }]));
  await t.throwsAsync(one.load({ cache: model }), { code: 'ERR_VALUE' });
  t.is(readFileSync(precious, 'utf8'), 'precious');
});

test('an abort in the middle leaves no cache, and no part of one', async (t) => {
  const { load, place, cache } = await cached(t);
  const controller = new AbortController();
  const reason = new Error('enough');
  const loading = load({ signal: controller.signal, onProgress: ({ done }) => done === 3 && controller.abort(reason) });
  await t.throwsAsync(loading, { is: reason });
  t.deepEqual(readdirSync(place), []);
  await load();
  const before = statSync(cache).mtimeMs;
  const again = new AbortController();
  const other = load({ size: 3, signal: again.signal, onProgress: ({ done }) => done === 6 && again.abort(reason) });
  await t.throwsAsync(other, { is: reason });
  t.deepEqual([readdirSync(place), statSync(cache).mtimeMs], [['rows.cache'], before], 'the older one is as it was');
});

test('a folder that is not there cannot hold a cache: the error of the system says so', async (t) => {
  const { load, place } = await cached(t);
  await t.throwsAsync(load({ cache: join(place, 'none', 'rows.cache') }), { code: 'ENOENT' });
  t.false(existsSync(join(place, 'none')));
});
