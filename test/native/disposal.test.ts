/** Dispose: by hand and by `using`, twice, in the middle of calls; and what is used afterwards says so. */
import test from 'ava';
import { GRU } from '../../lib/index.js';
import { type BufferHandle, native } from '../../lib/native.js';
import { smallDataset, smallModel } from '../support/door_models.js';
import {
  closeRig,
  graph,
  groups,
  handlesOf,
  openRig,
  streamGraph,
  streamOptions,
  trainRequest,
} from '../support/door_rig.js';

const disposed = { code: 'ERR_DISPOSED' };

test('models, raw GRUs and streams are disposed of by `using`', async (t) => {
  const kept = await (async () => {
    using model = smallModel();
    using gru = new GRU({ inputSize: 2, hiddenSize: 3, device: 'cpu' });
    using stream = await gru.stream();
    await model.fit(smallDataset());
    stream.step(new Float32Array(2));
    return { model, gru, stream };
  })();
  await t.throwsAsync(async () => kept.model.fit(smallDataset()), disposed);
  await t.throwsAsync(async () => kept.gru.stateDict(), disposed);
  t.throws(() => kept.stream.step(new Float32Array(2)), disposed);
});

test('every method of a disposed model says so; dispose itself may be called again', async (t) => {
  const model = smallModel();
  const data = smallDataset();
  await model.fit(data);
  model.dispose();
  model.dispose();
  const calls: Record<string, () => unknown> = {
    fit: () => model.fit(data),
    fitEvents: () => model.fitEvents(data).next(),
    evaluate: () => model.evaluate(data),
    predict: () => model.predict(data),
    predictArray: () => model.predict(new Float32Array(30)),
    trainOnBatch: () => model.trainOnBatch(data),
    computeGradients: () => model.computeGradients(data),
    applyGradients: () => model.applyGradients(),
    getGradients: () => model.getGradients(),
    getWeights: () => model.getWeights(),
    setWeights: () => model.setWeights({}),
    stream: () => model.stream(),
    summary: () => model.summary(),
    estimateMemory: () => model.estimateMemory(),
    save: () => model.save('never-written'),
    compile: () => model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' }),
  };
  for (const [name, call] of Object.entries(calls)) await t.throwsAsync(async () => call(), disposed, name);
});

test('every method of a disposed GRU and stream says so', async (t) => {
  const gru = new GRU({ inputSize: 2, hiddenSize: 3, device: 'cpu' });
  const stream = await gru.stream();
  const x = { data: new Float32Array(4), shape: [1, 2, 2] };
  await gru.forward(x, { training: true });
  gru.dispose();
  gru.dispose();
  t.is(stream.step(new Float32Array(2)).length, 3, 'a stream has weights of its own');
  stream.dispose();
  stream.dispose();
  const calls: Record<string, () => unknown> = {
    forward: () => gru.forward(x),
    backward: () => gru.backward({}),
    step: () => gru.step({ data: new Float32Array(2), shape: [1, 2] }),
    stream: () => gru.stream(),
    stateDict: () => gru.stateDict(),
    loadStateDict: () => gru.loadStateDict({}),
    'stream.step': () => stream.step(new Float32Array(2)),
    'stream.reset': () => stream.reset(),
    'stream.getState': () => stream.getState(),
    'stream.setState': () => stream.setState(new Float32Array(3)),
  };
  for (const [name, call] of Object.entries(calls)) await t.throwsAsync(async () => call(), disposed, name);
});

test('dispose in the middle ends a fit, a predict and what waits, with ERR_DISPOSED', async (t) => {
  const model = smallModel();
  const data = smallDataset(2048);
  const predicted = smallModel();
  const calls = [
    model.fit(data, { epochs: 1e6, onProgress: () => model.dispose() }),
    predicted.predict(data, { batchSize: 1 }),
    predicted.getWeights(),
  ];
  predicted.dispose();
  const settled = await Promise.allSettled(calls);
  t.deepEqual(
    settled.map((one) => one.status === 'rejected' && (one.reason as { code: string }).code),
    Array(3).fill('ERR_DISPOSED'),
  );
});

test('the door refuses disposed handles of every kind, and wrong kinds', async (t) => {
  const rig = await openRig();
  const request = trainRequest(rig);
  const { session, store, program, buffer, cancel, streamer, state } = rig;
  const calls: Record<string, () => unknown> = {
    sessionInfo: () => native().sessionInfo(session),
    createStore: () => native().createStore(session, groups),
    storeRead: () => native().storeRead(store, 'parameters'),
    compile: () => native().compile(store, graph, { mode: 'train', batch: 1 }),
    createStreamer: () => native().createStreamer(store, streamGraph, streamOptions),
    run: () => native().run(program, request),
    bufferRead: () => native().bufferRead(buffer, 0, new Uint8Array(1)),
    cancel: () => native().cancel(cancel),
    streamerInfo: () => native().streamerInfo(streamer),
    streamStep: () => native().streamStep(state, new Float32Array(4), new Float32Array(4)),
  };
  closeRig(rig);
  for (const [name, call] of Object.entries(calls)) await t.throwsAsync(async () => call(), disposed, name);
  for (const handle of Object.values(handlesOf(rig))) t.notThrows(() => native().dispose(handle));
});

test('a buffer that a run holds is left alone until the run is settled', async (t) => {
  const rig = await openRig();
  const request = trainRequest(rig);
  const input = request.inputs?.[0]?.buffer as BufferHandle;
  const output = request.outputs?.[0]?.buffer as BufferHandle;
  const running = native().run(rig.program, request);
  const busy = { code: 'ERR_BUSY' };
  t.throws(() => native().bufferWrite(input, 0, new Uint8Array(1)), busy);
  t.throws(() => native().bufferRead(output, 0, new Uint8Array(1)), busy);
  t.throws(() => native().run(rig.program, request), busy);
  await t.throwsAsync(async () => native().storeWrite(rig.store, 'parameters', output), busy);
  await running;
  native().bufferRead(output, 0, new Uint8Array(1));
  const both = { ...request, outputs: [{ index: 1, buffer: input }] };
  t.throws(() => native().run(rig.program, both), busy, 'a run that writes what it reads');
  await native().run(rig.program, request);
  closeRig(rig);
});
