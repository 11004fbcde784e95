import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { datasets } from '../../lib/index.js';
import { plainPng, shades, writeTree } from '../support/data_files.js';
import { scratch } from '../support/edges_files.js';
import { flat, picture } from '../support/edges_pictures.js';

type Folder = Awaited<ReturnType<typeof datasets.imageFolder>>;
const small = { size: 2, channels: 1 } as const;
const labels = ({ train }: Folder): (number | undefined)[] =>
  Array.from({ length: train.size }, (_, i) => train.labelOf(i) as number);
const firsts = ({ train }: Folder): (number | undefined)[] =>
  Array.from({ length: train.size }, (_, i) => train.input(i)[0]);

test('folders are classes, in the order of their names; rows are in the order of their paths', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, { 'b/2.png': 40, 'b/1.png': 30, 'a/x.png': 10, 'a/deep/y.png': 20, 'c/1.png': 50 });
  const loaded = await datasets.imageFolder(dir, { size: [2, 3] });
  t.deepEqual(loaded.classNames, ['a', 'b', 'c']);
  t.deepEqual(loaded.train.classNames, ['a', 'b', 'c']);
  t.deepEqual(loaded.train.inputShape, [2, 3, 3]);
  t.deepEqual(labels(loaded), [0, 0, 1, 1, 2]);
  t.deepEqual(firsts(loaded), [10, 20, 30, 40, 50]);
  t.deepEqual([loaded.skipped, loaded.ignored, loaded.fromCache], [[], [], false]);
  t.is(loaded.validation, undefined);
  t.is(loaded.train.name, dir);
});

test('folders for the parts are recognised in their usual spellings', async (t) => {
  for (const [train, validation, test] of [
    ['train', 'val', 'test'],
    ['Training', 'validation', 'testing'],
    ['train', 'valid', 'Test'],
  ] as const) {
    const dir = scratch(t);
    await writeTree(dir, {
      [`${train}/a/1.png`]: 10,
      [`${train}/b/1.png`]: 20,
      [`${validation}/b/1.png`]: 30,
      [`${test}/a/1.png`]: 40,
    });
    const loaded = await datasets.imageFolder(dir, small);
    t.deepEqual(firsts(loaded), [10, 20]);
    t.deepEqual([loaded.validation?.input(0)[0], loaded.validation?.labelOf(0)], [30, 1]);
    t.deepEqual([loaded.test?.input(0)[0], loaded.test?.labelOf(0), loaded.test?.size], [40, 0, 1]);
    t.is(loaded.test?.storage, loaded.train.storage, 'one memory');
  }
});

test('a class may be called train, beside other classes', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, { 'train/1.png': 10, 'car/1.png': 20 });
  t.deepEqual((await datasets.imageFolder(dir, small)).classNames, ['car', 'train']);
});

test('classes that are numbers are in their order as numbers', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, { '0/1.png': 1, '10/1.png': 2, '2/1.png': 3 });
  t.deepEqual((await datasets.imageFolder(dir, small)).classNames, ['0', '2', '10']);
});

test('parts that are not there are split off by class, and the same seed gives the same', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(20));
  const load = (seed: number) => datasets.imageFolder(dir, { ...small, split: { validation: 0.2, test: 0.2, seed } });
  const [loaded, again, other] = [await load(1), await load(1), await load(2)];
  t.deepEqual([loaded.train.size, loaded.validation?.size, loaded.test?.size], [12, 4, 4]);
  for (const part of [loaded.train, loaded.validation, loaded.test]) {
    const classOf = Array.from({ length: part?.size ?? 0 }, (_, i) => part?.labelOf(i));
    t.is(classOf.filter((label) => label === 0).length, classOf.length / 2);
  }
  t.deepEqual(again.test?.rows(), loaded.test?.rows());
  t.notDeepEqual(other.test?.rows(), loaded.test?.rows());
  const parts = [loaded.train, loaded.validation, loaded.test].flatMap((part) => [...(part?.rows() ?? [])]);
  t.deepEqual(
    parts.sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, i) => i),
  );
});

test('names of classes may be anything that a file system takes', async (t) => {
  const dir = scratch(t);
  const names = ['-rf', 'a "b" \'c\'', 'line\nbreak', 'naïve', '犬', '🐱', 'x,y;z', '$HOME', '%s', 'constructor'];
  await writeTree(dir, Object.fromEntries(names.map((name, i) => [`${name}/1.png`, i])));
  const { classNames, train } = await datasets.imageFolder(dir, small);
  t.deepEqual([...classNames].sort(), names.sort());
  t.is(train.size, classNames.length);
});

test('a class that is written in two ways of Unicode is refused', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, { 'caf\u00e9/1.png': 1, 'cafe\u0301/1.png': 2 });
  await t.throwsAsync(datasets.imageFolder(dir, small), {
    code: 'ERR_DATASET_CORRUPT',
    message: /two folders for the class "caf\u00e9"/,
  });
});

test('what is no image is listed, and hidden files are passed over', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, {
    ...shades(4),
    'dark/notes.txt': 'x',
    'README.md': 'x',
    '.DS_Store': 'x',
    'light/.hidden.png': 'x',
  });
  const { train, ignored } = await datasets.imageFolder(dir, small);
  t.is(train.size, 4);
  t.deepEqual([...ignored].sort(), [join(dir, 'README.md'), join(dir, 'dark/notes.txt')]);
  const upper = scratch(t);
  await writeTree(upper, { 'a/1.PNG': 1, 'b/1.bin': 2, 'b/2.png': 3 });
  t.is((await datasets.imageFolder(upper, small)).train.size, 2);
  await writeTree(upper, { 'b/1.bin': 2, 'a/1.bin': 2 });
  const { train: bins } = await datasets.imageFolder(upper, { ...small, extensions: ['.bin'] });
  t.is(bins.size, 2);
});

test('a broken file stops the call with its path, or is left out and listed', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, { ...shades(6), 'dark/1.png': 'no picture', 'light/0.png': '' });
  await t.throwsAsync(datasets.imageFolder(dir, { ...small, concurrency: 1 }), {
    code: 'ERR_IMAGE',
    message: /dark\/1\.png: it cannot be decoded as an image .*; mend or remove it, or .*onError: 'skip'/,
  });
  const counts: number[] = [];
  const loaded = await datasets.imageFolder(dir, {
    ...small,
    onError: 'skip',
    onProgress: ({ done, total, skipped }) => {
      t.is(total, 8);
      t.is(done, counts.length + 1);
      counts.push(skipped);
    },
  });
  t.is(counts.at(-1), 2);
  t.deepEqual(
    loaded.skipped.map(({ path }) => path),
    [join(dir, 'dark/1.png'), join(dir, 'light/0.png')],
  );
  t.regex(loaded.skipped[1]?.reason ?? '', /it is empty \(0 bytes\)/);
  t.deepEqual(firsts(loaded), [10, 12, 14, 201, 203, 205]);
  t.deepEqual(labels(loaded), [0, 0, 0, 1, 1, 1]);
});

test('when no file can be decoded, the first problem is named', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, { 'a/1.png': 'x', 'b/1.png': 'x' });
  await t.throwsAsync(datasets.imageFolder(dir, { ...small, onError: 'skip' }), {
    code: 'ERR_DATASET_CORRUPT',
    message: /no image for training that can be decoded; the first problem is: .*a\/1\.png/,
  });
});

test('links are followed; one that leads back is listed, one to nothing is a broken image', async (t) => {
  const [dir, elsewhere] = [scratch(t), scratch(t)];
  await writeTree(dir, shades(2));
  await writeTree(elsewhere, { '1.png': 90 });
  symlinkSync(elsewhere, join(dir, 'linked'));
  symlinkSync(dir, join(dir, 'dark', 'loop'));
  symlinkSync(join(dir, 'dark'), join(dir, 'light', 'self'));
  symlinkSync(join(dir, 'nowhere'), join(dir, 'linked', 'broken.png'));
  const { train, classNames, skipped, ignored } = await datasets.imageFolder(dir, { ...small, onError: 'skip' });
  t.deepEqual(classNames, ['dark', 'light', 'linked']);
  t.true(train.size >= 3);
  t.deepEqual(skipped.map(({ path }) => path).filter((path) => path.includes('linked/broken')).length > 0, true);
  t.true(ignored.some((path) => path.includes('loop')));
});

test('a link to itself is a broken image, by its own path', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(2));
  symlinkSync(join(dir, 'dark', 'self.png'), join(dir, 'dark', 'self.png'));
  await t.throwsAsync(datasets.imageFolder(dir, small), { code: 'ERR_IMAGE', message: /dark\/self\.png: / });
});

test('an image without pixels is refused by its path', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(2));
  const path = join(dir, 'dark', 'none.svg');
  writeFileSync(path, '<svg xmlns="http://www.w3.org/2000/svg" width="0" height="0"/>');
  await t.throwsAsync(datasets.imageFolder(dir, small), { code: 'ERR_IMAGE', message: /dark\/none\.svg: / });
});

test('grey, coloured and transparent images of one folder all get the channels that are asked for', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(2));
  writeFileSync(join(dir, 'dark', 'a.png'), await picture(flat(100), 1).png().toBuffer());
  writeFileSync(
    join(dir, 'dark', 'b.png'),
    await picture(flat(100, 100, 100), 3)
      .png()
      .toBuffer(),
  );
  writeFileSync(
    join(dir, 'dark', 'c.png'),
    await picture(flat(100, 100, 100, 255), 4)
      .png()
      .toBuffer(),
  );
  for (const channels of [1, 3] as const) {
    const { train } = await datasets.imageFolder(dir, { size: 2, channels });
    const wanted = new Array<number>(2 * 2 * channels).fill(100);
    const same = Array.from({ length: train.size }, (_, i) => [...train.input(i)]).filter(
      (row) => `${row}` === `${wanted}`,
    );
    t.is(same.length, 3);
  }
});

test('a file that may not be read is refused by its path', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(2));
  const path = join(dir, 'dark', 'closed.png');
  writeFileSync(path, await plainPng(5));
  chmodSync(path, 0o000);
  try {
    readFileSync(path);
  } catch {
    await t.throwsAsync(datasets.imageFolder(dir, small), { code: 'ERR_IMAGE', message: /dark\/closed\.png: / });
    return;
  }
  t.log('this user may read every file, whatever its permissions: nothing is tested');
  t.pass();
});

test('a pipe that is called an image is not read', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(2));
  try {
    execFileSync('mkfifo', [join(dir, 'dark', 'pipe.png')]);
  } catch (error) {
    t.log('this host makes no pipes', error);
    t.pass();
    return;
  }
  const { ignored } = await datasets.imageFolder(dir, small);
  t.deepEqual(ignored, [join(dir, 'dark', 'pipe.png')]);
});

test('folders that are no dataset are refused, with what is expected', async (t) => {
  const cases: readonly [Record<string, number | string>, string, RegExp][] = [
    [{}, 'ERR_DATASET_MISSING', /holds no images; images lie in folders that are named by their class/],
    [{ '1.png': 1, '2.png': 2 }, 'ERR_DATASET_MISSING', /holds 2 images, but no folders of classes/],
    [{ 'only/1.png': 1 }, 'ERR_DATASET_CORRUPT', /at least two classes to tell apart, got one, "only"/],
    [{ 'a/1.png': 1, 'b/notes.txt': 'x' }, 'ERR_DATASET_CORRUPT', /b holds no images, but is named as a class/],
    [
      { 'train/a/1.png': 1, 'train/b/1.png': 1, 'test/c/1.png': 1 },
      'ERR_DATASET_CORRUPT',
      /the class "c" of .* is none/,
    ],
    [{ 'train/a/1.png': 1, 'test/a/1.png': 1, 'extra/1.png': 1 }, 'ERR_DATASET_CORRUPT', /beside 1 other folders/],
    [{ 'train/a/1.png': 1, 'val/a/1.png': 1, 'valid/a/1.png': 1 }, 'ERR_DATASET_CORRUPT', /two folders for one part/],
  ];
  for (const [files, code, message] of cases) {
    const dir = scratch(t);
    await writeTree(dir, files);
    await t.throwsAsync(datasets.imageFolder(dir, small), { code, message });
  }
  await t.throwsAsync(datasets.imageFolder(join(scratch(t), 'none'), small), {
    code: 'ERR_DATASET_MISSING',
    message: /none cannot be read/,
  });
});

test('an image with too many pixels is refused before it is decoded', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, { 'a/1.png': 1, 'b/1.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"/>' });
  await t.throwsAsync(datasets.imageFolder(dir, { ...small, maxPixels: 24 }), {
    code: 'ERR_IMAGE',
    message: /b\/1\.svg: .*exceeds pixel limit/,
  });
  const { skipped } = await datasets.imageFolder(dir, { ...small, maxPixels: 24, onError: 'skip' });
  t.is(skipped.length, 1);
});

test('rows that have no room in memory are refused before anything is decoded', async (t) => {
  const dir = scratch(t);
  const png = await plainPng(1);
  await writeTree(dir, Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`${i % 2}/${i}.png`, png])));
  const error = await t.throwsAsync(datasets.imageFolder(dir, { size: 2 ** 14 }), { code: 'ERR_OUT_OF_MEMORY' });
  t.regex(
    error?.message ?? '',
    /400 rows need 300\.0 GiB, there is room for .*; choose a smaller size, or datasets\.stream/,
  );
});

test('an aborted call ends with the reason of its signal', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(12));
  const reason = new Error('enough');
  await t.throwsAsync(datasets.imageFolder(dir, { ...small, signal: AbortSignal.abort(reason) }), { is: reason });
  const controller = new AbortController();
  let seen = 0;
  const loading = datasets.imageFolder(dir, {
    ...small,
    concurrency: 1,
    signal: controller.signal,
    onProgress: () => {
      seen++;
      controller.abort(reason);
    },
  });
  await t.throwsAsync(loading, { is: reason });
  t.is(seen, 1, 'nothing is decoded afterwards');
});

const wrong: readonly [unknown, string, RegExp][] = [
  [undefined, 'ERR_TYPE', /options object/],
  [{}, 'ERR_VALUE', /need a size/],
  [{ width: 3 }, 'ERR_VALUE', /need a size/],
  [{ size: 3, width: 3 }, 'ERR_VALUE', /but not both/],
  [{ size: [3] }, 'ERR_VALUE', /need a size/],
  [{ size: 0 }, 'ERR_VALUE', /width must be an integer from 1/],
  [{ size: 2, channels: 4 }, 'ERR_VALUE', /channels must be 1/],
  [{ size: 2, onerror: 'skip' }, 'ERR_VALUE', /did you mean 'onError'\?/],
  [{ size: 2, onError: 'ignore' }, 'ERR_VALUE', /onError must be one of 'stop', 'skip'/],
  [{ size: 2, extensions: ['png'] }, 'ERR_VALUE', /extensions\[0\] must be a dot and an ending/],
  [{ size: 2, extensions: '.png' }, 'ERR_TYPE', /extensions must be an array/],
  [{ size: 2, concurrency: 0 }, 'ERR_VALUE', /concurrency/],
  [{ size: 2, maxPixels: 0 }, 'ERR_VALUE', /maxPixels/],
  [{ size: 2, split: { test: 1 } }, 'ERR_VALUE', /split\.test must be/],
  [{ size: 2, split: { test: 0.5, validation: 0.5 } }, 'ERR_VALUE', /must leave something for training/],
  [{ size: 2, split: { tests: 0.5 } }, 'ERR_VALUE', /split has no option 'tests'/],
  [{ size: 2, signal: 3 }, 'ERR_TYPE', /signal/],
  [{ size: 2, onProgress: 3 }, 'ERR_TYPE', /onProgress must be a function/],
  [{ size: 2, cache: 3 }, 'ERR_TYPE', /cache must be a string/],
  [{ size: 2, background: 'nonsense' }, 'ERR_VALUE', /background must be a colour .*, got 'nonsense'/],
];

test('options that are none are refused', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(2));
  for (const [options, code, message] of wrong) {
    await t.throwsAsync(
      datasets.imageFolder(dir, options as Parameters<typeof datasets.imageFolder>[1]),
      { code, message },
      JSON.stringify(options),
    );
  }
  await t.throwsAsync(datasets.imageFolder(dir, { ...small, split: { test: 0.2, validation: 0.01 } }), {
    code: 'ERR_VALUE',
    message: /would leave one part empty/,
  });
  await writeTree(dir, shades(2, 'train/'));
  for (const folder of ['dark', 'light']) rmSync(join(dir, folder), { recursive: true });
  await writeTree(dir, shades(2, 'test/'));
  await t.throwsAsync(datasets.imageFolder(dir, { ...small, split: { test: 0.5 } }), {
    code: 'ERR_VALUE',
    message: /split\.test: there are test images already/,
  });
});
