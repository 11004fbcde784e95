/** kernelL2, recurrentL2 and maxNorm of layers: what they are worth in a training, where they count, and that they are saved. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { layers, loadModel, optimizers, type Sequential, sequential } from '../../lib/index.js';
import { refuses, scratch, shape, waves, weightHash } from '../support/training_models.js';

const sgd = (weightDecay = 0) => optimizers.sgd({ learningRate: 0.1, momentum: 0.9, weightDecay });

function modelOf(made: readonly layers.Layer[], optimizer = sgd()): Sequential {
  const model = sequential([layers.gru({ units: 6 }), ...made], { inputShape: shape, seed: 1 });
  model.compile({ optimizer, loss: 'categoricalCrossentropy' });
  return model;
}

const norms = (data: Float32Array, rows: number) =>
  Array.from({ length: rows }, (_, row) =>
    Math.hypot(...data.subarray((row * data.length) / rows, ((row + 1) * data.length) / rows)),
  );

test('kernelL2 is weight decay of twice its size, byte for byte, and counts once in a shared layer', async (t) => {
  const stack = (kernelL2: number) => {
    const shared = layers.dense({ units: 6, useBias: false, activation: 'tanh', kernelL2 });
    return [shared, shared, layers.dense({ units: 3, useBias: false, activation: 'softmax', kernelL2 })];
  };
  const [penalty, decay, neither] = [modelOf(stack(0.05)), modelOf(stack(0), sgd(0.1)), modelOf(stack(0))];
  for (const model of [penalty, decay, neither]) {
    for (const { layer } of model.layers.slice(0, 1)) layer.trainable = false; // its biases would decay as well
    await model.fit(waves(20), { epochs: 2, batchSize: 8 });
  }
  t.is(await weightHash(penalty), await weightHash(decay));
  t.not(await weightHash(penalty), await weightHash(neither));
});

test('the penalty is no part of the loss, nor of the gradients before they are applied', async (t) => {
  const [plain, penalized] = [0, 0.5].map((kernelL2) =>
    modelOf([layers.dense({ units: 3, activation: 'softmax', kernelL2 })]),
  ) as [Sequential, Sequential];
  t.is((await penalized.evaluate(waves(9))).loss, (await plain.evaluate(waves(9))).loss);
  t.deepEqual(await penalized.computeGradients(waves(9)), await plain.computeGradients(waves(9)));
  t.deepEqual(await penalized.getGradients(), await plain.getGradients());
});

test('gradients that are accumulated get the penalty once, when they are applied', async (t) => {
  const made = () => modelOf([layers.dense({ units: 3, activation: 'softmax', kernelL2: 0.05 })]);
  const [whole, halves] = [made(), made()];
  await whole.computeGradients(waves(9));
  for (const accumulate of [false, true]) await halves.computeGradients(waves(9), { accumulate, scale: 0.5 });
  for (const model of [whole, halves]) await model.applyGradients();
  const wanted = await whole.getWeights();
  for (const [name, { data }] of Object.entries(await halves.getWeights())) {
    t.true(
      data.every((w, i) => Math.abs(w - (wanted[name]?.data[i] ?? Number.NaN)) < 1e-6),
      name,
    );
  }
});

test('maxNorm bounds the rows of every weight matrix of a layer, and of no other', async (t) => {
  const recurrent = layers.lstm({ units: 5, numLayers: 2, bidirectional: true, maxNorm: 0.4 });
  const model = sequential([recurrent, layers.dense({ units: 3, activation: 'softmax' })], {
    inputShape: shape,
    seed: 1,
  });
  model.compile({ optimizer: sgd(), loss: 'categoricalCrossentropy' });
  await model.fit(waves(20), { epochs: 2, batchSize: 8 });
  for (const [name, { data, shape: dims }] of Object.entries(await model.getWeights())) {
    const longest = Math.max(...norms(data, dims[0] ?? 1));
    if (name.startsWith('lstm_1.weight')) t.true(longest <= 0.4 * (1 + 1e-6), name);
    if (name === 'dense_1.weight') t.true(longest > 0.4, name);
  }
});

test('a layer that is not trainable keeps its weights, however long they are', async (t) => {
  const model = modelOf([layers.dense({ units: 3, activation: 'softmax', kernelL2: 1, maxNorm: 0.01, name: 'last' })]);
  const before = await model.getWeights();
  for (const { name, layer } of model.layers) layer.trainable = name !== 'last';
  await model.fit(waves(20), { batchSize: 8 });
  t.deepEqual((await model.getWeights())['last.weight'], before['last.weight']);
});

test('the options are saved with the layer, and hold after loading', async (t) => {
  const folder = join(await scratch(t), 'model');
  const model = sequential(
    [
      layers.gru({ units: 4, kernelL2: 0.01, recurrentL2: 0.02, maxNorm: 0.9 }),
      layers.dense({ units: 3, activation: 'softmax', kernelL2: 0.03, maxNorm: 0.7 }),
    ],
    { inputShape: shape, seed: 1 },
  );
  model.compile({ optimizer: sgd(), loss: 'categoricalCrossentropy' });
  await model.fit(waves(20), { batchSize: 8 });
  await model.save(folder);
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  const gru = config.nodes.find(({ kind }: { kind: string }) => kind === 'gru');
  t.like(gru.config, { kernelL2: 0.01, recurrentL2: 0.02, maxNorm: 0.9 });
  const loaded = (await loadModel(folder)) as Sequential;
  for (const one of [model, loaded]) await one.trainOnBatch(waves(8, { seed: 2 }));
  t.is(await weightHash(loaded), await weightHash(model));
});

test('penalties and bounds are numbers from 0 on', async (t) => {
  for (const option of ['kernelL2', 'recurrentL2', 'maxNorm'] as const) {
    const message = new RegExp(`^${option} must be a number from 0`);
    await refuses(t, [
      ['below', () => layers.gru({ units: 1, [option]: -1 }), 'ERR_VALUE', message],
      ['NaN', () => layers.leakyCifg({ units: 1, [option]: Number.NaN }), 'ERR_VALUE', message],
      ['text', () => layers.rnn({ units: 1, [option]: '1' as never }), 'ERR_TYPE', message],
    ]);
  }
  await refuses(t, [
    ['dense', () => layers.dense({ units: 1, kernelL2: -1 }), 'ERR_VALUE', /^kernelL2 must be/],
    ['no state', () => layers.dense({ units: 1, recurrentL2: 1 } as never), 'ERR_VALUE', /has no option 'recurrentL2'/],
  ]);
});
