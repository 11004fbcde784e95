/** Steps that cannot be recorded or replayed: training goes on as it would without, and says why. On the simulated device. */
import '../support/cuda_simulated.js';
import test from 'ava';
import { graphsChild } from '../support/graphs_child.js';
import { counted, GraphRig, withVariable } from '../support/graphs_rig.js';

const errors = 'CUGRU_SIMULATED_GRAPH_ERRORS';

async function trained(): Promise<{ readonly outcome: string; readonly replayed: number; readonly steps: string }> {
  const rig = await GraphRig.open();
  await rig.configure();
  const results = [await rig.train(3), await rig.train(4)];
  const outcome = [...results.map(counted), await rig.state()].join(' ');
  const { steps } = rig;
  rig.close();
  return { outcome, replayed: results.reduce((sum, result) => sum + result.replayed, 0), steps };
}

const failures = [
  { call: 'begin=900', why: /record a step: CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED/ },
  { call: 'end=901', why: /record a step: CUDA_ERROR_STREAM_CAPTURE_INVALIDATED/ },
  { call: 'instantiate=2', why: /make a recorded step ready: CUDA_ERROR_OUT_OF_MEMORY/ },
  { call: 'launch=2', why: /replay a step: CUDA_ERROR_OUT_OF_MEMORY/ },
] as const;

for (const { call, why } of failures) {
  test.serial(`${call}: steps are done as they are, with the same bytes and the reason`, async (t) => {
    const { outcome, replayed, steps } = await withVariable(errors, call, trained);
    t.is(outcome, (await withVariable('CUGRU_CUDA_GRAPHS', 'off', trained)).outcome);
    t.is(replayed, 0);
    t.regex(steps, /^eager: cuda:0 does not /);
    t.regex(steps, why);
  });

  test.serial(`${call}: nothing is left behind, and it is tried three times`, async (t) => {
    const body = `
      const rig = await GraphRig.open();
      await rig.configure();
      await rig.train(6);
      rig.close();`;
    const { report, counts } = await graphsChild(t, body, { [errors]: call });
    t.is(report, '');
    t.is(counts['graphLaunches'] ?? 0, 0);
    t.is(counts['captures'] ?? 0, call.startsWith('begin') ? 0 : 3);
    t.is(counts['graphs'] ?? 0, call.startsWith('launch') ? 3 : 0);
  });
}

test.serial('a failure that passes is forgotten: the step is recorded when it is tried again', async (t) => {
  const rig = await GraphRig.open();
  await rig.configure();
  t.is((await withVariable(errors, 'end=901', () => rig.train(3))).replayed, 0);
  t.regex(rig.steps, /^eager/);
  t.is((await rig.train(3)).replayed, 3);
  t.is(rig.steps, 'graph');
  rig.close();
});

test.serial('a step that failed three times stays as it is', async (t) => {
  const rig = await GraphRig.open();
  await rig.configure();
  await withVariable(errors, 'instantiate=2', () => rig.train(4));
  t.is((await rig.train(3)).replayed, 0);
  t.regex(rig.steps, /^eager/);
  rig.close();
});

test.serial('one replay that is refused is one step without, and then it is recorded again', async (t) => {
  const body = `
    const rig = await GraphRig.open();
    await rig.configure();
    const { replayed, batches } = await rig.train(6);
    say({ replayed, batches, steps: rig.steps, state: await rig.state() });
    rig.close();`;
  const refused = await graphsChild(t, body, { [errors]: 'launch=2@3' });
  const { replayed, batches, steps, state } = refused.said;
  t.deepEqual({ replayed, batches, steps }, { replayed: 4, batches: 6, steps: 'graph' });
  t.is(refused.counts['captures'], 2);
  t.is(refused.report, '');
  t.is(state, (await graphsChild(t, body, { CUGRU_CUDA_GRAPHS: 'off' })).said['state']);
});

test.serial('a GPU that is lost in a replay ends the session, as it does elsewhere', async (t) => {
  const body = `
    const rig = await GraphRig.open();
    await rig.configure();
    const errors = [];
    for (let i = 0; i < 2; i++) {
      await rig.train(4).catch(({ code, message }) => errors.push({ code, message }));
    }
    rig.close();
    say({ errors });`;
  const { said } = await graphsChild(t, body, { [errors]: 'launch=719@2' });
  const [first, second] = said['errors'] as { code: string; message: string }[];
  t.is(first?.code, 'ERR_INTERNAL');
  t.regex(first?.message ?? '', /^the GPU was lost: cuda:0 does not replay a step: CUDA_ERROR_LAUNCH_FAILED/);
  t.is(second?.code, 'ERR_STATE');
  t.regex(second?.message ?? '', /^this model lost its GPU and can do no more/);
});

test.serial('recordings go with their program, with their slabs, and when there are too many', async (t) => {
  const body = `
    const rig = await GraphRig.open();
    await rig.configure();
    for (let i = 0; i < 12; i++) {
      const slabs = await rig.upload();
      await rig.train(3, { slabs });
      for (const { slab } of slabs) native().dispose(slab);
      if (i === 6) await rig.configure({ kind: 'sgd' });
    }
    rig.close();
    const model = lib.sequential([lib.layers.gru({ units: 3 }), lib.layers.dense({ units: 2 })], { inputShape: [4, 3], device: 'cuda' });
    for (let i = 0; i < 4; i++) await model.predict(new Float32Array(12));
    model.dispose();`;
  const { report, counts } = await graphsChild(t, body);
  t.is(report, '');
  t.true((counts['graphLaunches'] ?? 0) > 10);
});
