/** The algorithm by timing, on the simulated device: the fastest of those that are right, kept on disk. Its times are made up. */
import '../support/cuda_simulated.js';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseChoice } from '../../lib/cuda/choices.js';
import { GRU } from '../../lib/index.js';
import { freshCache, simulated, tune, withEnvironment } from '../support/algorithms_trial.js';
import { leavesNothing } from '../support/cuda_leftovers.js';
import { simulatedEnvironment } from '../support/cuda_simulated.js';
import { cugru } from '../support/edges_cli.js';
import { classifier, tensor, waves } from '../support/training_models.js';

// Of algorithms 0 standard, 1 persist-static, 2 persist-dynamic, 3 small-h.
const dynamicBest = 'algo=0:4;algo=3:2;algo=2:1';
const smallBest = 'algo=0:4;algo=3:1;algo=2:9';
const smallForward = 'algo=0:4;algo=3,pass=forward:1;algo=3,pass=backward:9;algo=2:9';

for (const [words, COST, wanted] of [
  ['the fastest both ways', dynamicBest, 'persist-dynamic'],
  ['a fast one forward and the standard one back', smallForward, 'small-h/standard'],
  ['the standard one where nothing is faster', 'algo=0:1;algo=3:2;algo=2:2', 'standard'],
] as const) {
  for (const precision of [wanted === 'persist-dynamic' ? 'fp32' : 'bf16'] as const) {
    test.serial(`${words} is taken in ${precision}`, async (t) => {
      const folder = freshCache(t);
      withEnvironment(t, simulated({ COST }));
      const { algorithm, choices } = await tune(folder, { precision });
      t.is(algorithm, wanted);
      const choice = choices.find(({ kind }) => kind === 'rnn');
      t.is(choice?.chosen, wanted);
      t.like(choice?.of, { cell: 'gru', precision, units: '8', layers: '2', steps: '6', batch: '4', training: 'yes' });
      t.is(choice?.of['inputs'], precision === 'bf16' ? '8' : '3', 'padded where numbers have 16 bits');
    });
  }
}

test.serial('times are of recorded steps: forward alone, and what back adds', async (t) => {
  const folder = freshCache(t);
  withEnvironment(t, simulated({ COST: 'algo=0,pass=forward:5;algo=0,pass=backward:7;algo=2:9;algo=3:9' }));
  const { choices } = await tune(folder);
  const standard = choices.find(({ kind }) => kind === 'rnn')?.tried.find(({ algorithm }) => algorithm === 'standard');
  t.deepEqual(standard?.milliseconds, [5, 14], 'back is two passes: data and weights');
});

for (const [words, settings, wanted, tried, reason] of [
  [
    'that cuDNN refuses',
    { REFUSE: 'algo=3' },
    'standard',
    'small-h',
    /does not run this recurrent layer by its algorithm 3: .*refused by/,
  ],
  [
    'that cuDNN refuses on the way back',
    { REFUSE: 'algo=3,pass=backward' },
    'small-h/standard',
    'small-h',
    /does not run an RNN back/,
  ],
  [
    'whose results are wrong',
    { WRONG: 'algo=3' },
    'standard',
    'small-h',
    /^y is off by 0\.\d+ of its size at 6 steps$/,
  ],
  ['whose gradients are wrong', { WRONG: 'algo=3,pass=backward' }, 'small-h/standard', 'small-h', /^dx is off by/],
  [
    'that goes wrong in long sequences',
    { WRONG: 'algo=3,stepsAbove=2000' },
    'standard',
    'small-h',
    /^y is off by .* at 2048 steps$/,
  ],
  [
    'whose gradients go wrong in long sequences',
    { WRONG: 'algo=3,pass=backward,stepsAbove=2000' },
    'small-h/standard',
    'small-h',
    /^dx is off by .* at 2048 steps$/,
  ],
] as const) {
  test.serial(`an algorithm ${words} is never used, and the reason is kept`, async (t) => {
    const folder = freshCache(t);
    withEnvironment(t, simulated({ COST: smallBest, ...settings }));
    const { algorithm, refused } = await tune(folder);
    t.is(algorithm, wanted);
    t.regex(refused[tried] ?? '', reason);
  });
}

test.serial('where the fastest goes wrong in long sequences, the next one is taken', async (t) => {
  const folder = freshCache(t);
  withEnvironment(t, simulated({ COST: dynamicBest, WRONG: 'algo=2,stepsAbove=2000' }));
  const { algorithm, refused } = await tune(folder);
  t.is(algorithm, 'small-h');
  t.deepEqual(Object.keys(refused).sort(), ['persist-dynamic', 'persist-static']);
});

test.serial('what was chosen is kept: another model asks nothing', async (t) => {
  const folder = freshCache(t);
  withEnvironment(t, simulated({ COST: smallBest }));
  t.is((await tune(folder)).algorithm, 'small-h');
  withEnvironment(t, simulated({ COST: dynamicBest }));
  t.is((await tune(folder)).algorithm, 'small-h');
});

test.serial('a choice of another cuDNN is stale, and one that was torn is made again', async (t) => {
  const folder = freshCache(t);
  withEnvironment(t, simulated({ COST: smallBest }));
  await tune(folder);
  const [file = ''] = readdirSync(folder).filter((name) => name.startsWith('rnn-'));
  const path = join(folder, file);
  withEnvironment(t, simulated({ COST: dynamicBest }));
  for (const torn of [readFileSync(path).subarray(0, -3), Buffer.from('no choice'), Buffer.alloc(0)]) {
    writeFileSync(path, torn);
    t.is(parseChoice(torn), undefined);
    t.is((await tune(folder)).algorithm, 'persist-dynamic');
    t.is(parseChoice(readFileSync(path))?.chosen, 'persist-dynamic');
  }
});

test.serial('what a process was trying when it ended is not tried again', async (t) => {
  const folder = freshCache(t);
  withEnvironment(t, simulated({ COST: smallBest }));
  await tune(folder);
  const [file = ''] = readdirSync(folder).filter((name) => name.startsWith('rnn-'));
  const [marker, kept] = [join(folder, file.replace('rnn-', 'rnn-trying-')), readFileSync(join(folder, file))];
  t.false(existsSync(marker), 'nothing is being tried');
  const body = Buffer.from('1999999999 small-h');
  const head = Buffer.from(kept.subarray(0, 32 + Number(kept.readBigUInt64LE(8))));
  head.writeBigUInt64LE(BigInt(body.length), 16);
  let sum = 0xcbf29ce484222325n;
  for (const byte of body) sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n);
  head.writeBigUInt64LE(sum, 24);
  writeFileSync(marker, Buffer.concat([head, body]));
  writeFileSync(join(folder, file), '');
  const { algorithm, refused } = await tune(folder);
  t.is(algorithm, 'small-h/standard');
  t.is(refused['small-h'], 'the process or the GPU ended when it was tried');
});

test.serial('nothing is measured for a summary, or when timing is off', async (t) => {
  const folder = freshCache(t);
  withEnvironment(t, simulated({ COST: smallBest }));
  const model = classifier({ device: 'cuda' });
  t.regex(String(await model.summary()), /cuda cudnn gru standard/);
  model.dispose();
  t.false(existsSync(folder));
  withEnvironment(t, { CUGRU_CUDA_TIMING: 'off' });
  t.is((await tune(folder)).algorithm, 'standard');
  t.false(existsSync(folder));
  withEnvironment(t, { CUGRU_CUDA_TIMING: 'sometimes' });
  await t.throwsAsync(tune(folder), { code: 'ERR_VALUE', message: /CUGRU_CUDA_TIMING must be 'on' or 'off'/ });
});

test.serial('without memory to try, the standard one is taken, and nothing is kept of it', async (t) => {
  const folder = freshCache(t);
  withEnvironment(t, simulated({ COST: smallBest }));
  // Enough for the model and for trials of its own length, not of 2048 steps.
  withEnvironment(t, { CUGRU_CUDA_MEMORY_LIMIT: String(3_000_000) });
  const { algorithm, choices } = await tune(folder);
  t.is(algorithm, 'standard');
  t.deepEqual(
    choices.filter(({ kind }) => kind === 'rnn'),
    [],
  );
  t.deepEqual(
    readdirSync(folder).filter((name) => name.includes('trying')),
    [],
  );
});

for (const algorithm of ['standard', 'persist-dynamic', 'small-h', 'small-h/standard']) {
  test.serial(`CUGRU_CUDA_ALGO=${algorithm} is used, and gives what the standard one gives`, async (t) => {
    const folder = freshCache(t);
    const run = async (CUGRU_CUDA_ALGO: string) => {
      withEnvironment(t, { CUGRU_CUDA_ALGO });
      return tune(folder);
    };
    const [here, there] = [await run(algorithm), await run('standard')];
    t.is(here.algorithm, algorithm);
    t.true(Math.abs(here.loss - there.loss) < 1e-6);
  });
}

test.serial(
  'an algorithm that is asked for and refused is an error that names it, as is a word that is none',
  async (t) => {
    const folder = freshCache(t);
    withEnvironment(t, { CUGRU_CUDA_ALGO: 'persist-static' });
    await t.throwsAsync(tune(folder), {
      code: 'ERR_UNSUPPORTED',
      message: /cuDNN 9\..* does not run this recurrent layer by its algorithm 1: .*PERSIST_STATIC takes sizes/,
    });
    withEnvironment(t, { CUGRU_CUDA_ALGO: 'fastest' });
    await t.throwsAsync(tune(folder), {
      code: 'ERR_VALUE',
      message: /CUGRU_CUDA_ALGO must be 'standard', .* got 'fastest'/,
    });
  },
);

test.serial('where cuDNN must know the lengths, the standard one runs', async (t) => {
  freshCache(t);
  withEnvironment(t, { CUGRU_CUDA_ALGO: 'small-h' });
  const gru = new GRU({ inputSize: 3, hiddenSize: 4, bidirectional: true, device: 'cuda' });
  await t.notThrowsAsync(gru.forward(tensor([2, 4, 3]), { lengths: Int32Array.of(4, 2) }));
  gru.dispose();
});

for (const [LT_COST, wanted] of [
  ['9,1,2', 1],
  ['9,5,2', 2],
  ['1,5,2', 0],
] as const) {
  test.serial(`the fastest of cuBLASLt's heuristics is taken, and kept: ${LT_COST}`, async (t) => {
    const folder = freshCache(t);
    withEnvironment(t, { ...simulated({ LT_COST }), CUGRU_CUDA_ALGO: 'standard' });
    const products = (await tune(folder)).choices.filter(({ kind }) => kind === 'matmul');
    t.is(products.length, 3, 'forward, dx and the weights of one dense layer');
    for (const { chosen, tried } of products) {
      t.is(tried.length, 3);
      t.is(tried[wanted]?.algorithm, chosen);
      t.deepEqual(tried[wanted]?.milliseconds, [Number(LT_COST.split(',')[wanted])]);
    }
    withEnvironment(t, simulated({ LT_COST: '1,1,1' }));
    const again = (await tune(folder)).choices.filter(({ kind }) => kind === 'matmul');
    t.deepEqual(again, products);
  });
}

test.serial('cugru doctor lists what was chosen', async (t) => {
  const folder = freshCache(t);
  withEnvironment(t, simulated({ COST: smallForward }));
  await tune(folder, { precision: 'bf16' });
  const env = { ...simulatedEnvironment, XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? '' };
  const json = await cugru(['doctor', '--json'], { env });
  const { choices } = JSON.parse(json.stdout) as { choices: { kind: string; chosen: string; tried: unknown[] }[] };
  t.is(choices.filter(({ kind }) => kind === 'rnn')[0]?.chosen, 'small-h/standard');
  const { stdout } = await cugru(['doctor'], { env });
  t.regex(
    stdout,
    /gru 2x8 on \[6, 4, 8\], bf16, training: small-h\/standard \(1\.00 \+ 8\.00 ms; standard 4\.00 \+ 8\.00 ms\)/,
  );
});

test.serial('choosing does nothing that the device forbids, and gives all back', async (t) => {
  freshCache(t);
  await leavesNothing(t, {
    layers: `[layers.gru({ units: 5 }), layers.dense({ units: 2, activation: 'softmax' })]`,
    precisions: ['tf32', 'fp16'],
    env: {
      CUGRU_CUDA_TIMING: 'on',
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? '',
      ...simulated({ COST: smallBest }),
    },
  });
});

test.serial('batches of different rows have choices of their own', async (t) => {
  const folder = freshCache(t);
  withEnvironment(t, simulated({ COST: smallBest }));
  const model = classifier({ device: 'cuda' });
  await model.fit(waves(8), { epochs: 1, batchSize: 4, validationData: waves(6) });
  model.dispose();
  const { choices } = await tune(folder);
  const of = choices.filter(({ kind }) => kind === 'rnn').map((one) => `${one.of['training']} ${one.of['batch']}`);
  t.deepEqual(of.sort(), ['no 6', 'yes 4']);
});

test.serial(
  'for those who measure, trials are of batch-major data; the model runs the standard algorithm',
  async (t) => {
    const folder = freshCache(t);
    withEnvironment(t, simulated({ COST: smallBest, WRONG: 'algo=2' }));
    withEnvironment(t, { CUGRU_CUDA_TRIAL_LAYOUT: 'batch-major' });
    const { algorithm, loss, choices, refused } = await tune(folder);
    t.is(algorithm, 'standard');
    const choice = choices.find(({ kind }) => kind === 'rnn');
    t.like(choice, { chosen: 'small-h', of: { layout: 'batch-major' } });
    t.deepEqual(choice?.tried[0]?.milliseconds, [4, 8]);
    t.regex(refused['persist-dynamic'] ?? '', /^y is off by/);
    withEnvironment(t, { CUGRU_CUDA_TRIAL_LAYOUT: 'time-major' });
    const usual = await tune(folder);
    t.is(usual.algorithm, 'small-h', 'the one is no choice of the other');
    t.true(Math.abs(usual.loss - loss) < 1e-6);
    withEnvironment(t, { CUGRU_CUDA_TRIAL_LAYOUT: 'packed' });
    await t.throwsAsync(tune(folder), { code: 'ERR_VALUE', message: /CUGRU_CUDA_TRIAL_LAYOUT must be 'time-major'/ });
  },
);
