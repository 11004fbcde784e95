/** Compiled kernels on disk: taken when they are whole and of this source, made again when not. On the simulated device. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { opGraph, runOnce, tensor } from '../support/conformance_program.js';
import { cache } from '../support/cuda_simulated.js';

const spec = tensor([4]);
const graph = opGraph({ op: 'softmax', inputs: [{ name: 'x', spec }], outputs: [{ name: 'y', spec }] });

/** A cache of its own, filled by a run. */
async function filled(t: ExecutionContext): Promise<string> {
  const home = mkdtempSync(join(cache, 'home-'));
  process.env['XDG_CACHE_HOME'] = home;
  await works(t);
  return join(home, 'cugru', 'kernels');
}

async function works(t: ExecutionContext): Promise<void> {
  const target = { name: 'cuda simulated', device: 'cuda' };
  const { outputs } = await runOnce(
    target,
    { graph, batch: 1, mode: 'predict' },
    { inputs: { x: new Float32Array(4) } },
  );
  t.deepEqual(outputs['y'], new Float32Array(4).fill(0.25));
}

const filesOf = (folder: string) => readdirSync(folder).map((name) => join(folder, name));
const contents = (folder: string) => filesOf(folder).map((file) => readFileSync(file, 'latin1'));

test.serial('a second session writes nothing: it finds the kernels', async (t) => {
  const folder = await filled(t);
  const before = filesOf(folder).map((file) => statSync(file).ino);
  t.true(before.length >= 2);
  t.true(filesOf(folder).every((file) => /\/\w+\.cu-sm_90-[0-9a-f]+\.bin$/.test(file)));
  await works(t);
  t.deepEqual(
    filesOf(folder).map((file) => statSync(file).ino),
    before,
  );
});

const spoilers: readonly [string, (file: string) => void][] = [
  ['empty', (file) => truncateSync(file, 0)],
  ['torn in its head', (file) => truncateSync(file, 20)],
  ['torn in its code', (file) => truncateSync(file, statSync(file).size - 1)],
  ['of another source', (file) => flip(file, 40)],
  ['changed in its code', (file) => flip(file, statSync(file).size - 1)],
];

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(file, bytes);
}

for (const [what, spoil] of spoilers) {
  test.serial(`a file that is ${what} is made again`, async (t) => {
    const folder = await filled(t);
    const whole = contents(folder);
    for (const file of filesOf(folder)) spoil(file);
    t.notDeepEqual(contents(folder), whole);
    await works(t);
    t.deepEqual(contents(folder), whole);
  });
}

test.serial('without a place to write there is no cache, and no error', async (t) => {
  const home = mkdtempSync(join(cache, 'home-'));
  mkdirSync(join(home, 'cugru'));
  writeFileSync(join(home, 'cugru', 'kernels'), 'a file where the folder should be');
  process.env['XDG_CACHE_HOME'] = home;
  await works(t);
  rmSync(home, { recursive: true });
});
