// Ends in all the ways that a process or worker can end while native work runs. Argument: the way.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { CugruError } from '../../lib/errors.js';
import { native } from '../../lib/native.js';
import { imageDataset, imageModel, smallDataset, smallModel } from '../support/door_models.js';
import { openRig, trainRequest } from '../support/door_rig.js';

const [way = '', count = '1'] = process.argv.slice(2);
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

function worker(task: string): Worker {
  return new Worker(new URL('lifetime_worker.js', import.meta.url), { workerData: { task } });
}

async function terminateWorkers(task: string): Promise<void> {
  for (let i = 0; i < Number(count); i++) {
    const running = worker(task);
    for (let seen = 0; seen <= i % 3; seen++) await once(running, 'message');
    if (i % 2 === 1) await sleep(i % 7);
    await running.terminate();
  }
  say('terminated');
}

async function fitTogether(): Promise<void> {
  const results = [worker('once'), worker('once')].map((one) => once(one, 'message'));
  const here = await smallModel().fit(smallDataset(), { epochs: 20 });
  const [there, other] = await Promise.all(results);
  say([here.epochs.at(-1)?.loss, there?.[0], other?.[0]]);
}

async function oneAfterTheOther(): Promise<void> {
  for (let i = 0; i < Number(count); i++) await once(worker('once'), 'exit');
  say('ended');
}

// Everything is dropped while a hundred runs wait, and collected again and again until the last is done.
async function collectQueued(): Promise<void> {
  const runs = await (async () => {
    const rig = await openRig();
    return Promise.all(Array.from({ length: 100 }, () => native().run(rig.program, trainRequest(rig)))).then(
      (all) => all.length,
    );
  })();
  globalThis.gc?.();
  say(runs);
  await (async () => {
    const rig = await openRig();
    for (let i = 0; i < 50; i++) void native().run(rig.program, trainRequest(rig));
  })();
  for (let i = 0; i < 20; i++) {
    globalThis.gc?.();
    await sleep(1);
  }
  say('collected');
}

async function exitInFit(): Promise<void> {
  await imageModel().fit(imageDataset(2048), { epochs: 1e6, onProgress: () => process.exit(7) });
}

async function exitInNativeCall(): Promise<void> {
  const model = imageModel();
  const data = imageDataset(2048);
  await model.predict(data);
  void model.fit(data, { epochs: 1e6 });
  setTimeout(() => process.exit(7), 100);
}

async function endUndisposed(): Promise<void> {
  const model = smallModel();
  await model.fit(smallDataset());
  await model.stream();
  say(Date.now());
}

async function throwInCallback(): Promise<void> {
  const model = smallModel();
  const thrown = new Error('from the callback');
  const caught = await model
    .fit(smallDataset(), { epochs: 9, onProgress: () => Promise.reject(thrown) })
    .catch((e) => e);
  await model.fit(smallDataset());
  say(caught === thrown);
}

async function closeWhileWaiting(): Promise<void> {
  const rig = await openRig();
  const runs = Array.from({ length: 20 }, () => native().run(rig.program, trainRequest(rig)));
  const waiting = native().drainSession(rig.session);
  native().closeSession(rig.session);
  const settled = await Promise.allSettled([...runs, waiting]);
  const codes = settled.map((one) => (one.status === 'rejected' ? (one.reason as CugruError).code : 'done'));
  say([codes.at(-1), codes.every((code) => code === 'ERR_DISPOSED' || code === 'done')]);
}

const ways: Readonly<Record<string, () => Promise<void>>> = {
  terminateInFit: () => terminateWorkers('fit'),
  terminateInPredict: () => terminateWorkers('predict'),
  fitTogether,
  oneAfterTheOther,
  collectQueued,
  exitInFit,
  exitInNativeCall,
  endUndisposed,
  throwInCallback,
  closeWhileWaiting,
};
const chosen = ways[way];
if (chosen === undefined) throw new CugruError('ERR_USAGE', `no way '${way}'`);
await chosen();
