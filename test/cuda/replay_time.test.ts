/** The time of replayed steps by the device's own clock, on the simulated device. Its times are made up: a pass of cuDNN takes 4 ms. */
import '../support/cuda_simulated.js';
import test, { type ExecutionContext } from 'ava';
import type { FitOptions } from '../../lib/index.js';
import { simulated, withEnvironment } from '../support/algorithms_trial.js';
import { graphsChild } from '../support/graphs_child.js';
import { counted, GraphRig, withVariable } from '../support/graphs_rig.js';
import { faults, gruOverBytes, remains, simulatedControl } from '../support/proof_faults.js';
import { classifier, waves } from '../support/training_models.js';

// Forward, data back, weights back.
const stepSeconds = (3 * 4) / 1000;

const near = (t: ExecutionContext, seconds: number | undefined, wanted: number): void => {
  t.true(Math.abs((seconds ?? Number.NaN) - wanted) < 1e-6, `${seconds}, not ${wanted}`);
};

test.serial('a run tells the time of the steps that it replayed, and gives the same bytes', async (t) => {
  withEnvironment(t, simulated({ COST: 'algo=0:4' }));
  const rig = await GraphRig.open();
  await rig.configure();
  const [first, second] = [await rig.train(4, { timeReplays: true }), await rig.train(2, { timeReplays: true })];
  t.is(first.replayed, 3, 'the first step is done as it is');
  near(t, first.replaySeconds, 3 * stepSeconds);
  near(t, second.replaySeconds, 2 * stepSeconds);
  const state = await rig.state();
  rig.close();
  const other = await GraphRig.open();
  await other.configure();
  t.deepEqual([await other.train(4), await other.train(2)].map(counted), [first, second].map(counted));
  t.is(await other.state(), state);
  other.close();
});

test.serial('it is told only where it is asked for, and where steps may be recorded', async (t) => {
  for (const device of ['cuda', 'cpu']) {
    const rig = await GraphRig.open({ device });
    await rig.configure();
    t.is((await rig.train(2)).replaySeconds, undefined, device);
    if (device === 'cpu') t.is((await rig.train(2, { timeReplays: true })).replaySeconds, undefined);
    rig.close();
  }
  await withVariable('CUGRU_CUDA_GRAPHS', 'off', async () => {
    const rig = await GraphRig.open();
    await rig.configure();
    t.is((await rig.train(3, { timeReplays: true })).replaySeconds, 0, 'nothing was replayed');
    rig.close();
  });
});

test.serial('a fit adds it up for each epoch: what is not replayed is idle', async (t) => {
  withEnvironment(t, simulated({ COST: 'algo=0:4' }));
  const train = async (device: 'cuda' | 'cpu', options: FitOptions) => {
    const model = classifier({ device });
    const { epochs } = await model.fit(waves(18), { epochs: 2, batchSize: 4, ...options });
    model.dispose();
    return epochs.map(({ replaySeconds }) => replaySeconds);
  };
  const [first, second] = await train('cuda', { timeReplays: true });
  near(t, first, 4 * stepSeconds);
  near(t, second, 5 * stepSeconds);
  t.deepEqual(await train('cuda', {}), [undefined, undefined]);
  t.deepEqual(await train('cpu', { timeReplays: true }), [undefined, undefined]);
  await t.throwsAsync(train('cpu', { timeReplays: 1 as never }), { code: 'ERR_TYPE' });
});

test.serial('nothing is waited for between steps, and events are kept for the next run', async (t) => {
  const counts = async (runs: number, batches: number) => {
    const body = `
      const rig = await GraphRig.open();
      await rig.configure();
      for (let i = 0; i < ${runs}; i++) await rig.train(${batches}, { timeReplays: true });
      rig.close();`;
    return (await graphsChild(t, body)).counts;
  };
  const [few, many, more] = [await counts(2, 10), await counts(2, 30), await counts(3, 30)];
  t.is(many['synchronizations'], few['synchronizations']);
  const calls = (a: typeof few, b: typeof few): number => (b['driverCalls'] ?? 0) - (a['driverCalls'] ?? 0);
  // A step is a launch between two records, and read once; the first run makes and the end destroys two events for each.
  t.is(calls(few, many), 2 * 20 * (1 + 2 + 1) + 20 * (2 + 2));
  const alone = calls(await counts(2, 1), await counts(3, 1));
  t.true(calls(many, more) < 30 * 4 + alone, 'no events are made');
});

test.serial('each call fails in turn while it is taken: an error with a code, and nothing left', async (t) => {
  const control = simulatedControl();
  const work = async () => {
    const model = gruOverBytes.model('cuda');
    try {
      model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
      const { epochs } = await model.fit(gruOverBytes.data(), { epochs: 3, batchSize: 4, timeReplays: true });
      return epochs.map(({ loss }) => loss);
    } finally {
      model.dispose();
    }
  };
  const wanted = await work();
  const failing = new Set<string>();
  for await (const { failed, title, error, outcome } of faults(control, 'call', work)) {
    if (error === undefined) t.deepEqual(outcome, wanted, title);
    else t.regex((error as { code?: string }).code ?? '', /^ERR_(INTERNAL|CUDA_UNAVAILABLE|OUT_OF_MEMORY)$/, title);
    if (error !== undefined) failing.add(failed);
    t.is(await remains(control), '', `after ${title}`);
  }
  for (const one of ['cuEventRecord', 'cuEventCreate', 'cuEventElapsedTime']) t.true(failing.has(one), one);
});
