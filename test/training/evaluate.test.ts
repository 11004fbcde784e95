import test from 'ava';
import { datasets, image, layers, optimizers, sequential } from '../../lib/index.js';
import { classes, classifier, shape, waves, weightHash } from '../support/training_models.js';

test('loss, accuracy and confusion matrix are those of the predictions', async (t) => {
  const model = classifier();
  await model.fit(waves(30));
  const data = waves(50, { seed: 8 });
  const labels = data.storage.labels as Int32Array;
  const p = await model.predict(data);
  const confusion = Array.from({ length: classes }, () => Array<number>(classes).fill(0));
  let loss = 0;
  labels.forEach((label, row) => {
    const outputs = [...p.subarray(row * classes, (row + 1) * classes)];
    const counts = confusion[label] as number[];
    const answer = outputs.indexOf(Math.max(...outputs));
    counts[answer] = (counts[answer] as number) + 1;
    loss -= Math.log(outputs[label] as number) / labels.length;
  });
  const found = await model.evaluate(data, { batchSize: 16 });
  t.true(Math.abs(found.loss - loss) < 1e-5);
  t.deepEqual(found.confusionMatrix, confusion);
  t.is(found.accuracy, confusion.reduce((sum, row, i) => sum + (row[i] as number), 0) / 50);
  t.is(found.samples, 50);
  t.true(found.seconds > 0 && Math.abs(found.imagesPerSecond - 50 / found.seconds) < 1e-6);
});

test('the batch size does not matter', async (t) => {
  const model = classifier();
  const data = waves(37);
  const whole = await model.evaluate(data);
  for (const batchSize of [1, 5, 36, 37, 100]) {
    const found = await model.evaluate(data, { batchSize });
    t.true(Math.abs(found.loss - whole.loss) < 1e-7, `${batchSize}: ${found.loss}, ${whole.loss}`);
    t.deepEqual(found.confusionMatrix, whole.confusionMatrix);
  }
});

test('soft labels count as the class with the largest share', async (t) => {
  const model = classifier();
  await model.fit(waves(90), { epochs: 5 });
  const [hard, soft] = [await model.evaluate(waves(30)), await model.evaluate(waves(30, { labels: 'soft' }))];
  t.is(soft.accuracy, hard.accuracy);
  t.deepEqual(soft.confusionMatrix, hard.confusionMatrix);
});

test('dropout does nothing, and no weight changes', async (t) => {
  const model = classifier({ dropout: 0.5 });
  const hash = await weightHash(model);
  const [a, b] = [await model.evaluate(waves(20)), await model.evaluate(waves(20))];
  t.is(a.loss, b.loss);
  t.is(await weightHash(model), hash);
});

test('views of the same data share it', async (t) => {
  const model = classifier();
  const data = waves(24);
  const [first, second] = [data.subset({ end: 8 }), data.subset({ start: 8 })];
  const [a, b, all] = [await model.evaluate(first), await model.evaluate(second), await model.evaluate(data)];
  t.true(Math.abs((8 * a.loss + 16 * b.loss) / 24 - all.loss) < 1e-7);
});

test('digits are learnt from a few of them', async (t) => {
  const { train, test: held } = await datasets.mnist();
  const model = sequential(
    [
      image.toSequence({ scheme: 'rows' }),
      layers.gru({ units: 64 }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
    { inputShape: [28, 28, 1], seed: 1 },
  );
  model.compile({ optimizer: optimizers.adam({ learningRate: 5e-3, clipNorm: 1 }), loss: 'categoricalCrossentropy' });
  await model.fit(train.take(6000), { epochs: 2, batchSize: 64 });
  const { accuracy, samples } = await model.evaluate(held.take(2000));
  t.is(samples, 2000);
  t.true((accuracy ?? 0) > 0.85, `accuracy ${accuracy}`);
  t.deepEqual(model.classNames, train.classNames);
});

test('lengths are looked at', async (t) => {
  const model = classifier();
  const { inputs, labels } = waves(12).storage;
  const arrays = { inputs, labels: labels as Int32Array, shape };
  const loss = async (lengths: readonly number[]): Promise<number> =>
    (await model.evaluate(datasets.fromArrays({ ...arrays, lengths }))).loss;
  t.is(await loss(Array(12).fill(6)), (await model.evaluate(datasets.fromArrays(arrays))).loss);
  t.not(await loss(Array(12).fill(2)), await loss(Array(12).fill(6)));
});
