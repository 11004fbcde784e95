/** MNIST by rows on the simulated device, a part of it: the CPU's losses step by step, the same each time, nothing left. */
import '../support/cuda_simulated.js';
import test from 'ava';
import { readyModel } from '../../lib/cli/models.js';
import { datasets } from '../../lib/index.js';
import { remains, simulatedControl } from '../support/proof_faults.js';
import { weightHash } from '../support/training_models.js';

const steps = 50;
const batchSize = 16;

const { train, test: heldOut } = await datasets.mnist();

interface Course {
  readonly losses: readonly number[];
  readonly accuracy: number;
  readonly weights: string;
  readonly probabilities: Float32Array;
}

async function trained(device: 'cpu' | 'cuda'): Promise<Course> {
  const model = readyModel(train, { units: 16 }, { learningRate: 3e-3, seed: 1, device });
  try {
    const losses: number[] = [];
    await model.fit(train.take(steps * batchSize), {
      epochs: 1,
      batchSize,
      onBatchEnd: ({ batchLoss }) => {
        losses.push(batchLoss);
      },
    });
    const { accuracy } = await model.evaluate(heldOut.take(100), { batchSize: 50 });
    const probabilities = await model.predict(heldOut.take(20));
    return { losses, accuracy: accuracy ?? Number.NaN, weights: await weightHash(model), probabilities };
  } finally {
    model.dispose();
  }
}

test.serial(`the losses of ${steps} steps are the CPU's, and again the same to the bit`, async (t) => {
  const control = simulatedControl();
  const [here, again, there] = [await trained('cuda'), await trained('cuda'), await trained('cpu')];
  t.deepEqual(again, here);
  t.is(here.losses.length, steps);
  const differences = here.losses.map((loss, i) => Math.abs(loss - (there.losses[i] ?? Number.NaN)));
  const largest = Math.max(...differences);
  t.log(`losses from ${here.losses[0]?.toFixed(4)} to ${here.losses.at(-1)?.toFixed(4)}, at most ${largest} apart`);
  t.true(largest < 1e-4, `at most ${largest} apart`);
  t.true((here.losses.at(-1) ?? Infinity) < 0.9 * (here.losses[0] ?? 0), 'it learns');
  t.is(await remains(control), '', 'nothing left, nothing out of bounds, nothing used before it was written');
});
