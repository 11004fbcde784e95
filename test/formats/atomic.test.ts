import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { writeFileAtomic, writeFolder } from '../../lib/formats/index.js';

async function scratch(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cugru-atomic-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function content(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')])),
  );
}

const options = { replaceable: ['config.json', 'weights', 'extra'] };
const first = { 'config.json': '{"v":1}', weights: Uint8Array.of(97, 98), extra: 'old' };
const second = { 'config.json': '{"v":2}', weights: [Uint8Array.of(99), Uint8Array.of(100)] };

test('a file is written, replaced, and written through a link', async (t) => {
  const folder = await scratch(t);
  await writeFileAtomic(join(folder, 'a'), 'one');
  await writeFileAtomic(join(folder, 'a'), [Buffer.from('t'), Buffer.from('wo')]);
  await symlink('a', join(folder, 'link'));
  await writeFileAtomic(join(folder, 'link'), 'three');
  t.deepEqual(await content(folder), { a: 'three', link: 'three' });
});

test('a file that cannot be written leaves the old one and nothing else', async (t) => {
  const folder = await scratch(t);
  await writeFileAtomic(join(folder, 'a'), 'one');
  const bad = [Buffer.from('half'), 3 as unknown as Uint8Array];
  await t.throwsAsync(writeFileAtomic(join(folder, 'a'), bad), { code: 'ERR_TYPE' });
  t.deepEqual(await content(folder), { a: 'one' });
  await t.throwsAsync(writeFileAtomic(join(folder, 'no', 'a'), 'x'), { code: 'ENOENT' });
  await mkdir(join(folder, 'dir'));
  await t.throwsAsync(writeFileAtomic(join(folder, 'dir'), 'x'));
  t.deepEqual((await readdir(folder)).sort(), ['a', 'dir']);
});

test('a folder is made, with those above it, and replaced whole', async (t) => {
  const folder = await scratch(t);
  const model = join(folder, 'deep', 'model');
  await writeFolder(model, first, options);
  t.deepEqual(await content(model), { 'config.json': '{"v":1}', extra: 'old', weights: 'ab' });
  await writeFolder(`${model}/`, second, options);
  t.deepEqual(await content(model), { 'config.json': '{"v":2}', weights: 'cd' });
  t.deepEqual(await readdir(join(folder, 'deep')), ['model']);
});

test('an empty folder is used, and a link to a folder stays a link', async (t) => {
  const folder = await scratch(t);
  await mkdir(join(folder, 'model'));
  await writeFolder(join(folder, 'model'), first, options);
  await symlink('model', join(folder, 'latest'));
  await writeFolder(join(folder, 'latest'), second, options);
  t.deepEqual(await content(join(folder, 'model')), { 'config.json': '{"v":2}', weights: 'cd' });
  t.deepEqual((await readdir(folder)).sort(), ['latest', 'model']);
});

test('a folder with anything else in it is left alone', async (t) => {
  const folder = await scratch(t);
  const refused = async (make: (model: string) => Promise<unknown>, message: RegExp): Promise<void> => {
    const model = join(folder, 'model');
    await rm(model, { recursive: true, force: true });
    await make(model);
    const before = await readdir(folder);
    const error = await t.throwsAsync(writeFolder(model, second, options), { code: 'ERR_VALUE', message });
    t.true(error?.message.includes(model));
    t.deepEqual(await readdir(folder), before);
  };
  const filled = (names: readonly string[]) => async (model: string) => {
    await mkdir(model);
    for (const name of names) await writeFile(join(model, name), 'precious');
  };
  await refused(filled(['config.json', 'weights', 'thesis.txt']), /holds something else \(thesis\.txt\)/);
  await refused(filled(['1', '2', '3', '4', '5']), /and 2 more/);
  await refused(filled(['extra']), /has no config\.json/);
  await refused((model) => mkdir(join(model, 'config.json'), { recursive: true }), /holds something else/);
  await refused((model) => writeFile(model, 'a file'), /is a file, not a folder/);
});

test('names that are paths are refused', async (t) => {
  const folder = await scratch(t);
  for (const name of ['', '.', '..', 'a/b', '../x', 'a\\b', 'a\0']) {
    await t.throwsAsync(writeFolder(join(folder, 'model'), { [name]: 'x' }), { code: 'ERR_VALUE' });
  }
  t.deepEqual(await readdir(folder), []);
});

test('whatever fails, the older folder is whole and nothing is left beside it', async (t) => {
  const folder = await scratch(t);
  const model = join(folder, 'model');
  await writeFolder(model, first, options);
  const bad = { ...second, extra: [Buffer.from('half'), 3 as unknown as Uint8Array] };
  await t.throwsAsync(writeFolder(model, bad, options), { code: 'ERR_TYPE' });
  t.deepEqual(await content(model), { 'config.json': '{"v":1}', extra: 'old', weights: 'ab' });
  // The second file cannot be made: no name has more than 255 bytes.
  await t.throwsAsync(writeFolder(model, { ...second, ['x'.repeat(300)]: 'y' }, options), { code: 'ENAMETOOLONG' });
  t.deepEqual(await content(model), { 'config.json': '{"v":1}', extra: 'old', weights: 'ab' });
  if (process.getuid?.() === 0) {
    t.log('not tried: a folder without permission to write, since nothing is forbidden to root');
  } else {
    await chmod(folder, 0o500);
    await t.throwsAsync(writeFolder(model, second, options), { code: 'EACCES' });
    await chmod(folder, 0o700);
    t.deepEqual(await content(model), { 'config.json': '{"v":1}', extra: 'old', weights: 'ab' });
  }
  t.deepEqual(await readdir(folder), ['model']);
});

test('writers at the same time: one of them wins, whole', async (t) => {
  const folder = await scratch(t);
  const model = join(folder, 'model');
  const versions = Array.from({ length: 6 }, (_, i) => ({ 'config.json': `v${i}`, weights: `w${i}` }));
  const results = await Promise.allSettled(versions.map((files) => writeFolder(model, files, options)));
  t.true(results.some(({ status }) => status === 'fulfilled'));
  const { 'config.json': config, weights } = await content(model);
  t.is(config?.slice(1), weights?.slice(1) as string);
  t.deepEqual(await readdir(folder), ['model']);
});
