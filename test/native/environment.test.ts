/** What a process takes from its environment, and what it says when that is wrong. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { native } from '../../lib/native.js';
import { describeChild, runChild } from '../support/door_child.js';

interface Report {
  readonly threads: number;
  readonly isa: string;
  readonly processors: number;
  readonly loss: number;
  readonly code: string;
  readonly message: string;
  readonly tried: readonly string[];
}

async function report(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Report> {
  const child = await runChild('environment_child', args, { env });
  if (child.code !== 0) throw new Error(describeChild(child));
  return JSON.parse(child.stdout) as Report;
}

test('CUGRU_NUM_THREADS and setNumThreads choose the threads, and the results are the same', async (t) => {
  const one = await report({ CUGRU_NUM_THREADS: '1' });
  const three = await report({ CUGRU_NUM_THREADS: '3' });
  const seven = await report({ CUGRU_NUM_THREADS: '' }, '7');
  t.deepEqual([one.threads, three.threads, seven.threads], [1, 3, 7]);
  t.deepEqual([three.loss, seven.loss], [one.loss, one.loss]);
});

for (const value of ['0', '-1', '1.5', 'two', '1025', '99999999999999999999', ' 2', '2 ']) {
  test(`CUGRU_NUM_THREADS='${value}' is refused`, async (t) => {
    const { code, message } = await report({ CUGRU_NUM_THREADS: value });
    t.is(code, 'ERR_VALUE');
    t.is(message, `CUGRU_NUM_THREADS must be an integer from 1 to 1024, got '${value}'`);
  });
}

test('CUGRU_ISA chooses the instruction set; an unknown one is refused with those that there are', async (t) => {
  for (const isa of native().processInfo().isas) t.is((await report({ CUGRU_ISA: isa })).isa, isa);
  const { code, message } = await report({ CUGRU_ISA: 'mmx' });
  t.is(code, 'ERR_VALUE');
  t.regex(message, /^CUGRU_ISA is 'mmx'; this build and processor support .*baseline/);
});

test('the processors are at most those that affinity allows', (t) => {
  const { processors } = native().processInfo();
  t.true(processors >= 1 && processors <= availableParallelism());
});

for (const threads of ['0', '-2', '1.5', '1025', 'NaN']) {
  test(`setNumThreads(${threads}) is refused`, async (t) => {
    t.is((await report({}, threads)).code, 'ERR_VALUE');
  });
}

test('an addon that is missing or foreign is ERR_NATIVE_LOAD, with what was tried and what to do', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cugru-door-'));
  const foreign = join(folder, 'foreign.node');
  await writeFile(foreign, 'no shared library');
  const script = join(folder, 'script.cjs');
  await writeFile(script, 'module.exports = {};');
  for (const path of [join(folder, 'missing.node'), foreign, script]) {
    const { code, message, tried } = await report({ CUGRU_ADDON_PATH: path });
    t.is(code, 'ERR_NATIVE_LOAD');
    t.deepEqual(tried, [path]);
    t.true(message.includes(`${path}: `) && message.includes('What to do:'), message);
  }
  await rm(folder, { recursive: true });
});
