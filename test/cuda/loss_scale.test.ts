/** Dynamic loss scaling of float16 on the simulated device: what overflows is left out, halves the scale, and leaves no trace. */
import '../support/cuda_simulated.js';
import { join } from 'node:path';
import test from 'ava';
import { layers, loadModel, optimizers, type Precision, type Sequential } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { relativeError } from '../support/conformance_compare.js';
import { leavesNothing } from '../support/cuda_leftovers.js';
import { GraphRig, withVariable } from '../support/graphs_rig.js';
import {
  bytesOf,
  classifier,
  dataOf,
  dictBytes,
  refuses,
  scratch,
  trainingState,
  waves,
} from '../support/training_models.js';

const most = 2 ** 24;
const batch = waves(6);

const stateOf = async (model: Sequential) => native().storeInfo(await model.store());

function model(initial: number, growthInterval = 1000): Sequential {
  return classifier({ device: 'cuda', precision: 'fp16', lossScale: { initial, growthInterval } });
}

test.serial('a step whose gradients overflow is left out and halves the scale; then steps are taken', async (t) => {
  const net = model(most);
  const before = await net.getWeights();
  await net.trainOnBatch(batch);
  t.deepEqual(dictBytes(await net.getWeights()), dictBytes(before), 'left out');
  t.deepEqual((await stateOf(net)).lossScale, { scale: most / 2, good: 0, leftOut: 1 });
  let left = 1;
  for (; left < 20; left++) {
    await net.trainOnBatch(batch);
    if ((await stateOf(net)).lossScale?.good === 1) break;
  }
  const { lossScale, step } = await stateOf(net);
  t.deepEqual(lossScale, { scale: most / 2 ** left, good: 1, leftOut: left });
  t.is(step, left + 1, 'what was left out counts, so that masks and schedules go on');
  t.notDeepEqual(dictBytes(await net.getWeights()), dictBytes(before));
  net.dispose();
});

test.serial('steps that were left out leave no trace in the weights: bias corrections count the others', async (t) => {
  const [scaled, plain] = [model(most), model(256)];
  const { epochs } = await scaled.fit(batch, { epochs: 30, batchSize: 6, shuffle: false });
  const left = (await stateOf(scaled)).lossScale?.leftOut ?? 0;
  t.true(left > 0 && left < 20, `${left} were left out`);
  t.is(epochs.length, 30, 'the fit goes on');
  await plain.fit(batch, { epochs: 30 - left, batchSize: 6, shuffle: false });
  const [here, there] = [await scaled.getWeights(), await plain.getWeights()];
  for (const name of Object.keys(there)) {
    t.true(relativeError(dataOf(here, name), dataOf(there, name)) < 0.01, name);
  }
  scaled.dispose();
  plain.dispose();
});

test.serial('in one native call steps go on after one that was left out, and say so', async (t) => {
  const net = model(most);
  const rows = waves(60);
  await net.fit(rows, { epochs: 2, batchSize: 6 });
  const { lossScale, step } = await stateOf(net);
  t.is(step, 20);
  const { good = 0, leftOut = 0 } = lossScale ?? {};
  t.true(leftOut > 0 && leftOut < 12, `${leftOut} were left out`);
  t.true(good > 0);
  net.dispose();
});

test.serial('the scale is doubled after as many good steps as were asked for, up to 2^24', async (t) => {
  const net = model(4, 3);
  const scales: number[] = [];
  for (let i = 0; i < 7; i++) {
    await net.trainOnBatch(batch);
    scales.push((await stateOf(net)).lossScale?.scale ?? 0);
  }
  t.deepEqual(scales, [4, 4, 8, 8, 8, 16, 16]);
  net.dispose();
});

test.serial('gradients have their true size, whatever the scale is', async (t) => {
  const gradients = async (initial: number) => {
    const net = model(initial);
    await net.configure();
    await net.computeGradients(batch);
    const all = await net.getGradients();
    net.dispose();
    return all;
  };
  const [one, many] = [await gradients(1), await gradients(1024)];
  for (const name of Object.keys(one)) {
    t.true(relativeError(dataOf(many, name), dataOf(one, name)) < 0.005, name);
  }
});

test.serial('at a scale of 1 gradients that are no numbers end the fit, as in float32', async (t) => {
  const net = model(1);
  const inputs = Float32Array.from({ length: 6 * 18 }, () => Number.NaN);
  const data = { inputs, labels: Int32Array.from({ length: 6 }, (_, i) => i % 3), classes: 3 };
  const before = bytesOf(dataOf(await net.getWeights(), 'gru_1.weight_hh_l0'));
  await t.throwsAsync(net.trainOnBatch(data), { code: 'ERR_NOT_FINITE' });
  t.deepEqual(bytesOf(dataOf(await net.getWeights(), 'gru_1.weight_hh_l0')), before);
  net.dispose();
});

test.serial('a training that was saved goes on byte for byte, with its scale', async (t) => {
  const path = join(await scratch(t), 'model');
  const whole = model(most, 4);
  await whole.fit(waves(30), { epochs: 2, batchSize: 6, shuffle: false });
  await whole.save(path);
  const again = await loadModel(path, { device: 'cuda', precision: 'fp16' });
  t.deepEqual((await stateOf(again)).lossScale, (await stateOf(whole)).lossScale);
  await again.trainOnBatch(batch);
  await whole.trainOnBatch(batch);
  t.deepEqual(await trainingState(again), await trainingState(whole));
  whole.dispose();
  again.dispose();
});

test.serial('penalties have their true size, whatever the scale is, and add to gradients of theirs', async (t) => {
  const weightsAfter = async (initial: number, precision: Precision) => {
    const gru = (options: Parameters<typeof layers.gru>[0]) =>
      layers.gru({ ...options, kernelL2: 0.5, recurrentL2: 0.5 });
    const optimizer = optimizers.sgd({ learningRate: 0.1 });
    const net = classifier({ device: 'cuda', precision, recurrent: gru, optimizer, lossScale: { initial } });
    await net.trainOnBatch(batch);
    const weights = await net.getWeights();
    net.dispose();
    return weights;
  };
  const [exact, one, many] = [
    await weightsAfter(1, 'fp32'),
    await weightsAfter(1, 'fp16'),
    await weightsAfter(1024, 'fp16'),
  ];
  for (const name of Object.keys(exact)) {
    t.true(relativeError(dataOf(many, name), dataOf(one, name)) < 0.005, name);
    t.true(relativeError(dataOf(many, name), dataOf(exact, name)) < 0.005, name);
  }
});

test.serial('bounds of weights leave them as they are when a step is left out', async (t) => {
  const gru = (options: Parameters<typeof layers.gru>[0]) => layers.gru({ ...options, maxNorm: 1e-3 });
  const net = classifier({ device: 'cuda', precision: 'fp16', recurrent: gru, lossScale: { initial: most } });
  const before = await net.getWeights();
  await net.trainOnBatch(batch);
  t.is((await stateOf(net)).lossScale?.leftOut, 1);
  t.deepEqual(dictBytes(await net.getWeights()), dictBytes(before));
  net.dispose();
});

test.serial('a step that was recorded before anything ran in float16 heeds the scale, too', async (t) => {
  const states = async () => {
    const rig = await GraphRig.open();
    await rig.configure();
    await rig.train(4);
    const before = await native().storeInfo(rig.store);
    const params = [{ name: 'weight', shape: [12, 3] }];
    const group = { name: 'late', op: 'dense', attrs: { precision: 'fp16', units: 12, bias: false }, params };
    const late = await native().createStore(rig.session, [group]);
    const { replayed } = await rig.train(3);
    const after = await native().storeInfo(rig.store);
    native().dispose(late);
    rig.close();
    return { before: before.lossScale, after: after.lossScale, replayed };
  };
  const after = { scale: 65536, good: 3, leftOut: 0 };
  t.deepEqual(await states(), { before: undefined, after, replayed: 3 });
  t.deepEqual(await withVariable('CUGRU_CUDA_GRAPHS', 'off', states), { before: undefined, after, replayed: 0 });
});

test.serial('in other precisions there is no scale', async (t) => {
  const net = classifier({ device: 'cuda', precision: 'bf16', lossScale: { initial: most } });
  await net.trainOnBatch(batch);
  t.is((await stateOf(net)).lossScale, undefined);
  net.dispose();
});

test('options that are no scale are refused', async (t) => {
  const net = classifier();
  const compile = (lossScale: object) => () => net.compile({ optimizer: 'sgd', loss: 'meanSquaredError', lossScale });
  await refuses(t, [
    ['no power of two', compile({ initial: 1000 }), 'ERR_VALUE', /lossScale\.initial must be a power of two, got 1000/],
    ['too large', compile({ initial: 2 ** 25 }), 'ERR_VALUE', /lossScale\.initial/],
    ['no step', compile({ growthInterval: 0 }), 'ERR_VALUE', /lossScale\.growthInterval/],
    ['unknown', compile({ growth: 2 }), 'ERR_VALUE', /growth/],
  ]);
  net.dispose();
});

for (const precision of ['bf16', 'fp16']) {
  test.serial(`a training in ${precision} does nothing that the device forbids, and gives all back`, async (t) => {
    await leavesNothing(t, {
      layers: `[layers.gru({ units: 5, bidirectional: true, returnSequences: true }), layers.gru({ units: 3 }),
        layers.dense({ units: 2, activation: 'softmax' })]`,
      precisions: [precision],
      lengths: true,
    });
  });
}
