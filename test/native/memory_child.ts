// Prints how memory grows. Argument: what is repeated.
import { setTimeout as sleep } from 'node:timers/promises';
import { native, type RunRequest } from '../../lib/native.js';
import { imageDataset, imageModel, smallDataset, smallModel } from '../support/door_models.js';
import { openRig, trainRequest } from '../support/door_rig.js';

const [what = ''] = process.argv.slice(2);

async function settled(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await sleep(5);
  }
  return process.memoryUsage();
}

// Megabytes that `times` calls add after as many that fill caches and pools.
async function growth(times: number, call: () => Promise<unknown>): Promise<number> {
  for (let i = 0; i < times; i++) await call();
  const before = await settled();
  for (let i = 0; i < times; i++) await call();
  return ((await settled()).rss - before.rss) / 2 ** 20;
}

async function fits(): Promise<number> {
  const model = smallModel();
  const data = smallDataset();
  return growth(200, () => model.fit(data));
}

async function models(): Promise<number> {
  const data = smallDataset();
  return growth(100, async () => {
    const model = smallModel();
    await model.fit(data);
    await model.stream();
    model.dispose();
  });
}

// Megabytes of external memory: before a model, with it and its data, and after dispose.
async function external(): Promise<number[]> {
  const data = imageDataset(20_000);
  const told = async (): Promise<number> => {
    await settled();
    return native().processInfo().externalBytes / 2 ** 20;
  };
  const figures = [await told()];
  const model = imageModel();
  await model.trainOnBatch(data.take(64));
  figures.push(await told());
  model.dispose();
  figures.push(await told(), data.size); // the data is still there: only dispose can have freed its copy
  return figures;
}

// Allocations of compute threads: by two runs of the same length, by a longer one, by stream steps.
async function allocations(): Promise<Record<string, number>> {
  const rig = await openRig();
  const during = async (work: () => unknown): Promise<number> => {
    const before = native().processInfo().computeAllocations;
    await work();
    return native().processInfo().computeAllocations - before;
  };
  const indices = (rows: number): Int32Array => new Int32Array(rows);
  const request = (rows: number): RunRequest => ({
    ...trainRequest(rig),
    inputs: [{ index: 4, buffer: native().createBuffer(rows * 16) }],
    outputs: [],
    gradients: [],
    rows,
    indices: indices(rows),
    learningRates: new Float32Array(Math.ceil(rows / 5)),
  });
  const run = (rows: number) => (): unknown => native().run(rig.program, request(rows));
  await run(5000)();
  const step = (): void => native().streamStep(rig.state, new Float32Array(4), new Float32Array(4));
  return {
    short: await during(run(5)),
    again: await during(run(5)),
    long: await during(run(5000)),
    steps: await during(() => Array.from({ length: 1000 }, step)),
  };
}

const all: Readonly<Record<string, () => Promise<unknown>>> = { fits, models, external, allocations };
process.stdout.write(JSON.stringify(await all[what]?.()));
