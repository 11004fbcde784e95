import { join } from 'node:path';
import test from 'ava';
import {
  type Dataset,
  datasets,
  input,
  type LayerTensor,
  layers,
  loadModel,
  model,
  sequential,
} from '../../lib/index.js';
import { bytesOf, largestDifference, noise, refuses, scratch, weightHash } from '../support/training_models.js';

const options = { seed: 2, device: 'cpu' } as const;
// Rows of [S, T, F]: S steps, each a sequence of T steps.
const [S, T, F] = [3, 5, 2];
const rows = 4;

function images(shape: readonly number[] = [S, T, F]): Dataset {
  const inputs = noise(rows * shape.reduce((a, b) => a * b));
  return datasets.fromArrays({ inputs, shape, labels: Int32Array.from([0, 1, 1, 0]), classes: 2 });
}

/** What `inner` gives for each step of each row, taken as a row of its own, with the same weights. */
async function stepByStep(
  inner: layers.Layer,
  weights: Awaited<ReturnType<ReturnType<typeof sequential>['getWeights']>>,
  stepShape: readonly number[],
): Promise<Float32Array> {
  const one = sequential([inner], { inputShape: stepShape, ...options });
  const [name] = one.layers.map((layer) => layer.name);
  await one.setWeights(
    Object.fromEntries(
      Object.entries(weights).map(([key, value]) => [key.replace('timeDistributed_1', name ?? ''), value]),
    ),
  );
  return one.predict(images().storage.inputs as Float32Array);
}

const plain = { inputShape: [S, T, F], normalization: 'none', ...options } as const;
const inner: Readonly<Record<string, () => layers.Layer>> = {
  'the last state of a gru': () => layers.gru({ units: 4 }),
  'the sequence of a bidirectional lstm': () => layers.lstm({ units: 3, bidirectional: true, returnSequences: true }),
  'a gru backwards': () => layers.gru({ units: 4, goBackwards: true, numLayers: 2 }),
  'a dense layer': () => layers.dense({ units: 3, activation: 'tanh' }),
};

for (const [what, make] of Object.entries(inner)) {
  test(`each step goes through ${what} as a row of its own`, async (t) => {
    const distributed = sequential([layers.timeDistributed(make())], plain);
    const wanted = await stepByStep(make(), await distributed.getWeights(), [T, F]);
    t.true(largestDifference(await distributed.predict(images()), wanted) < 1e-6);
    t.is(distributed.outputShape[0], S);
  });
}

test('what gives several outputs gives them for each step', async (t) => {
  const x = input({ shape: [S, T, F], normalization: 'none' });
  const outputs = layers.timeDistributed(layers.gru({ units: 4, returnSequences: true, returnState: true })).apply(x);
  t.deepEqual(
    outputs.map(({ shape }) => shape),
    [
      [S, T, 4],
      [S, 4],
    ],
  );
  const [sequence, state] = await model({ inputs: x, outputs }, options).predict(images());
  for (let step = 0; step < rows * S; step++) {
    const last = sequence?.slice((step * T + T - 1) * 4, (step * T + T) * 4);
    t.deepEqual(state?.slice(step * 4, step * 4 + 4), last);
  }
});

test('layers that act on each position are the same with and without it', async (t) => {
  const build = (layer: layers.Layer) =>
    sequential([layers.toSequence(), layer, layers.gru({ units: 2 })], { ...plain, inputShape: [S, T, F] });
  const [a, b] = [
    build(layers.dense({ units: 3, name: 'inner' })),
    build(layers.timeDistributed(layers.dense({ units: 3 }), { name: 'inner' })),
  ];
  t.is(await weightHash(a), await weightHash(b));
  t.deepEqual(bytesOf(await a.predict(images())), bytesOf(await b.predict(images())));
  const { layers: lines } = await b.summary();
  t.is(lines[1]?.parameters, 3 * T * F + 3);
});

test('a reader of rows and then of what they hold is trained, frozen, saved and loaded', async (t) => {
  const folder = join(await scratch(t), 'model');
  const pixels = layers.gru({ units: 4 });
  const hierarchical = sequential(
    [layers.timeDistributed(pixels), layers.gru({ units: 5 }), layers.dense({ units: 2, activation: 'softmax' })],
    plain,
  );
  hierarchical.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const before = (await hierarchical.evaluate(images())).loss;
  await hierarchical.fit(images(), { epochs: 20, batchSize: 2 });
  t.true((await hierarchical.evaluate(images())).loss < before);
  await hierarchical.save(folder);
  const loaded = await loadModel(folder);
  t.deepEqual(bytesOf(await loaded.predict(images())), bytesOf(await hierarchical.predict(images())));
  pixels.trainable = false;
  const inside = async () =>
    Object.entries(await hierarchical.getWeights()).filter(([name]) => name.startsWith('timeDistributed_1.'));
  const frozen = await inside();
  await hierarchical.fit(images(), { epochs: 1 });
  t.deepEqual(await inside(), frozen);
});

test('feature maps become sequences by rows and by columns', async (t) => {
  const [height, width, channels] = [2, 3, 2];
  const data = Float32Array.from({ length: height * width * channels }, (_, i) => i);
  const given = async (axis: 'rows' | 'columns'): Promise<{ shape: readonly number[]; values: number[] }> => {
    const x = input({ shape: [height, width, channels], normalization: 'none' });
    const outputs = layers.toSequence({ axis }).apply(x);
    return { shape: outputs.shape, values: [...(await model({ inputs: x, outputs }, options).predict(data))] };
  };
  t.deepEqual(await given('rows'), { shape: [2, 6], values: [...data] });
  t.deepEqual(await given('columns'), { shape: [3, 4], values: [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11] });
});

test('feature maps of each step become sequences, too', async (t) => {
  const nested = (layer: () => layers.Layer) => (x: LayerTensor) =>
    layers.timeDistributed(layers.timeDistributed(layer())).apply(x);
  const x = input({ shape: [S, T, F], normalization: 'none' });
  const outputs = nested(() => layers.dense({ units: 3 }))(x);
  t.deepEqual(outputs.shape, [S, T, 3]);
  const weights = await model({ inputs: x, outputs }, options).getWeights();
  t.deepEqual(Object.keys(weights), ['timeDistributed_1.weight', 'timeDistributed_1.bias']);
});

test('what cannot be distributed is refused', async (t) => {
  const build = (layer: () => layers.Layer, inputShape: readonly number[]) => sequential([layer()], { inputShape });
  const gru = () => layers.timeDistributed(layers.gru({ units: 2 }));
  await refuses(t, [
    [
      'a vector',
      () => build(gru, [3]),
      'ERR_SHAPE',
      /timeDistributed_1 expects \[batch, steps, \.\.\.\], got \[batch, 3\]/,
    ],
    [
      'steps of features',
      () => build(gru, [5, 3]),
      'ERR_SHAPE',
      /timeDistributed_1 expects \[batch, steps, features\]/,
    ],
    ['no layer', () => layers.timeDistributed({ units: 2 } as never), 'ERR_TYPE', /takes a layer/],
    [
      'toSequence of steps',
      () => build(() => layers.toSequence(), [5, 3]),
      'ERR_SHAPE',
      /expects \[batch, height, width/,
    ],
    [
      'axis',
      () => layers.toSequence({ axis: 'diagonal' as never }),
      'ERR_VALUE',
      /axis must be one of 'rows', 'columns'/,
    ],
    [
      'a stream',
      () => sequential([gru(), layers.gru({ units: 2 })], { inputShape: [S, T, F] }).stream(),
      'ERR_UNSUPPORTED',
      /takes whole images/,
    ],
  ]);
});
