import test from 'ava';
import { layers, losses, optimizers, type StateDict, schedules, sequential } from '../../lib/index.js';
import {
  bytesOf,
  classes,
  classifier,
  dataOf,
  largestDifference,
  refuses,
  shape,
  trainingState,
  waves,
  weightHash,
} from '../support/training_models.js';

test('trainOnBatch gives the loss before its step', async (t) => {
  const model = classifier();
  const batch = waves(12);
  const { loss, accuracy } = await model.evaluate(batch);
  const step = await model.trainOnBatch(batch);
  t.true(Math.abs(step.loss - loss) < 1e-6);
  t.is(step.accuracy, accuracy);
  t.true((await model.trainOnBatch(batch)).loss < loss);
});

test('a batch may be a dataset or arrays', async (t) => {
  const data = waves(9);
  const { inputs, labels } = data.storage;
  const [a, b, c] = [classifier(), classifier(), classifier()];
  await a.trainOnBatch(data);
  await b.trainOnBatch({ inputs, labels: labels as Int32Array });
  await c.trainOnBatch({ inputs, labels: [...(labels as Int32Array)], shape: [...shape] });
  t.is(await weightHash(b), await weightHash(a));
  t.is(await weightHash(c), await weightHash(a));
});

test('gradients computed and applied are a training step', async (t) => {
  const [whole, parts] = [classifier({ dropout: 0.3 }), classifier({ dropout: 0.3 })];
  for (const seed of [1, 2, 3]) {
    const batch = waves(10, { seed });
    const a = await whole.trainOnBatch(batch);
    const b = await parts.computeGradients(batch);
    await parts.applyGradients();
    t.deepEqual(b, a);
  }
  t.deepEqual(await trainingState(parts), await trainingState(whole));
});

test('gradients of two halves, accumulated and scaled, are those of the whole', async (t) => {
  const model = classifier();
  const data = waves(16);
  await model.computeGradients(data);
  const whole = await model.getGradients();
  await model.computeGradients(data.subset({ end: 8 }), { scale: 0.5 });
  await model.computeGradients(data.subset({ start: 8 }), { accumulate: true, scale: 0.5 });
  const halves = await model.getGradients();
  for (const name of Object.keys(whole)) {
    t.true(largestDifference(dataOf(whole, name), dataOf(halves, name)) < 1e-6, name);
  }
});

test('gradients do not move weights, have their names and shapes, and are zero once applied', async (t) => {
  const model = classifier({ optimizer: 'sgd' });
  const before = await model.getWeights();
  await model.computeGradients(waves(8));
  t.deepEqual(await model.getWeights(), before);
  const gradients = await model.getGradients();
  t.deepEqual(shapesOf(gradients), shapesOf(before));
  t.true(Object.values(gradients).every(({ data }) => data.some((value) => value !== 0)));
  await model.applyGradients();
  const after = await model.getWeights();
  for (const name of Object.keys(before)) {
    const expected = dataOf(before, name).map((w, i) => w - Math.fround(0.01) * (dataOf(gradients, name)[i] as number));
    t.true(largestDifference(dataOf(after, name), expected) < 1e-7, name);
  }
  const zero = await model.getGradients();
  t.true(Object.values(zero).every(({ data }) => data.every((value) => value === 0)));
});

function shapesOf(dict: StateDict): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(dict).map(([name, tensor]) => [name, tensor.shape]));
}

test('gradients agree with finite differences', async (t) => {
  const model = sequential(
    [
      layers.gru({ units: 3, bidirectional: true }),
      layers.dense({ units: 4, activation: 'tanh' }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    { inputShape: shape, seed: 3 },
  );
  model.compile({ optimizer: 'sgd', loss: losses.categoricalCrossentropy({ labelSmoothing: 0.1 }) });
  const batch = waves(5);
  await model.computeGradients(batch);
  const gradients = await model.getGradients();
  const weights = await model.getWeights();
  const step = 1e-2;
  for (const name of Object.keys(weights)) {
    const data = dataOf(weights, name);
    const [start] = data;
    const loss = async (value: number): Promise<number> => {
      data[0] = value;
      await model.setWeights(weights);
      return (await model.evaluate(batch)).loss;
    };
    const difference = ((await loss((start as number) + step)) - (await loss((start as number) - step))) / (2 * step);
    await loss(start as number);
    t.true(Math.abs(difference - (dataOf(gradients, name)[0] as number)) < 1e-4, `${name}: ${difference}`);
  }
});

test('soft labels that are all on one class are that class', async (t) => {
  const [hard, soft] = [classifier(), classifier()];
  const data = waves(12);
  const labels = data.storage.labels as Int32Array;
  const oneHot = Float32Array.from({ length: 12 * classes }, (_, i) =>
    labels[Math.floor(i / classes)] === i % classes ? 1 : 0,
  );
  const a = await hard.trainOnBatch(data);
  const b = await soft.trainOnBatch({ inputs: data.storage.inputs, labels: oneHot });
  t.true(Math.abs(a.loss - b.loss) < 1e-6);
  t.is(a.accuracy, b.accuracy);
});

test('label smoothing is the cross-entropy of smoothed labels', async (t) => {
  const smoothing = 0.3;
  const model = classifier();
  model.compile({ optimizer: 'sgd', loss: losses.categoricalCrossentropy({ labelSmoothing: smoothing }) });
  const data = waves(12);
  const labels = data.storage.labels as Int32Array;
  const p = await model.predict(data);
  let expected = 0;
  labels.forEach((label, row) => {
    for (let c = 0; c < classes; c++) {
      const target = (label === c ? 1 - smoothing : 0) + smoothing / classes;
      expected -= (target * Math.log(p[row * classes + c] as number)) / labels.length;
    }
  });
  t.true(Math.abs((await model.evaluate(data)).loss - expected) < 1e-5);
});

test('a model that ends in sums trains as one that ends in their softmax', async (t) => {
  const build = (activation: 'linear' | 'softmax') => {
    const model = sequential([layers.gru({ units: 4 }), layers.dense({ units: classes, activation })], {
      inputShape: shape,
      seed: 2,
    });
    model.compile({ optimizer: 'adam', loss: losses.categoricalCrossentropy({ fromLogits: activation === 'linear' }) });
    return model;
  };
  const apart = sequential([layers.gru({ units: 4 }), layers.dense({ units: classes }), layers.softmax()], {
    inputShape: shape,
    seed: 2,
  });
  apart.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const models = [build('softmax'), build('linear'), apart];
  for (const model of models) await model.fit(waves(30));
  const hashes = await Promise.all(models.map(weightHash));
  t.is(new Set(hashes).size, 1);
});

test('a loss that does not fit the last layer is refused by compile', async (t) => {
  const sums = sequential([layers.dense({ units: 3 })], { inputShape: [2] });
  const sequence = sequential([layers.gru({ units: 3, returnSequences: true }), layers.softmax()], {
    inputShape: shape,
  });
  const loss = 'categoricalCrossentropy';
  await refuses(t, [
    [
      'sums',
      () => sums.compile({ optimizer: 'sgd', loss }),
      'ERR_GRAPH',
      /needs a softmax as the model's last layer, or \{ fromLogits: true \}/,
    ],
    [
      'sequence',
      () => sequence.compile({ optimizer: 'sgd', loss }),
      'ERR_SHAPE',
      /expects \[batch, classes\], got \[batch, 6 steps, 3\]/,
    ],
    [
      'unknown loss',
      () => sums.compile({ optimizer: 'sgd', loss: 'hinge' as never }),
      'ERR_VALUE',
      /^loss must be one of/,
    ],
    [
      'unknown optimizer',
      () => sums.compile({ optimizer: 'lion' as never, loss }),
      'ERR_VALUE',
      /^optimizer must be one of 'sgd', 'adam', 'adamw'/,
    ],
    [
      'no optimizer',
      () => sums.compile({ loss: 'meanSquaredError' } as never),
      'ERR_TYPE',
      /^optimizer must be optimizers\.adam/,
    ],
    [
      'metrics',
      () => sums.compile({ optimizer: 'sgd', loss: 'meanSquaredError', metrics: ['f1' as never] }),
      'ERR_VALUE',
      /^metrics must be one of 'accuracy'/,
    ],
    ['no options', () => sums.compile(undefined as never), 'ERR_TYPE', /^compile takes an options object/],
  ]);
});

test('a refused compile leaves the former one in place', async (t) => {
  const model = classifier();
  const { compileOptions } = model;
  t.throws(() => model.compile({ optimizer: 'lion' as never, loss: 'meanSquaredError' }));
  t.is(model.compileOptions, compileOptions);
  await t.notThrowsAsync(model.fit(waves(6)));
});

test('compiling again starts the optimiser anew and keeps the weights', async (t) => {
  const model = classifier({ optimizer: 'adam' });
  await model.fit(waves(20));
  const weights = await model.getWeights();
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  t.deepEqual(await model.getWeights(), weights);
  const fresh = classifier({ optimizer: 'adam' });
  await fresh.setWeights(weights);
  await model.trainOnBatch(waves(5));
  await fresh.trainOnBatch(waves(5));
  t.deepEqual(await trainingState(model), await trainingState(fresh));
});

test('a schedule goes on from step to step outside of a fit as well', async (t) => {
  const learningRate = schedules.cosine({ learningRate: 0.1, decaySteps: 4 });
  const model = classifier({ optimizer: optimizers.sgd({ learningRate }) });
  const before = bytesOf(dataOf(await model.getWeights(), 'dense_1.bias'));
  for (let i = 0; i < 4; i++) await model.trainOnBatch(waves(6));
  const done = bytesOf(dataOf(await model.getWeights(), 'dense_1.bias'));
  t.notDeepEqual(done, before);
  await model.trainOnBatch(waves(6));
  t.deepEqual(bytesOf(dataOf(await model.getWeights(), 'dense_1.bias')), done, 'the rate is 0 at the end');
});

test('the estimate of memory is what training then takes', async (t) => {
  for (const optimizer of [optimizers.sgd(), optimizers.sgd({ momentum: 0.9 }), optimizers.adam()]) {
    const model = classifier({ units: 64, optimizer });
    const before = await model.estimateMemory({ batchSize: 16 });
    await model.fit(waves(16), { batchSize: 16 });
    const after = await model.estimateMemory({ batchSize: 16 });
    t.is(before.total, before.weights + before.activations);
    t.is(after.activations, before.activations);
    t.true(
      Math.abs(after.weights / before.weights - 1) < 0.01,
      `${optimizer.kind}: ${before.weights}, ${after.weights}`,
    );
  }
});

test('the estimate of memory grows with the batch, and with training', async (t) => {
  const model = classifier();
  const [small, large] = [await model.estimateMemory({ batchSize: 8 }), await model.estimateMemory({ batchSize: 800 })];
  t.true(large.activations > 50 * small.activations);
  t.is(large.weights, small.weights);
  const untrained = sequential([layers.gru({ units: 8 }), layers.dense({ units: 3 })], { inputShape: shape });
  const predict = await untrained.estimateMemory({ batchSize: 8 });
  untrained.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  const train = await untrained.estimateMemory({ batchSize: 8 });
  const copies = (train.weights - predict.weights) / (untrained.parameterCount * 4);
  t.is(copies, 3, 'gradients and two moments');
  t.true(train.activations > predict.activations);
});
