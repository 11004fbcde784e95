import test from 'ava';
import { image, layers, sequential } from '../../lib/index.js';
import { refuses } from '../support/training_models.js';

/** Parameters of a GRU stack: three gates, two biases each. */
function gruParameters(inputSize: number, units: number, numLayers: number, directions: number): number {
  let count = 0;
  for (let layer = 0; layer < numLayers; layer++) {
    const width = layer === 0 ? inputSize : directions * units;
    count += directions * 3 * units * (width + units + 2);
  }
  return count;
}

test('shapes of outputs follow the options', (t) => {
  const out = (list: Parameters<typeof sequential>[0], inputShape: readonly number[]): readonly number[] =>
    sequential(list, { inputShape }).outputShape;
  t.deepEqual(out([layers.gru({ units: 5 })], [7, 3]), [5]);
  t.deepEqual(out([layers.gru({ units: 5, returnSequences: true })], [7, 3]), [7, 5]);
  t.deepEqual(out([layers.gru({ units: 5, bidirectional: true })], [7, 3]), [10]);
  t.deepEqual(out([layers.gru({ units: 5, bidirectional: true, returnSequences: true })], [7, 3]), [7, 10]);
  t.deepEqual(out([layers.dense({ units: 4 })], [3]), [4]);
  t.deepEqual(out([layers.dense({ units: 4 })], [7, 3]), [7, 4]);
  t.deepEqual(out([layers.dropout({ rate: 0.5 }), layers.softmax()], [7, 3]), [7, 3]);
  t.deepEqual(out([image.toSequence(), layers.gru({ units: 2, returnSequences: true })], [8, 6, 3]), [8, 2]);
  t.deepEqual(
    out([image.toSequence({ scheme: 'columns' }), layers.gru({ units: 2, returnSequences: true })], [8, 6, 3]),
    [6, 2],
  );
  const patches = image.toSequence({ scheme: 'patches', patchSize: [4, 3] });
  t.deepEqual(out([patches, layers.gru({ units: 2, returnSequences: true })], [8, 6, 3]), [4, 2]);
});

test('the number of parameters is that of the formulas', (t) => {
  for (const [inputSize, units, numLayers, bidirectional] of [
    [3, 5, 1, false],
    [3, 5, 2, false],
    [4, 6, 3, true],
  ] as const) {
    const model = sequential([layers.gru({ units, numLayers, bidirectional })], { inputShape: [2, inputSize] });
    t.is(model.parameterCount, gruParameters(inputSize, units, numLayers, bidirectional ? 2 : 1));
    const dropped = sequential([layers.gru({ units, numLayers, bidirectional, dropout: 0.5 })], {
      inputShape: [2, inputSize],
    });
    t.is(dropped.parameterCount, model.parameterCount, 'dropout adds none');
  }
  t.is(sequential([layers.dense({ units: 4 })], { inputShape: [3] }).parameterCount, 4 * 3 + 4);
  t.is(sequential([layers.dense({ units: 4, useBias: false })], { inputShape: [3] }).parameterCount, 4 * 3);
  const normalised = sequential([image.toSequence(), layers.gru({ units: 2 })], { inputShape: [4, 4, 1] });
  t.is(normalised.parameterCount, gruParameters(4, 2, 1, 1), 'statistics are no parameters');
});

test('layers are numbered by kind, and keep the names that they were given', (t) => {
  const model = sequential(
    [
      layers.gru({ units: 2, returnSequences: true }),
      layers.gru({ units: 2, returnSequences: true, name: 'reader' }),
      layers.gru({ units: 2 }),
      layers.dense({ units: 2 }),
      layers.softmax(),
    ],
    { inputShape: [2, 2] },
  );
  t.deepEqual(
    model.layers.map(({ name }) => name),
    ['gru_1', 'reader', 'gru_2', 'dense_1', 'softmax_1'],
  );
});

test("weights are named after layer and parameter, in PyTorch's order and shapes", async (t) => {
  const model = sequential(
    [
      layers.gru({ units: 2, numLayers: 2, bidirectional: true, dropout: 0.5 }),
      layers.dense({ units: 5, name: 'head' }),
    ],
    { inputShape: [4, 3] },
  );
  const suffixes = ['l0', 'l0_reverse', 'l1', 'l1_reverse'];
  const weights = await model.getWeights();
  t.deepEqual(Object.keys(weights), [
    ...suffixes.flatMap((s) =>
      [`weight_ih_${s}`, `weight_hh_${s}`, `bias_ih_${s}`, `bias_hh_${s}`].map((n) => `gru_1.${n}`),
    ),
    'head.weight',
    'head.bias',
  ]);
  t.deepEqual(weights['gru_1.weight_ih_l0']?.shape, [6, 3]);
  t.deepEqual(weights['gru_1.weight_ih_l1']?.shape, [6, 4]);
  t.deepEqual(weights['gru_1.weight_hh_l1_reverse']?.shape, [6, 2]);
  t.deepEqual(weights['gru_1.bias_hh_l1']?.shape, [6]);
  t.deepEqual(weights['head.weight']?.shape, [5, 4]);
});

test('no two weights of a model start with the same values', async (t) => {
  for (const dropout of [0, 0.5]) {
    const stack = layers.gru({ units: 4, numLayers: 3, dropout, bidirectional: true, returnSequences: true });
    const model = sequential([stack, layers.gru({ units: 4, numLayers: 2, dropout })], { inputShape: [3, 8] });
    const weights = Object.entries(await model.getWeights()).filter(([name]) => name.includes('weight'));
    const distinct = new Set(weights.map(([, { data }]) => data.slice(0, 4).join()));
    t.is(distinct.size, weights.length, `dropout ${dropout}`);
  }
});

test('a layer that is used twice has its parameters once', async (t) => {
  const shared = layers.dense({ units: 4, activation: 'tanh' });
  const model = sequential([shared, shared, layers.dense({ units: 2 })], { inputShape: [4] });
  t.deepEqual(
    model.layers.map(({ name }) => name),
    ['dense_1', 'dense_1', 'dense_2'],
  );
  t.is(model.parameterCount, 4 * 4 + 4 + (4 * 2 + 2));
  t.deepEqual(Object.keys(await model.getWeights()), [
    'dense_1.weight',
    'dense_1.bias',
    'dense_2.weight',
    'dense_2.bias',
  ]);
  t.is((await model.summary()).parameters, model.parameterCount);
});

test('a layer that is used twice does twice what it does once', async (t) => {
  const shared = layers.dense({ units: 3, activation: 'tanh' });
  const once = sequential([shared], { inputShape: [3], seed: 4 });
  const twice = sequential([shared, shared], { inputShape: [3], seed: 5 });
  await twice.setWeights(await once.getWeights());
  const x = Float32Array.of(0.2, -0.4, 0.9);
  t.deepEqual(await twice.predict(x), await once.predict(await once.predict(x)));
});

test('a layer may be part of two models, which have weights of their own', async (t) => {
  const layer = layers.dense({ units: 2 });
  const [a, b] = [sequential([layer], { inputShape: [3], seed: 1 }), sequential([layer], { inputShape: [5], seed: 1 })];
  t.deepEqual((await a.getWeights())['dense_1.weight']?.shape, [2, 3]);
  t.deepEqual((await b.getWeights())['dense_1.weight']?.shape, [2, 5]);
});

test('a layer that is shared by inputs of different widths is refused', async (t) => {
  const shared = layers.dense({ units: 4 });
  const list = [shared, layers.dense({ units: 7 }), shared];
  await refuses(t, [
    [
      '3 and 7',
      () => sequential(list, { inputShape: [3] }).predict(new Float32Array(3)),
      'ERR_SHAPE',
      /dense_1 is shared, and its inputs differ: its weight is \[4, 3\], here it would be \[4, 7\]/,
    ],
  ]);
});

test('the summary lists layers, shapes, parameters and the kernels that run them', async (t) => {
  const frozen = layers.gru({ units: 4, numLayers: 2, dropout: 0.5 });
  frozen.trainable = false;
  const model = sequential([image.toSequence(), frozen, layers.dense({ units: 3, activation: 'softmax' })], {
    inputShape: [6, 5, 1],
    device: 'cpu',
  });
  const summary = await model.summary();
  const [gru, dense] = summary.layers;
  t.deepEqual(
    summary.layers.map(({ name, kind, outputShape, parameters, trainable }) => ({
      name,
      kind,
      outputShape,
      parameters,
      trainable,
    })),
    [
      { name: 'gru_1', kind: 'gru', outputShape: [4], parameters: gruParameters(5, 4, 2, 1), trainable: false },
      { name: 'dense_1', kind: 'dense', outputShape: [3], parameters: 15, trainable: true },
    ],
  );
  t.true(
    gru?.kernels.some((kernel) => /fused gru/.test(kernel)),
    gru?.kernels.join(),
  );
  t.true((dense?.kernels.length ?? 0) > 0);
  t.is(summary.parameters, model.parameterCount);
  t.is(summary.trainableParameters, 15);
  t.regex(summary.device, /^cpu \(.*threads?\)$/);
  const text = String(summary);
  t.regex(text, /gru_1 .*\(frozen\).*fused gru/);
  t.regex(text, /toSequence +rows +\[6, 5\]/);
  t.regex(text, new RegExp(`${model.parameterCount} parameters, 15 trainable, on cpu`));
});

test('layers that do not fit are refused by name and axes', async (t) => {
  const gru = layers.gru({ units: 4 });
  const build = (list: readonly unknown[], inputShape: unknown): unknown =>
    sequential(list as never, { inputShape: inputShape as never });
  await refuses(t, [
    [
      'gru on a vector',
      () => build([gru], [8]),
      'ERR_SHAPE',
      /^gru_1 expects \[batch, steps, features\], got \[batch, 8\]/,
    ],
    [
      'gru on a last state',
      () => build([gru, layers.gru({ units: 2 })], [5, 8]),
      'ERR_SHAPE',
      /^gru_2 expects .*\[batch, 4\]; .*returnSequences/,
    ],
    [
      'images without toSequence',
      () => build([gru], [28, 28, 1]),
      'ERR_SHAPE',
      /gru_1 expects .*, got \[batch, 28, 28, 1\]; begin with image\.toSequence\(\.\.\.\) for images/,
    ],
    [
      '4 axes',
      () => build([gru], [2, 28, 28, 1]),
      'ERR_SHAPE',
      /inputShape must be \[height, width, channels\], \[steps, features\] or \[features\], got \[2,28,28,1\]/,
    ],
    [
      'toSequence on sequences',
      () => build([image.toSequence(), gru], [28, 28]),
      'ERR_SHAPE',
      /image\.toSequence reads images \[height, width, channels\], the input has rows of \[28, 28\]/,
    ],
    ['no shape', () => build([gru], undefined), 'ERR_SHAPE', /^inputShape must be/],
    ['negative', () => build([gru], [5, -1]), 'ERR_VALUE', /^inputShape\[1\] must be an integer from 1/],
    ['fraction', () => build([gru], [5.5, 1]), 'ERR_VALUE', /^inputShape\[0\] must be an integer/],
    ['huge', () => build([gru], [5, 2 ** 31]), 'ERR_VALUE', /^inputShape\[1\] must be an integer from 1 to 1048576/],
    ['text', () => build([gru], ['5', 1]), 'ERR_TYPE', /^inputShape\[0\] must be an integer/],
    [
      'patch too large',
      () => build([image.toSequence({ scheme: 'patches', patchSize: 9 }), gru], [8, 8, 1]),
      'ERR_SHAPE',
      /the patch height must be at most the image's, 8, got 9/,
    ],
  ]);
});

test('lists that are no model are refused', async (t) => {
  const build = (list: unknown): unknown => sequential(list as never, { inputShape: [4, 4, 1] });
  await refuses(t, [
    ['empty', () => build([]), 'ERR_VALUE', /a model needs a list of at least one layer/],
    ['no list', () => build(layers.gru({ units: 1 })), 'ERR_VALUE', /a model needs a list/],
    ['only toSequence', () => build([image.toSequence()]), 'ERR_VALUE', /at least one layer besides image\.toSequence/],
    [
      'toSequence later',
      () => build([image.toSequence(), layers.gru({ units: 1 }), image.toSequence()]),
      'ERR_TYPE',
      /element 2 of the list is not a layer; image\.toSequence can only be the first/,
    ],
    [
      'a factory',
      () => build([layers.gru]),
      'ERR_TYPE',
      /element 0 of the list is not a layer; use layers\.gru\(\.\.\.\)/,
    ],
    ['null', () => build([layers.dense({ units: 1 }), null]), 'ERR_TYPE', /element 1 of the list/],
  ]);
});

test('a normalisation that was given must have as many figures as there are channels', async (t) => {
  const normalization = { mean: [0.1, 0.2], std: [1, 1] };
  const list = [image.toSequence({ normalization }), layers.gru({ units: 1 })];
  t.notThrows(() => sequential(list, { inputShape: [4, 4, 2] }));
  await refuses(t, [
    [
      '1 channel',
      () => sequential(list, { inputShape: [4, 4, 1] }),
      'ERR_SHAPE',
      /figures for 2 channels, the input .* has 1/,
    ],
  ]);
});

test('seeds and devices are checked', async (t) => {
  const build = (options: Record<string, unknown>): unknown =>
    sequential([layers.dense({ units: 1 })], { inputShape: [1], ...options });
  await refuses(t, [
    ['negative seed', () => build({ seed: -1 }), 'ERR_VALUE', /^seed must be an integer from 0/],
    ['seed with a fraction', () => build({ seed: 0.5 }), 'ERR_VALUE', /^seed must be/],
    ['huge seed', () => build({ seed: 2 ** 53 }), 'ERR_VALUE', /^seed must be/],
    [
      'unknown device',
      () => build({ device: 'gpu' }),
      'ERR_VALUE',
      /^device must be 'auto', 'cpu', 'cuda' or 'cuda:N', got gpu/,
    ],
    ['unknown instruction set', () => build({ isa: 'mmx' }), 'ERR_VALUE', /mmx/],
  ]);
});
