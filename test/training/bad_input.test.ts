import test from 'ava';
import { datasets, layers, losses, sequential } from '../../lib/index.js';
import { classes, classifier, refuses, shape, trainingState, waves, weightHash } from '../support/training_models.js';

const inputs = new Float32Array(2 * 18);

test('data that cannot be trained on are refused, and the model stays as it was', async (t) => {
  const model = classifier();
  const before = await trainingState(model);
  const rows = (options: object) => datasets.fromArrays({ inputs, shape, ...options });
  const fitting = (data: unknown) => () => model.fit(data as never);
  await refuses(t, [
    ['no dataset', fitting(undefined), 'ERR_TYPE', /expected a dataset; make one with datasets\.fromArrays/],
    ['arrays', fitting({ inputs, labels: [0, 1] }), 'ERR_TYPE', /expected a dataset/],
    ['no labels', fitting(rows({})), 'ERR_VALUE', /this dataset has no labels to train or evaluate on/],
    [
      'label out of range',
      fitting(rows({ labels: [0, 3] })),
      'ERR_RANGE',
      /'labels' must be from 0 to 2, its values are 0 to 3/,
    ],
    [
      'wide distributions',
      fitting(rows({ labels: new Float32Array(8) })),
      'ERR_SHAPE',
      /the model gives \[3\], that is 3 numbers for a row, the labels have 4/,
    ],
    ['wider by a whole factor', fitting(rows({ labels: new Float32Array(12) })), 'ERR_SHAPE', /the labels have 6/],
    [
      'other rows',
      fitting(datasets.fromArrays({ inputs, labels: [0, 1], shape: [3, 6] })),
      'ERR_SHAPE',
      /rows of \[6, 3\], the dataset has rows of \[3, 6\]/,
    ],
    [
      'validation without labels',
      () => model.fit(waves(4), { validationData: waves(4, { labels: 'none' }) }),
      'ERR_VALUE',
      /no labels/,
    ],
    [
      'validation of another type',
      () => model.fit(waves(4), { validationData: inputs as never }),
      'ERR_TYPE',
      /expected a dataset/,
    ],
    ['evaluate without labels', () => model.evaluate(waves(4, { labels: 'none' })), 'ERR_VALUE', /no labels/],
    ['evaluate out of range', () => model.evaluate(rows({ labels: [9, 0] })), 'ERR_RANGE', /must be from 0 to 2/],
  ]);
  t.deepEqual(await trainingState(model), before);
});

test('arrays that are no batch are refused', async (t) => {
  const model = classifier();
  const step = (batch: unknown) => () => model.trainOnBatch(batch as never);
  const labels = [0, 1];
  const detached = new Float32Array(36);
  structuredClone(detached, { transfer: [detached.buffer] });
  await refuses(t, [
    ['nothing', step(undefined), 'ERR_TYPE', /a batch must be a dataset, or \{ inputs, labels \}, got undefined/],
    ['empty', step({ inputs: new Float32Array(0), labels: [] }), 'ERR_VALUE', /at least one row/],
    ['half a row', step({ inputs: new Float32Array(27), labels }), 'ERR_SHAPE', /whole rows of \[6, 3\]/],
    ['Float64Array', step({ inputs: new Float64Array(36), labels }), 'ERR_TYPE', /got a Float64Array; convert it/],
    ['plain array', step({ inputs: Array(36).fill(0), labels }), 'ERR_TYPE', /got an array; convert it/],
    ['detached', step({ inputs: detached, labels }), 'ERR_DETACHED_BUFFER', /inputs has lost its memory/],
    [
      'label missing',
      step({ inputs, labels: [0] }),
      'ERR_SHAPE',
      /labels must have one entry for each of the 2 rows, got 1/,
    ],
    ['label NaN', step({ inputs, labels: [0, Number.NaN] }), 'ERR_RANGE', /labels\[1\] must be an integer/],
    ['negative label', step({ inputs, labels: [-1, 0] }), 'ERR_RANGE', /labels\[0\] must be an integer from 0/],
    [
      'Float64 labels',
      step({ inputs, labels: new Float64Array(6) }),
      'ERR_TYPE',
      /labels must be .*Float64Array; convert/,
    ],
    [
      'target NaN',
      step({ inputs, labels: Float32Array.of(1, 0, 0, 0, Number.NaN, 0) }),
      'ERR_RANGE',
      /labels\[4\], in row 1, must be a finite number/,
    ],
    ['no labels', step({ inputs }), 'ERR_VALUE', /no labels/],
    ['length 0', step({ inputs, labels, lengths: [0, 3] }), 'ERR_RANGE', /lengths\[0\] must be an integer from 1 to 6/],
    ['length 7', step({ inputs, labels, lengths: [6, 7] }), 'ERR_RANGE', /lengths\[1\] must be an integer from 1 to 6/],
    ['option', step({ inputs, label: labels }), 'ERR_VALUE', /did you mean 'labels'/],
    [
      'accumulate',
      () => model.computeGradients(waves(2), { accumulate: 1 as never }),
      'ERR_TYPE',
      /^accumulate must be a boolean/,
    ],
    ['scale', () => model.computeGradients(waves(2), { scale: Number.NaN }), 'ERR_VALUE', /^scale must be a number/],
    [
      'option',
      () => model.computeGradients(waves(2), { accum: true } as never),
      'ERR_VALUE',
      /computeGradients has no option 'accum'/,
    ],
  ]);
});

test('lengths are for sequences', async (t) => {
  const flat = sequential([layers.dense({ units: classes, activation: 'softmax' })], { inputShape: [18] });
  flat.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
  await refuses(t, [
    [
      'vectors',
      () => flat.trainOnBatch({ inputs, labels: [0, 1], lengths: [1, 1] }),
      'ERR_SHAPE',
      /lengths are for sequences, whose shape is \[steps, features\]/,
    ],
  ]);
});

test('squared error takes targets, not classes', async (t) => {
  const model = sequential([layers.gru({ units: 2 })], { inputShape: shape });
  model.compile({ optimizer: 'sgd', loss: losses.meanSquaredError() });
  await refuses(t, [
    [
      'classes',
      () => model.fit(waves(4)),
      'ERR_VALUE',
      /meanSquaredError needs Float32Array targets, got class labels/,
    ],
    [
      'width',
      () => model.fit(waves(4, { labels: 'soft' })),
      'ERR_SHAPE',
      /the model gives \[2\], that is 2 numbers for a row, the labels have 3/,
    ],
  ]);
});

test('options of a fit are checked before it begins', async (t) => {
  const model = classifier();
  const before = await weightHash(model);
  const fitting = (options: object) => () => model.fit(waves(4), options);
  await refuses(t, [
    ['no epochs', fitting({ epochs: 0 }), 'ERR_VALUE', /^epochs must be an integer from 1/],
    ['half an epoch', fitting({ epochs: 1.5 }), 'ERR_VALUE', /^epochs must be an integer/],
    ['epochs', fitting({ epochs: '3' }), 'ERR_TYPE', /^epochs must be an integer/],
    ['batchSize 0', fitting({ batchSize: 0 }), 'ERR_VALUE', /^batchSize must be an integer from 1/],
    ['batchSize NaN', fitting({ batchSize: Number.NaN }), 'ERR_VALUE', /^batchSize must be/],
    [
      'initialEpoch',
      fitting({ epochs: 2, initialEpoch: 2 }),
      'ERR_VALUE',
      /^initialEpoch must be an integer from 0 to 1, got 2/,
    ],
    ['shuffle', fitting({ shuffle: 'yes' }), 'ERR_TYPE', /^shuffle must be a boolean/],
    [
      'signal',
      fitting({ signal: new AbortController() }),
      'ERR_TYPE',
      /^signal must be an AbortSignal \(give controller\.signal\), got an object/,
    ],
    ['callback', fitting({ onEpochEnd: 'log' }), 'ERR_TYPE', /^onEpochEnd must be a function, got 'log'/],
    ['unknown', fitting({ batchsize: 4 }), 'ERR_VALUE', /fit has no option 'batchsize'; did you mean 'batchSize'/],
    ['no options', () => model.fit(waves(4), null as never), 'ERR_TYPE', /^fit takes an options object/],
    [
      'events',
      () => model.fitEvents(waves(4), { onEpochEnd: () => {} } as never),
      'ERR_VALUE',
      /fitEvents has no option/,
    ],
    ['evaluate', () => model.evaluate(waves(4), { batchSize: -1 }), 'ERR_VALUE', /^batchSize must be/],
    [
      'evaluate signal',
      () => model.evaluate(waves(4), { signal: 3 as never }),
      'ERR_TYPE',
      /^signal must be an AbortSignal, got 3/,
    ],
    ['memory', () => model.estimateMemory({ batchSize: 0 }), 'ERR_VALUE', /^batchSize must be/],
    [
      'memory option',
      () => model.estimateMemory({ batch: 3 } as never),
      'ERR_VALUE',
      /estimateMemory has no option 'batch'/,
    ],
  ]);
  t.is(await weightHash(model), before);
});

test('training needs compile', async (t) => {
  const model = sequential([layers.dense({ units: 3, activation: 'softmax' })], { inputShape: [6, 3] });
  const message = /call model\.compile\(\{ optimizer, loss \}\) first/;
  await refuses(t, [
    ['fit', () => model.fit(waves(2)), 'ERR_STATE', message],
    ['events', () => model.fitEvents(waves(2)).next(), 'ERR_STATE', message],
    ['evaluate', () => model.evaluate(waves(2)), 'ERR_STATE', message],
    ['trainOnBatch', () => model.trainOnBatch(waves(2)), 'ERR_STATE', message],
    ['computeGradients', () => model.computeGradients(waves(2)), 'ERR_STATE', message],
    ['applyGradients', () => model.applyGradients(), 'ERR_STATE', message],
    ['getGradients', () => model.getGradients(), 'ERR_STATE', /there are no gradients/],
  ]);
});

test('a loss that is no number ends the fit, and the weights are those of the step before', async (t) => {
  const model = classifier();
  const twin = classifier();
  const rows = waves(40).storage.inputs.slice();
  const rowLength = rows.length / 40;
  rows[17 * rowLength + 5] = Number.NaN; // in the third batch of eight
  const bad = datasets.fromArrays({ inputs: rows, labels: waves(40).storage.labels as Int32Array, shape });
  const error = await t.throwsAsync(model.fit(bad, { batchSize: 8, epochs: 3, shuffle: false }), {
    code: 'ERR_NOT_FINITE',
    message: /^the loss is no finite number in epoch 1, at batch 2; the weights are those before it/,
  });
  t.deepEqual((error as { details?: unknown } | undefined)?.details, { epoch: 0, batch: 2 });
  for (const first of [0, 8]) await twin.trainOnBatch(bad.subset({ start: first, end: first + 8 }));
  t.deepEqual(await model.getWeights(), await twin.getWeights());
  await t.throwsAsync(twin.trainOnBatch(bad.subset({ start: 16, end: 24 })), { code: 'ERR_NOT_FINITE' });
  t.deepEqual(await model.getWeights(), await twin.getWeights());
  const { epochs } = await model.fit(waves(40));
  t.true(Number.isFinite(epochs[0]?.loss));
});

test('what cannot fit in memory is refused before it is attempted', async (t) => {
  const { rss } = process.memoryUsage();
  const huge = sequential([layers.gru({ units: 2 ** 20 })], { inputShape: shape });
  const long = sequential(
    [layers.gru({ units: 1024, recurrentInitializer: 'zeros', returnSequences: true }), layers.dense({ units: 3 })],
    { inputShape: [2 ** 20, 1] },
  );
  const wide = waves(2, { labels: 'none' });
  await refuses(t, [
    ['weights', () => huge.getWeights(), 'ERR_OUT_OF_MEMORY', /needs \d+ bytes, but only \d+ bytes of memory are free/],
    ['predict', () => huge.predict(wide), 'ERR_OUT_OF_MEMORY', /needs \d+ bytes/],
    ['activations', () => long.predict(new Float32Array(2 ** 20 * 16)), 'ERR_OUT_OF_MEMORY', /needs \d+ bytes/],
  ]);
  t.true(process.memoryUsage().rss - rss < 1.5e9, 'nothing of it was allocated');
});
