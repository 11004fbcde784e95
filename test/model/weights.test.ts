import test from 'ava';
import { datasets, image, layers, type StateDict, sequential } from '../../lib/index.js';
import { classifier, dataOf, refuses, waves, weightHash } from '../support/training_models.js';

test('weights that are set are read back, byte for byte', async (t) => {
  const [from, to] = [classifier({ seed: 1 }), classifier({ seed: 2 })];
  t.not(await weightHash(from), await weightHash(to));
  await to.setWeights(await from.getWeights());
  t.is(await weightHash(to), await weightHash(from));
  t.deepEqual(await to.predict(waves(5)), await from.predict(waves(5)));
});

test('weights are copies', async (t) => {
  const model = classifier();
  const before = await weightHash(model);
  const weights = await model.getWeights();
  for (const { data } of Object.values(weights)) data.fill(7);
  t.is(await weightHash(model), before);
  await model.setWeights(weights);
  const sevens = await weightHash(model);
  for (const { data } of Object.values(weights)) data.fill(8);
  t.is(await weightHash(model), sevens);
});

test('some weights can be set alone', async (t) => {
  const model = classifier();
  const before = await model.getWeights();
  const bias = { data: Float32Array.of(1, 2, 3), shape: [3] };
  await model.setWeights({ 'dense_1.bias': bias }, { partial: true });
  const after = await model.getWeights();
  t.deepEqual(after, { ...before, 'dense_1.bias': bias });
});

test('the same seed starts with the same weights, another with others', async (t) => {
  t.is(await weightHash(classifier({ seed: 5 })), await weightHash(classifier({ seed: 5 })));
  t.not(await weightHash(classifier({ seed: 5 })), await weightHash(classifier({ seed: 6 })));
});

test('initializers give what they promise', async (t) => {
  const build = (options: Partial<layers.GruOptions>) =>
    sequential([layers.gru({ units: 6, ...options })], { inputShape: [3, 4], seed: 1 }).getWeights();
  const glorot = dataOf(await build({}), 'gru_1.weight_ih_l0');
  const limit = Math.sqrt(6 / (18 + 4));
  t.true(glorot.every((w) => Math.abs(w) <= limit) && glorot.some((w) => Math.abs(w) > limit / 2));
  const uniform = dataOf(await build({ kernelInitializer: 'uniform' }), 'gru_1.weight_ih_l0');
  t.true(uniform.every((w) => Math.abs(w) <= 1 / Math.sqrt(6)) && uniform.some((w) => Math.abs(w) > 0.3));
  const filled = await build({ kernelInitializer: 'zeros', recurrentInitializer: 'ones', biasInitializer: 'ones' });
  t.true(dataOf(filled, 'gru_1.weight_ih_l0').every((w) => w === 0));
  t.true(dataOf(filled, 'gru_1.weight_hh_l0').every((w) => w === 1));
  t.true(dataOf(filled, 'gru_1.bias_ih_l0').every((w) => w === 1));
});

test('orthogonal weights are orthogonal, gate by gate', async (t) => {
  const units = 6;
  const model = sequential([layers.gru({ units })], { inputShape: [3, 4], seed: 1 });
  const w = dataOf(await model.getWeights(), 'gru_1.weight_hh_l0');
  for (let gate = 0; gate < 3; gate++) {
    for (let a = 0; a < units; a++) {
      for (let b = 0; b < units; b++) {
        let dot = 0;
        for (let k = 0; k < units; k++) {
          dot += (w[(gate * units + a) * units + k] as number) * (w[(gate * units + b) * units + k] as number);
        }
        t.true(Math.abs(dot - (a === b ? 1 : 0)) < 1e-5, `gate ${gate}, rows ${a} and ${b}: ${dot}`);
      }
    }
  }
});

test('statistics of the training set are among the weights once it is known', async (t) => {
  const model = sequential(
    [image.toSequence(), layers.gru({ units: 2 }), layers.dense({ units: 2, activation: 'softmax' })],
    {
      inputShape: [2, 2, 1],
    },
  );
  model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
  const data = datasets.fromArrays({
    images: Uint8Array.of(0, 51, 102, 51, 0, 0, 255, 204),
    labels: [0, 1],
    shape: [2, 2, 1],
  });
  await model.fit(data);
  const values = [0, 51, 102, 51, 0, 0, 255, 204].map((v) => v / 255);
  const mean = values.reduce((a, b) => a + b) / 8;
  const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / 8);
  const weights = await model.getWeights();
  t.deepEqual([...dataOf(weights, 'normalization.mean')], [Math.fround(mean)]);
  t.deepEqual([...dataOf(weights, 'normalization.std')], [Math.fround(std)]);
  await model.fit(datasets.fromArrays({ images: new Uint8Array(8), labels: [0, 1], shape: [2, 2, 1] }));
  t.deepEqual(
    dataOf(await model.getWeights(), 'normalization.mean'),
    dataOf(weights, 'normalization.mean'),
    'only once',
  );
});

test('weights that do not fit are refused, and nothing has changed', async (t) => {
  const model = classifier();
  const hash = await weightHash(model);
  const weights = await model.getWeights();
  const bias = dataOf(weights, 'dense_1.bias');
  const { 'dense_1.bias': _, ...fewer } = weights;
  const change = (tensor: unknown): StateDict => ({ ...weights, 'dense_1.bias': tensor as never });
  const set = (dict: StateDict, options?: unknown) => () => model.setWeights(dict, options as never);
  const nan = Float32Array.of(0, Number.NaN, 0);
  const detached = new Float32Array(3);
  structuredClone(detached, { transfer: [detached.buffer] });
  await refuses(t, [
    ['missing', set(fewer), 'ERR_VALUE', /the weights do not fit this model; missing: dense_1\.bias/],
    [
      'unknown',
      set({ ...weights, 'lstm.weight': change(0)['dense_1.bias'] as never }),
      'ERR_VALUE',
      /not of this model: lstm\.weight/,
    ],
    [
      'unknown, partial',
      set({ nothing: { data: bias, shape: [3] } }, { partial: true }),
      'ERR_VALUE',
      /not of this model: nothing/,
    ],
    [
      'transposed',
      set({ ...weights, 'dense_1.weight': { data: dataOf(weights, 'dense_1.weight'), shape: [8, 3] } }),
      'ERR_SHAPE',
      /dense_1\.weight must be \[dim0=3, dim1=8\], got \[8, 3\]/,
    ],
    [
      'too short',
      set(change({ data: new Float32Array(2), shape: [3] })),
      'ERR_SHAPE',
      /dense_1\.bias has shape \[3\], that is 3 numbers, but its data has 2/,
    ],
    ['no shape', set(change(bias)), 'ERR_TYPE', /dense_1\.bias must be a tensor \{ data: Float32Array, shape/],
    [
      'Float64Array',
      set(change({ data: new Float64Array(3), shape: [3] })),
      'ERR_TYPE',
      /dense_1\.bias\.data must be a Float32Array, got a Float64Array/,
    ],
    [
      'NaN',
      set(change({ data: nan, shape: [3] })),
      'ERR_NOT_FINITE',
      /dense_1\.bias has nan at index 1; weights must be finite/,
    ],
    [
      'infinity',
      set(change({ data: Float32Array.of(Infinity, 0, 0), shape: [3] })),
      'ERR_NOT_FINITE',
      /dense_1\.bias has inf at index 0/,
    ],
    [
      'detached',
      set(change({ data: detached, shape: [3] })),
      'ERR_DETACHED_BUFFER',
      /dense_1\.bias\.data has lost its memory/,
    ],
    ['option', set(weights, { part: true }), 'ERR_VALUE', /setWeights has no option 'part'/],
    ['partial', set(weights, { partial: 1 }), 'ERR_TYPE', /^partial must be a boolean/],
  ]);
  t.is(await weightHash(model), hash);
});
