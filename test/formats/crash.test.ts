import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { expectReplaceableFolder, writeFileAtomic, writeFolder } from '../../lib/formats/index.js';
import { scratch } from '../support/edges_files.js';

/** Runs the writer, and kills it at some moment after it has written its first versions. */
async function killWriter(folder: string, milliseconds: number): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, ['dist/test/support/edges_writer.js', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  setTimeout(() => child.kill('SIGKILL'), milliseconds);
  await once(child, 'exit');
}

/** The one version in the files of a folder; undefined when they are of several, or cut. */
function versionOf(folder: string): number | undefined {
  const [config, weights] = ['config.json', 'weights'].map((name) => readFileSync(join(folder, name), 'utf8'));
  const version = Number.parseInt(config as string, 10);
  return config === weights && config === `${version}\n`.repeat(20_000) ? version : undefined;
}

test('a process that is killed while it writes leaves one whole version', async (t) => {
  for (const milliseconds of [0, 3, 7, 12]) {
    const place = scratch(t);
    const folder = join(place, 'model');
    await killWriter(folder, milliseconds);
    // Between the two renames of a replacement the older version stands beside its place, whole.
    const aside = readdirSync(place).filter((name) => /^\.model\.[0-9a-f]+\.old$/.test(name));
    const whole = existsSync(folder) ? folder : join(place, aside[0] ?? 'nothing is left');
    t.true((versionOf(whole) ?? -1) >= 2, `after ${milliseconds} ms: ${readdirSync(place)}`);
    await writeFolder(folder, { 'config.json': 'next' }, { replaceable: ['config.json', 'weights'] });
    t.is(readFileSync(join(folder, 'config.json'), 'utf8'), 'next', 'what is left does not stop the next writer');
  }
});

test('content that is no text or bytes is refused before anything is written', async (t) => {
  const place = scratch(t);
  for (const content of [3, null, {}, new Float32Array(1), [Buffer.from('a'), 'b']]) {
    await t.throwsAsync(writeFileAtomic(join(place, 'file'), content as string), { code: 'ERR_TYPE' });
    await t.throwsAsync(writeFolder(join(place, 'folder'), { a: content as string }), { code: 'ERR_TYPE' });
  }
  t.deepEqual(readdirSync(place), []);
});

test('whether a folder may be replaced can be asked before the work, and nothing is touched', async (t) => {
  const place = scratch(t);
  const model = join(place, 'model');
  await expectReplaceableFolder(join(place, 'new', 'deep'), ['config.json']);
  t.deepEqual(readdirSync(place), []);
  await writeFolder(model, { 'config.json': '{}' });
  await expectReplaceableFolder(model, ['config.json', 'weights']);
  await writeFileAtomic(join(model, 'thesis.txt'), 'precious');
  await t.throwsAsync(expectReplaceableFolder(model, ['config.json', 'weights']), {
    code: 'ERR_VALUE',
    message: /thesis\.txt/,
  });
});
