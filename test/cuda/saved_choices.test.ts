/** Algorithms that were chosen by timing go with a saved model, on the simulated device: on the same machine nothing is timed again. */
import '../support/cuda_simulated.js';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadModel } from '../../lib/index.js';
import { freshCache, simulated, withEnvironment } from '../support/algorithms_trial.js';
import { simulatedEnvironment } from '../support/cuda_simulated.js';
import { cugru } from '../support/edges_cli.js';
import { scratch } from '../support/edges_files.js';
import { classifier, waves } from '../support/training_models.js';

const smallBest = 'algo=0:4;algo=3:1;algo=2:9';
const dynamicBest = 'algo=0:4;algo=3:2;algo=2:1';

interface SavedChoice {
  readonly key: string;
  readonly lines: string;
}

const choicesPath = (folder: string): string => join(folder, 'choices.json');
const choicesOf = (folder: string): SavedChoice[] =>
  (JSON.parse(readFileSync(choicesPath(folder), 'utf8')) as { choices: SavedChoice[] }).choices;

/** A model after a training step on which small-h was the fastest. */
async function saved(t: ExecutionContext): Promise<string> {
  freshCache(t);
  withEnvironment(t, simulated({ COST: smallBest, LT_COST: '9,5,2' }));
  const folder = join(scratch(t), 'model');
  const model = classifier({ device: 'cuda' });
  await model.trainOnBatch(waves(4));
  await model.save(folder);
  model.dispose();
  return folder;
}

/** Loads it with an empty cache where another algorithm would win; what runs, and whether something was timed. */
async function loaded(t: ExecutionContext, folder: string): Promise<{ algorithm: string; timed: boolean }> {
  const cache = freshCache(t);
  withEnvironment(t, simulated({ COST: dynamicBest, LT_COST: '2,5,9' }));
  const model = await loadModel(folder, { device: 'cuda' });
  await model.trainOnBatch(waves(4));
  const kernels = String(await model.summary());
  model.dispose();
  return { algorithm: /cuda cudnn gru ([^\s,]+)/.exec(kernels)?.[1] ?? '', timed: existsSync(cache) };
}

test.serial('a model takes its choices along, and nothing is timed where it is loaded', async (t) => {
  const folder = await saved(t);
  const kinds = choicesOf(folder).map(({ key }) => key.slice(0, key.indexOf('\n')));
  t.deepEqual(kinds.sort(), ['matmul', 'matmul', 'matmul', 'rnn']);
  t.deepEqual(await loaded(t, folder), { algorithm: 'small-h', timed: false });
});

test.serial('so does one that is saved again, whatever it ran meanwhile', async (t) => {
  const folder = await saved(t);
  const again = join(scratch(t), 'again');
  const model = await loadModel(folder, { device: 'cuda' });
  await model.save(again);
  model.dispose();
  t.deepEqual(readFileSync(choicesPath(again)), readFileSync(choicesPath(folder)));
});

test.serial('what is on disk comes first', async (t) => {
  const folder = await saved(t);
  const cache = freshCache(t);
  withEnvironment(t, simulated({ COST: dynamicBest }));
  const other = classifier({ device: 'cuda' });
  await other.trainOnBatch(waves(4));
  other.dispose();
  const model = await loadModel(folder, { device: 'cuda' });
  await model.trainOnBatch(waves(4));
  t.regex(String(await model.summary()), /cuda cudnn gru persist-dynamic/);
  model.dispose();
  t.true(readdirSync(cache).length > 0);
});

for (const [what, replace] of [
  ['cuDNN', (key: string) => key.replace(/^cudnn .*$/m, 'cudnn 9.0.0')],
  ['driver', (key: string) => key.replace(/^driver .*$/m, 'driver 11000')],
  ['device', (key: string) => key.replace(/^device .*$/m, 'device Another')],
  ['shape', (key: string) => key.replace(/^(steps|depth) .*$/m, '$1 1234')],
  ['precision', (key: string) => key.replace(/^precision .*$/m, 'precision bf16')],
] as const) {
  test.serial(`a choice of another ${what} is left out, and timed again`, async (t) => {
    const folder = await saved(t);
    const text = JSON.parse(readFileSync(choicesPath(folder), 'utf8')) as { choices: SavedChoice[] };
    const choices = text.choices.map(({ key, lines }) => ({ key: replace(key), lines }));
    t.notDeepEqual(choices, text.choices);
    writeFileSync(choicesPath(folder), JSON.stringify({ ...text, choices }));
    t.deepEqual(await loaded(t, folder), { algorithm: 'persist-dynamic', timed: true });
  });
}

test.serial('a process whose cuDNN is another one times again', async (t) => {
  const folder = await saved(t);
  const program = `
    const { loadModel } = await import(${JSON.stringify(resolve('dist/lib/index.js'))});
    const model = await loadModel(${JSON.stringify(folder)}, { device: 'cuda' });
    const inputs = new Float32Array(4 * 18).fill(0.5);
    await model.trainOnBatch({ inputs, labels: Int32Array.of(0, 1, 0, 1), classes: 2 });
    console.log(String(await model.summary()));
    model.dispose();`;
  const run = (more: Readonly<Record<string, string>>) =>
    cugru([], {
      env: {
        ...simulatedEnvironment,
        CUGRU_CUDA_TIMING: 'on',
        XDG_CACHE_HOME: scratch(t),
        ...simulated({ COST: dynamicBest }),
        ...more,
      },
      node: ['--input-type=module', '-e', program],
    });
  const [same, other] = [await run({}), await run(simulated({ CUDNN: '91800' }))];
  t.regex(same.stdout, /cuda cudnn gru small-h/, same.stderr);
  t.regex(other.stdout, /cuda cudnn gru persist-dynamic/, other.stderr);
});

const lying = (lines: string) => (folder: string) => {
  const choices = choicesOf(folder).map(({ key }) => ({ key, lines }));
  return JSON.stringify({ format: 'cugru-choices', version: 1, choices });
};

for (const [what, content] of [
  ['is torn', (folder: string) => readFileSync(choicesPath(folder), 'utf8').slice(0, -20)],
  ['is empty', () => ''],
  ['is null', () => 'null'],
  ['is of a later version', (folder: string) => readFileSync(choicesPath(folder), 'utf8').replace('1,', '2,')],
  ['has no list', () => '{"format":"cugru-choices","version":1,"choices":{}}'],
  ['has no choices', () => '{"format":"cugru-choices","version":1,"choices":[null,1,"x",{"key":1,"lines":[]},{}]}'],
  ['names no algorithm', lying('chosen the-best\nstandard 4 8\n')],
  ['names one that cuDNN refuses', lying('chosen persist-static\n')],
  ['names a mixture that is never tried', lying('chosen standard/persist-dynamic\n')],
  ['has no line', lying('')],
  ['is too large', () => ' '.repeat(2 ** 20 + 1)],
] as const) {
  test.serial(`a file of choices that ${what} is as good as none`, async (t) => {
    const folder = await saved(t);
    writeFileSync(choicesPath(folder), content(folder));
    t.deepEqual(await loaded(t, folder), { algorithm: 'persist-dynamic', timed: true });
  });
}

test.serial('a pipe in its place is not waited for', async (t) => {
  const folder = await saved(t);
  rmSync(choicesPath(folder));
  execFileSync('mkfifo', [choicesPath(folder)]);
  t.deepEqual(await loaded(t, folder), { algorithm: 'persist-dynamic', timed: true });
});

test.serial('a model that was never on a GPU carries nothing, wherever it came from', async (t) => {
  const folder = await saved(t);
  const [onCpu, fresh] = [join(scratch(t), 'cpu'), join(scratch(t), 'fresh')];
  const model = await loadModel(folder, { device: 'cpu' });
  await model.save(onCpu);
  model.dispose();
  const never = classifier({ device: 'cuda' });
  await never.save(fresh);
  never.dispose();
  for (const one of [onCpu, fresh]) t.false(existsSync(choicesPath(one)));
});

test.serial('a model without choices replaces one that has some', async (t) => {
  const folder = await saved(t);
  const model = classifier();
  await model.save(folder);
  model.dispose();
  t.false(existsSync(choicesPath(folder)));
});
