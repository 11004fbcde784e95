/** Normalisation inside of models: it trains, its statistics move with training alone, and are saved with the weights. */
import { join } from 'node:path';
import test from 'ava';
import { layers, loadModel, optimizers, type Sequential, sequential } from '../../lib/index.js';
import { classes, dataOf, scratch, shape, waves, weightHash } from '../support/training_models.js';

function modelOf(): Sequential {
  const model = sequential(
    [
      layers.batchNorm({ momentum: 0.2 }),
      layers.gru({ units: 12 }),
      layers.layerNorm(),
      layers.dense({ units: 8, activation: 'relu' }),
      layers.batchNorm({ name: 'last' }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    { inputShape: shape, device: 'cpu', seed: 4 },
  );
  model.compile({
    optimizer: optimizers.adam({ learningRate: 0.02 }),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}

test('statistics are named beside the weights, begin at mean 0 and variance 1, and are no parameters', async (t) => {
  const model = modelOf();
  const weights = await model.getWeights();
  t.deepEqual(
    Object.keys(weights).filter((name) => /batchNorm|last|layerNorm/.test(name)),
    [
      ...['weight', 'bias', 'running_mean', 'running_var'].map((name) => `batchNorm_1.${name}`),
      ...['weight', 'bias'].map((name) => `layerNorm_1.${name}`),
      ...['weight', 'bias', 'running_mean', 'running_var'].map((name) => `last.${name}`),
    ],
  );
  t.deepEqual(dataOf(weights, 'last.running_mean'), new Float32Array(8));
  t.deepEqual(dataOf(weights, 'last.running_var'), new Float32Array(8).fill(1));
  const { layers: rows } = await model.summary();
  t.deepEqual(
    rows.map(({ parameters }) => parameters),
    [6, 3 * 12 * (3 + 12 + 2), 24, 8 * 13, 16, classes * 9],
  );
});

test('a model with normalisation learns, and evaluates by its running statistics', async (t) => {
  const model = modelOf();
  await model.fit(waves(90), { epochs: 20, batchSize: 20 });
  const { accuracy } = await model.evaluate(waves(60, { seed: 2 }));
  t.true((accuracy ?? 0) > 0.95, `accuracy ${accuracy}`);
});

test('only training moves the statistics; a row is predicted alike, whatever is beside it', async (t) => {
  const model = modelOf();
  await model.fit(waves(30), { epochs: 1, batchSize: 10 });
  const before = await weightHash(model);
  const many = await model.predict(waves(9, { labels: 'none' }));
  const one = await model.predict(waves(1, { labels: 'none' }));
  await model.evaluate(waves(20));
  t.is(await weightHash(model), before);
  t.deepEqual(one, many.slice(0, classes));
});

test('a model is loaded with its statistics, and trains on as if it had not been saved', async (t) => {
  const model = modelOf();
  await model.fit(waves(30), { epochs: 2, batchSize: 10 });
  const folder = join(await scratch(t), 'model');
  await model.save(folder);
  const loaded = await loadModel(folder);
  t.deepEqual(
    loaded.layers.map(({ layer }) => layer.config),
    model.layers.map(({ layer }) => layer.config),
  );
  t.is(await weightHash(loaded), await weightHash(model));
  t.not(dataOf(await loaded.getWeights(), 'last.running_mean')[0], 0);
  for (const each of [model, loaded]) await each.trainOnBatch(waves(10, { seed: 4 }));
  t.is(await weightHash(loaded), await weightHash(model));
});

test('a frozen normalisation keeps weight and bias; its statistics still follow the data', async (t) => {
  const model = modelOf();
  const frozen = model.layers[4]?.layer;
  t.is(frozen?.kind, 'batchNorm');
  if (frozen !== undefined) frozen.trainable = false;
  await model.fit(waves(30), { epochs: 1, batchSize: 10 });
  const weights = await model.getWeights();
  t.deepEqual(dataOf(weights, 'last.weight'), new Float32Array(8).fill(1));
  t.not(dataOf(weights, 'last.running_mean')[0], 0);
  t.notDeepEqual(dataOf(weights, 'batchNorm_1.weight'), new Float32Array(3).fill(1));
});
