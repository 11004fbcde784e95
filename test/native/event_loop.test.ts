/** The event loop stays free: a timer of 10 ms fires in time, whatever the model does. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { datasets, image, layers, loadModel, sequential } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { imageDataset, imageModel } from '../support/door_models.js';
import { firstGood, forSome, type Lateness, latenessDuring } from '../support/door_timer.js';

const inTime = ({ p99 }: Lateness): boolean => p99 < 10;
const data = imageDataset(20_000);

for (const way of ['fit', 'predict', 'evaluate'] as const) {
  test.serial(`during ${way}`, async (t) => {
    const model = imageModel();
    await model.predict(data.take(256));
    const late = await firstGood(
      () => latenessDuring(() => forSome(1500, async (signal) => void (await model[way](data, { signal })))),
      inTime,
    );
    t.true(inTime(late), JSON.stringify(late));
    model.dispose();
  });
}

test.serial('while a large dataset is measured, uploaded and shuffled', async (t) => {
  const { inputs, labels } = imageDataset(60_000).storage;
  const large = datasets.fromArrays({ images: inputs, labels: labels as Int32Array, shape: [28, 28, 1], classes: 10 });
  const once = async (): Promise<Lateness> => {
    using model = sequential(
      [
        image.toSequence({ scheme: 'rows', normalization: 'dataset' }),
        layers.gru({ units: 1 }),
        layers.dense({ units: 10, activation: 'softmax' }),
      ],
      { inputShape: [28, 28, 1], device: 'cpu' },
    );
    model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
    return await latenessDuring(() => forSome(800, (signal) => model.fit(large, { batchSize: 256, signal })));
  };
  const late = await firstGood(once, inTime);
  t.true(inTime(late), JSON.stringify(late));
});

test.serial('while a model is saved and loaded', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cugru-door-'));
  const model = imageModel(256);
  await model.trainOnBatch(data.take(8));
  const late = await firstGood(
    () =>
      latenessDuring(async () => {
        for (let i = 0; i < 8; i++) {
          await model.save(join(folder, 'model'));
          (await loadModel(join(folder, 'model'), { device: 'cpu' })).dispose();
        }
      }),
    inTime,
  );
  t.true(inTime(late), JSON.stringify(late));
  model.dispose();
  await rm(folder, { recursive: true });
});

test.serial('a fit is native work: JavaScript takes less than a twentieth of an epoch', async (t) => {
  const model = imageModel();
  const share = async (): Promise<number> => {
    const { epochs } = await model.fit(data.take(4096), { epochs: 1 });
    return (epochs[0]?.computeSeconds ?? 0) / (epochs[0]?.seconds ?? 1);
  };
  await share();
  const best = await firstGood(share, (value) => value >= 0.95);
  t.true(best >= 0.95, `compute share ${best}`);
  model.dispose();
});

// The best of some calls: what the call itself takes, without what else runs on the machine.
function shortest(times: number, call: () => unknown): number {
  return Math.min(
    ...Array.from({ length: times }, () => {
      const begin = performance.now();
      call();
      return performance.now() - begin;
    }),
  );
}

test.serial('synchronous calls of the door take less than a millisecond, whatever the size', async (t) => {
  const held: Record<string, number> = {};
  for (const megabytes of [1, 47, 512]) {
    held[`createBuffer ${megabytes} MiB`] = shortest(5, () => native().dispose(native().createBuffer(megabytes << 20)));
  }
  const buffer = native().createBuffer(64 << 20);
  const slice = new Uint8Array(1 << 19);
  let at = 0;
  held['bufferWrite'] = shortest(100, () => native().bufferWrite(buffer, slice.length * at++, slice));
  held['bufferRead'] = shortest(5, () => native().bufferRead(buffer, 0, slice));
  held['processInfo'] = shortest(5, () => native().processInfo());
  t.deepEqual(
    Object.entries(held).filter(([, milliseconds]) => milliseconds > 1),
    [],
  );
  native().dispose(buffer);
});
