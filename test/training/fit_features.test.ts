import test from 'ava';
import { datasets, layers, losses, optimizers, sequential } from '../../lib/index.js';
import { classes, classifier, dataOf, shape, waves, weightHash } from '../support/training_models.js';

test('a regression has a loss and no accuracy', async (t) => {
  const model = sequential([layers.gru({ units: 6 }), layers.dense({ units: classes })], {
    inputShape: shape,
    seed: 1,
  });
  model.compile({ optimizer: optimizers.adam({ learningRate: 0.02 }), loss: losses.meanSquaredError() });
  const data = waves(90, { labels: 'soft' });
  const { epochs } = await model.fit(data, { epochs: 15, validationData: data });
  t.is(epochs[0]?.accuracy, undefined);
  t.is(epochs[0]?.valAccuracy, undefined);
  t.true((epochs.at(-1)?.loss ?? 1) < (epochs[0]?.loss ?? 0) / 4, epochs.map(({ loss }) => loss.toFixed(4)).join());
  const evaluation = await model.evaluate(data);
  t.is(evaluation.accuracy, undefined);
  t.is(evaluation.confusionMatrix, undefined);
});

test('the squared error is the mean over rows and outputs', async (t) => {
  const model = sequential([layers.dense({ units: 3 })], { inputShape: [18] });
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const inputs = Float32Array.from({ length: 36 }, (_, i) => Math.sin(i));
  const labels = Float32Array.of(1, 2, 3, -1, 0, 1);
  const predicted = await model.predict(inputs);
  const expected = predicted.reduce((sum, value, i) => sum + (value - (labels[i] as number)) ** 2, 0) / 6;
  const { loss } = await model.trainOnBatch({ inputs, labels });
  t.true(Math.abs(loss - expected) < 1e-5 * expected);
});

test('shorter sequences are read to their length only', async (t) => {
  const lengths = Array.from({ length: 30 }, (_, i) => 1 + (i % 6));
  const data = waves(30, { lengths });
  const padded = data.storage.inputs.slice() as Float32Array;
  lengths.forEach((length, row) => void padded.fill(99, (row * 6 + length) * 3, (row + 1) * 18));
  const other = datasets.fromArrays({
    inputs: padded,
    labels: data.storage.labels as Int32Array,
    lengths,
    shape,
    classes,
  });
  const [a, b] = [classifier({ bidirectional: true }), classifier({ bidirectional: true })];
  await a.fit(data, { epochs: 2 });
  await b.fit(other, { epochs: 2 });
  t.is(await weightHash(b), await weightHash(a), 'what lies beyond a length does not matter');
  const whole = classifier({ bidirectional: true });
  await whole.fit(waves(30), { epochs: 2 });
  t.not(await weightHash(whole), await weightHash(a), 'lengths matter');
});

test('layers that are not trainable keep their weights', async (t) => {
  const model = classifier();
  const [gru] = model.layers;
  if (gru !== undefined) gru.layer.trainable = false;
  const before = await model.getWeights();
  await model.fit(waves(30), { epochs: 2 });
  const frozen = await model.getWeights();
  for (const name of Object.keys(before)) {
    const same = dataOf(before, name).join() === dataOf(frozen, name).join();
    t.is(same, name.startsWith('gru_1'), name);
  }
  if (gru !== undefined) gru.layer.trainable = true;
  await model.fit(waves(30));
  const thawed = await model.getWeights();
  t.notDeepEqual(dataOf(thawed, 'gru_1.weight_ih_l0'), dataOf(frozen, 'gru_1.weight_ih_l0'));
});

test('names of classes come from the first training set that has them', async (t) => {
  const named = (...classNames: string[]) =>
    datasets.fromArrays({ inputs: new Float32Array(36), labels: [0, 2], shape, classNames });
  const model = classifier();
  await model.fit(waves(6));
  t.is(model.classNames, undefined);
  await model.fit(named('a', 'b', 'c'));
  t.deepEqual(model.classNames, ['a', 'b', 'c']);
  await model.fit(named('x', 'y', 'z'));
  t.deepEqual(model.classNames, ['a', 'b', 'c']);
});

test('the norm of the gradients is reported before clipping', async (t) => {
  const norm = async (clipNorm: number): Promise<{ norm: number; moved: number }> => {
    const model = classifier({ optimizer: optimizers.sgd({ learningRate: 1, clipNorm }) });
    const before = await model.getWeights();
    const { epochs } = await model.fit(waves(12), { batchSize: 12 });
    const after = await model.getWeights();
    const squares = Object.keys(before).flatMap((name) =>
      [...dataOf(after, name)].map((value, i) => (value - (dataOf(before, name)[i] as number)) ** 2),
    );
    return { norm: epochs[0]?.gradientNorm ?? -1, moved: Math.sqrt(squares.reduce((a, b) => a + b, 0)) };
  };
  const loose = await norm(1e6);
  const tight = await norm(0.01);
  t.true(Math.abs(loose.norm - tight.norm) < 1e-7);
  t.true(Math.abs(loose.moved - loose.norm) < 1e-5, 'unclipped, a step is as long as the gradient');
  t.true(Math.abs(tight.moved - 0.01) < 1e-5, `clipped, a step is as long as the limit: ${tight.moved}`);
});

test('predict during a fit comes in between, with the weights of a whole step', async (t) => {
  const model = classifier();
  const x = waves(4, { seed: 3 });
  const fit = model.fit(waves(512), { epochs: 4, batchSize: 4 });
  let done = false;
  void fit.then(() => {
    done = true;
  });
  const outputs: Float32Array[] = [];
  while (!done) outputs.push(await model.predict(x));
  await fit;
  t.true(outputs.length >= 3, `${outputs.length} predictions`);
  for (const output of outputs) {
    for (let row = 0; row < 4; row++) {
      const sum = output.subarray(row * 3, row * 3 + 3).reduce((a, b) => a + b, 0);
      t.true(Math.abs(sum - 1) < 1e-5);
    }
  }
  const undisturbed = classifier();
  await undisturbed.fit(waves(512), { epochs: 4, batchSize: 4 });
  t.is(await weightHash(model), await weightHash(undisturbed), 'and the fit is not disturbed');
});
