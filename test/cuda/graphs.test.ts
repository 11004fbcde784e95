/** Recorded steps (CUDA graphs), on the simulated device: when a step is recorded, replayed and recorded anew; always the same bytes. */
import '../support/cuda_simulated.js';
import test from 'ava';
import { layers, sequential } from '../../lib/index.js';
import { type NativeOptimizer, native, segments } from '../../lib/native.js';
import { bits } from '../support/conformance_compare.js';
import { type OpGraph, opGraph, TestProgram, tensor } from '../support/conformance_program.js';
import { counted, GraphRig, type Slabs, small, withVariable } from '../support/graphs_rig.js';
import { classifier, waves } from '../support/training_models.js';

/** The same work with graphs and without, and what came of it. */
async function bothWays(work: (rig: GraphRig) => Promise<string>, open = () => GraphRig.open()): Promise<string[]> {
  const once = async (): Promise<string> => {
    const rig = await open();
    try {
      return await work(rig);
    } finally {
      rig.close();
    }
  };
  return [await once(), await withVariable('CUGRU_CUDA_GRAPHS', 'off', once)];
}

const optimizers: readonly NativeOptimizer[] = [
  { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.01 },
  { kind: 'adam', clipNorm: 0.5 },
  { kind: 'adamw', weightDecay: 0.1 },
];

for (const optimizer of optimizers) {
  test.serial(`training gives the same bytes recorded and not: ${optimizer.kind}`, async (t) => {
    const slots = optimizer.kind === 'sgd' ? (['slot0'] as const) : (['slot0', 'slot1'] as const);
    const [graph, eager] = await bothWays(async (rig) => {
      await rig.configure(optimizer);
      const results = [await rig.train(4), await rig.train(3, { rows: 2 * small.batch + 1, epoch: 1 })];
      return [...results.map(counted), await rig.state(['parameters', ...slots])].join(' ');
    });
    t.is(graph, eager);
  });
}

test.serial('passes and update that are run apart give the same bytes recorded and not', async (t) => {
  const [graph, eager] = await bothWays(async (rig) => {
    await rig.configure();
    const parts: string[] = [];
    for (let step = 0; step < 3; step++) {
      await rig.run({ segments: segments.zeroGradients });
      for (const first of [0, small.batch]) {
        const indices = Int32Array.from({ length: small.batch }, (_, i) => first + i);
        await rig.run({ segments: segments.forward | segments.loss, indices, seed: step });
        await rig.run({ segments: segments.backward, indices, gradientScale: 0.5, seed: step });
      }
      parts.push(await rig.state(['gradients']));
      parts.push(counted(await rig.run({ segments: segments.update, learningRates: Float32Array.of(0.02) })));
    }
    return [...parts, await rig.state()].join(' ');
  });
  t.is(graph, eager);
});

for (const mode of ['evaluate', 'predict'] as const) {
  test.serial(`a program that is there to ${mode} gives the same bytes recorded and not`, async (t) => {
    const [graph, eager] = await bothWays(
      async (rig) => {
        const wanted = mode === 'predict' ? segments.forward : segments.forward | segments.loss;
        const results = [];
        for (let i = 0; i < 3; i++) results.push(await rig.run({ segments: wanted, rows: 4 * small.batch + 1 }));
        return results.map(counted).join(' ');
      },
      () => GraphRig.open({ mode }),
    );
    t.is(graph, eager);
  });
}

const softmax: OpGraph = {
  op: 'softmax',
  inputs: [{ name: 'x', spec: tensor([5]), gradient: true }],
  outputs: [{ name: 'y', spec: tensor([5]), seeded: true }],
};

test.serial('values and gradients that come from the host reach a recorded step', async (t) => {
  const target = { name: 'cuda simulated', device: 'cuda' };
  const all = await bothOf(async () => {
    const program = await TestProgram.open(target, { graph: opGraph(softmax), batch: 2 });
    const said: string[] = [];
    for (let i = 0; i < 4; i++) {
      const x = Float32Array.from({ length: 10 }, (_, n) => Math.sin(i * 10 + n));
      const seeds = { y: Float32Array.from({ length: 10 }, (_, n) => Math.cos(i * 10 + n)) };
      // Apart, so that no gradient comes between two passes; the second time with seeds left out.
      const forward = await program.run({ inputs: { x }, segments: segments.forward });
      const backward = await program.run({ inputs: { x }, ...(i === 1 ? {} : { seeds }), segments: segments.backward });
      said.push(bits(forward.outputs['y'] ?? new Float32Array()), bits(backward.gradients['x'] ?? new Float32Array()));
    }
    program.close();
    return said.join(' ');
  });
  t.is(all[0], all[1]);
});

async function bothOf(work: () => Promise<string>): Promise<string[]> {
  return [await work(), await withVariable('CUGRU_CUDA_GRAPHS', 'off', work)];
}

test.serial('the first step is done as it is, the second is recorded, and all after it are replayed', async (t) => {
  const rig = await GraphRig.open();
  await rig.configure();
  t.is(rig.steps, 'graph');
  const [first, second] = [await rig.train(4), await rig.train(2, { rows: small.batch + 1 })];
  t.is(first.batches, 4);
  t.is(first.replayed, 3);
  t.is(second.replayed, 2);
  t.is(rig.steps, 'graph');
  rig.close();
});

test.serial('other segments, other slabs and another optimiser are other recordings', async (t) => {
  const rig = await GraphRig.open();
  await rig.configure();
  const slabs = await rig.upload();
  const replayed = async (more = {}) => (await rig.train(2, more)).replayed;
  t.deepEqual([await replayed(), await replayed({ slabs }), await replayed(), await replayed({ slabs })], [1, 1, 2, 2]);
  t.is((await rig.run({ segments: segments.forward | segments.loss })).replayed, 0);
  await rig.configure({ kind: 'sgd' });
  t.deepEqual([await replayed(), await replayed()], [1, 2]);
  rig.close();
});

test.serial('a program keeps its last eight recordings', async (t) => {
  const rig = await GraphRig.open();
  await rig.configure();
  const sets: Slabs[] = [];
  for (let i = 0; i < 9; i++) sets.push(await rig.upload());
  const replayed = async (set: number) => (await rig.train(2, { slabs: sets[set] ?? [] })).replayed;
  for (let i = 0; i < 9; i++) t.is(await replayed(i), 1);
  t.is(await replayed(8), 2);
  t.is(await replayed(1), 2);
  t.is(await replayed(0), 1);
  rig.close();
});

const gather: OpGraph = {
  op: 'gather',
  inputs: [
    { name: 'slab', spec: tensor([2]), kind: 'slab' },
    { name: 'indices', spec: tensor([], 0, 'i32'), kind: 'indices' },
  ],
  outputs: [{ name: 'y', spec: tensor([2]) }],
};

test.serial(
  'a run with more batches than any before finds its rows: their numbers have moved to larger memory',
  async (t) => {
    const program = await TestProgram.open(
      { name: 'cuda simulated', device: 'cuda' },
      { graph: opGraph(gather), batch: 1, mode: 'predict' },
    );
    const slab = Float32Array.from({ length: 8 }, (_, i) => i);
    const replays: number[] = [];
    for (const rows of [2, 1100, 3]) {
      const indices = Int32Array.from({ length: rows }, (_, i) => (i * 3) % 4);
      const { outputs, result } = await program.run({ inputs: { slab }, rows, indices });
      const wanted = Float32Array.from({ length: 2 * rows }, (_, i) => (((i >> 1) * 3) % 4) * 2 + (i % 2));
      t.deepEqual(outputs['y'], wanted);
      replays.push(result.replayed);
    }
    t.deepEqual(replays, [1, 1099, 2]);
    program.close();
  },
);

test.serial(
  'groups that are frozen stay as they are in the next run of replayed steps, until they are not',
  async (t) => {
    const [graph, eager] = await bothWays(async (rig) => {
      await rig.configure();
      await rig.train(2);
      const freeze = async (frozen: boolean) => {
        for (const group of [0, 1, 2]) await native().storeSetGroup(rig.store, group, { frozen });
      };
      const before = await rig.state(['parameters']);
      await freeze(true);
      const { replayed } = await rig.train(2);
      t.is(replayed, rig.steps === 'graph' ? 2 : 0);
      t.is(await rig.state(['parameters']), before);
      await freeze(false);
      await native().storeSetGroup(rig.store, 1, { rateFactor: 0.1, decayFactor: 0 });
      await rig.train(2);
      t.not(await rig.state(['parameters']), before);
      return rig.state();
    });
    t.is(graph, eager);
  },
);

test.serial('a cancelled run leaves nothing for the next one', async (t) => {
  const [graph, eager] = await bothWays(async (rig) => {
    await rig.configure();
    const cancel = native().createCancel();
    native().cancel(cancel);
    t.is((await rig.train(4, { cancel })).batches, 0);
    return [counted(await rig.train(4)), await rig.state()].join(' ');
  });
  t.is(graph, eager);
});

test.serial('a profile is not recorded, and disturbs nothing that is', async (t) => {
  const rig = await GraphRig.open();
  await rig.configure();
  t.is((await rig.train(4, { profile: true })).replayed, 0);
  t.is((await rig.train(2)).replayed, 1);
  t.is((await rig.train(2, { profile: true })).replayed, 0);
  t.is((await rig.train(2)).replayed, 2);
  rig.close();
});

test.serial('steps that need the lengths on the host are not recorded, and say why', async (t) => {
  const rig = await GraphRig.open({ shape: { ...small, directions: 2 } });
  await rig.configure();
  t.is((await rig.train(3)).replayed, 0);
  t.is(rig.steps, 'eager: gru: cuDNN takes the lengths of each batch from the host');
  rig.close();
});

test.serial('CUGRU_CUDA_GRAPHS=off records nothing, and is told', async (t) => {
  await withVariable('CUGRU_CUDA_GRAPHS', 'off', async () => {
    const rig = await GraphRig.open();
    await rig.configure();
    t.is((await rig.train(3)).replayed, 0);
    t.is(rig.steps, 'eager: CUGRU_CUDA_GRAPHS=off');
    rig.close();
  });
  await withVariable('CUGRU_CUDA_GRAPHS', 'sometimes', async () => {
    t.throws(() => native().createSession({ device: 'cuda' }), {
      code: 'ERR_VALUE',
      message: "CUGRU_CUDA_GRAPHS must be 'on' or 'off', got 'sometimes'",
    });
  });
});

test.serial('a summary and a profile tell whether steps are recorded', async (t) => {
  const make = (device: 'cpu' | 'cuda') =>
    sequential([layers.gru({ units: 4 }), layers.dense({ units: 2 })], { inputShape: [4, 3], device });
  using here = make('cuda');
  using there = make('cpu');
  const summary = await here.summary();
  t.is(summary.steps, 'graph');
  t.regex(String(summary), /, steps: graph$/);
  const plain = await there.summary();
  t.is(plain.steps, 'direct');
  t.notRegex(String(plain), /steps:/);
  using model = classifier({ device: 'cuda' });
  const data = waves(12, { lengths: Array.from({ length: 12 }, () => 3) });
  const profile = await model.profile(data, { batchSize: 4 });
  t.is(profile.steps, 'eager: gru_1: cuDNN takes the lengths of each batch from the host');
  t.regex(String(profile), /a batch of 4, steps: eager: gru_1: cuDNN/);
});

test.serial('predictions of the same shape are right whatever was recorded', async (t) => {
  using here = classifier({ device: 'cuda' });
  using there = classifier({ device: 'cpu' });
  for (let i = 0; i < 5; i++) {
    const x = Float32Array.from({ length: 18 }, (_, n) => Math.sin(i * 18 + n));
    const [got, wanted] = [await here.predict(x), await there.predict(x)];
    t.true(
      got.every((value, n) => Math.abs(value - (wanted[n] ?? Number.NaN)) < 1e-5),
      `${i}`,
    );
  }
});

test.serial('two sessions that train at once record side by side, and do not disturb each other', async (t) => {
  const one = async (): Promise<string> => {
    const rig = await GraphRig.open();
    await rig.configure();
    const results = [];
    for (let i = 0; i < 5; i++) {
      results.push(await rig.train(3));
      await rig.upload(); // allocates, while the other one may be recording
    }
    t.is(rig.steps, 'graph');
    const state = await rig.state();
    rig.close();
    return [...results.map(counted), state].join(' ');
  };
  const alone = await one();
  t.deepEqual(await Promise.all([one(), one(), one()]), [alone, alone, alone]);
});
