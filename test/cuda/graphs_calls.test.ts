/** How many calls a step takes on the host's side, on the simulated device; nothing here is about time. */
import '../support/cuda_simulated.js';
import test, { type ExecutionContext } from 'ava';
import { graphsChild } from '../support/graphs_child.js';

type Counts = Readonly<Record<string, number>>;

// Calls that put work into the stream.
const kinds = ['launches', 'copies', 'memsets', 'graphLaunches', 'matmuls'].concat([
  'rnnForward',
  'rnnBackwardData',
  'rnnBackwardWeights',
]);

/** What each of a hundred steps adds to the counts, in one native call. */
async function perStep(t: ExecutionContext, graphs: 'on' | 'off', mode: 'train' | 'evaluate'): Promise<Counts> {
  const counts = async (batches: number): Promise<Counts> => {
    const body = `
      const rig = await GraphRig.open({ mode: '${mode}' });
      await rig.configure();
      const segmentsOf = { train: {}, evaluate: { segments: segments.forward | segments.loss } };
      for (const count of [4, ${batches}]) await rig.train(count, segmentsOf.${mode});
      rig.close();`;
    return (await graphsChild(t, body, { CUGRU_CUDA_GRAPHS: graphs })).counts;
  };
  const [few, many] = [await counts(10), await counts(30)];
  return Object.fromEntries(
    Object.keys(many).map((what) => [what, ((many[what] ?? 0) - (few[what] ?? 0)) / 20] as const),
  );
}

const queued = (counts: Counts): number => kinds.reduce((sum, kind) => sum + (counts[kind] ?? 0), 0);

for (const mode of ['train', 'evaluate'] as const) {
  test(`a recorded step is one call: ${mode}`, async (t) => {
    const [graph, eager] = [await perStep(t, 'on', mode), await perStep(t, 'off', mode)];
    t.log(`${mode}: calls that queue work for each step: ${queued(graph)} recorded, ${queued(eager)} not`);
    t.is(graph['graphLaunches'], 1);
    t.is(queued(graph), 1);
    t.is(graph['driverCalls'], 1);
    t.is(eager['graphLaunches'] ?? 0, 0);
    t.true(queued(eager) >= (mode === 'train' ? 15 : 8), `${queued(eager)}`);
    for (const what of ['synchronizations', 'allocations', 'copies', 'graphs', 'captures']) {
      t.is(graph[what] ?? 0, 0, what);
    }
    t.is(eager['synchronizations'], 0);
    t.is(eager['copies'], 0);
  });
}

test('predictions of one shape take no memory from the driver, and are replayed', async (t) => {
  const counts = async (predictions: number): Promise<Counts> => {
    const body = `
      const { sequential, layers } = lib;
      const model = sequential([layers.gru({ units: 3 }), layers.dense({ units: 2 })], { inputShape: [4, 3], device: 'cuda' });
      for (let i = 0; i < ${predictions}; i++) await model.predict(new Float32Array(12).fill(i));
      model.dispose();`;
    return (await graphsChild(t, body)).counts;
  };
  const [few, many] = [await counts(6), await counts(16)];
  t.is((many['graphLaunches'] ?? 0) - (few['graphLaunches'] ?? 0), 10);
  t.is(many['allocations'], few['allocations']);
  t.is(many['graphs'], few['graphs']);
  t.is(many['rnnForward'], few['rnnForward']);
});
