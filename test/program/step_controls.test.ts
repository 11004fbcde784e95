/** What changes from step to step is uploaded for many steps at once; a run of any length has the numbers of each. */
import test from 'ava';
import { GraphRig, small } from '../support/graphs_rig.js';

const batches = 2100; // more than twice what is uploaded at once
const shape = { ...small, batch: 1, units: 1, inputs: 1, hidden: 1, steps: 1 };
const rates = Float32Array.from({ length: batches }, (_, i) => 0.1 / (1 + i));

async function trained(parts: readonly number[]): Promise<string> {
  const rig = await GraphRig.open({ shape, rows: 4, device: 'cpu' });
  await rig.configure();
  let done = 0;
  for (const count of parts) {
    const indices = Int32Array.from({ length: count }, (_, i) => (done + i) % 4);
    const { step, replayed } = await rig.train(count, { learningRates: rates.subarray(done, done + count), indices });
    done += count;
    if (step !== done || replayed !== 0) throw new Error(`step ${step} after ${done}, ${replayed} replayed`);
  }
  const state = await rig.state();
  rig.close();
  return state;
}

test('a long run is as the same batches in several runs', async (t) => {
  const whole = await trained([batches]);
  t.is(await trained([1, 1023, 1, 500, batches - 1525]), whole);
  t.not(await trained([batches - 1]), whole);
});
