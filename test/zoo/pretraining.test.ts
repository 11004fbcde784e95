/** Models that learn from images alone, and the weights that a classifier takes from them. */
import test from 'ava';
import { datasets, image, layers, losses, models, type Sequential, sequential } from '../../lib/index.js';
import { dataOf, noise, refuses, weightHash } from '../support/training_models.js';

const [height, width] = [4, 3];
const small = { inputShape: [height, width, 1], units: 5, device: 'cpu', seed: 2 } as const;
const rows = 6;
const images = () => datasets.fromArrays({ inputs: noise(rows * height * width, 7), shape: [height, width, 1] });

/** Rows as they are: no normalisation, so that what the model reads is the data. */
const plain = { scheme: 'rows', normalization: 'none' } as const;

// Mean over rows of the mean squared difference, `shift` steps apart.
function meanSquare(output: Float32Array, read: Float32Array, shift: number): number {
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < (height - shift) * width; i++) {
      const at = row * height * width + i;
      sum += ((output[at] as number) - (read[at + shift * width] as number)) ** 2;
    }
  }
  return sum / (rows * (height - shift) * width);
}

const learners = [
  ['gruAutoencoder with reconstruction', models.gruAutoencoder, losses.reconstruction(), 0],
  ['gruNextStep with nextStep', models.gruNextStep, losses.nextStep(), 1],
] as const;

for (const [name, build, loss, shift] of learners) {
  test(`${name}: the loss is the mean squared difference to what was read`, async (t) => {
    const model = build({ ...small, toSequence: plain });
    model.compile({ optimizer: 'adam', loss });
    const data = images();
    const wanted = meanSquare(await model.predict(data), noise(rows * height * width, 7), shift);
    t.true(Math.abs((await model.evaluate(data)).loss - wanted) < 1e-6 * (1 + wanted));
    const { epochs } = await model.fit(data, { epochs: 60, batchSize: 6 });
    t.true((epochs.at(-1)?.loss ?? 1) < 0.9 * (epochs[0]?.loss ?? 0), 'and it falls without labels');
    model.dispose();
  });
}

test('their sizes: the reading layers, a decoder of the same units, and a dense layer as wide as a step', (t) => {
  const gru = (D: number, H: number): number => 3 * (D * H + H ** 2 + 2 * H);
  const autoencoder = models.gruAutoencoder(small);
  t.is(autoencoder.parameterCount, gru(3, 5) + gru(5, 5) + gru(5, 5) + 6 * 3);
  const next = models.gruNextStep({ ...small, numLayers: 1, toSequence: { scheme: 'rows', coordinates: true } });
  t.is(next.parameterCount, gru(5, 5) + 6 * 5, 'with coordinates a step is two numbers wider');
  t.deepEqual(
    [autoencoder.outputShape, next.outputShape],
    [
      [4, 3],
      [4, 5],
    ],
  );
  for (const model of [autoencoder, next]) model.dispose();
});

const classifier = (units = 5): Sequential => models.gruRows({ ...small, units, classes: 2 });

test('a classifier takes the reading layers and the normalisation, and keeps its own head', async (t) => {
  const pretrained = models.gruAutoencoder({ ...small, seed: 9 });
  pretrained.compile({ optimizer: 'adam', loss: losses.reconstruction() });
  await pretrained.fit(images(), { epochs: 1, batchSize: 3 });
  const mine = classifier();
  const [before, source] = [await mine.getWeights(), await weightHash(pretrained)];
  t.deepEqual((await mine.takeWeights(pretrained)).sort(), ['gru_1', 'gru_2', 'normalization']);
  const [after, given] = [await mine.getWeights(), await pretrained.getWeights()];
  for (const name of ['gru_1.weight_ih_l0', 'gru_2.bias_hh_l0', 'normalization.mean', 'normalization.std']) {
    t.deepEqual(dataOf(after, name), dataOf(given, name), name);
  }
  t.deepEqual(dataOf(after, 'dense_1.weight'), dataOf(before, 'dense_1.weight'));
  t.is(await weightHash(pretrained), source, 'the other model stays as it is');
  for (const model of [mine, pretrained]) model.dispose();
});

test('named layers alone are taken', async (t) => {
  const [mine, other] = [classifier(), models.gruNextStep({ ...small, seed: 9 })];
  const before = await mine.getWeights();
  t.deepEqual(await mine.takeWeights(other, { layers: ['gru_2'] }), ['gru_2']);
  const after = await mine.getWeights();
  t.deepEqual(dataOf(after, 'gru_1.weight_ih_l0'), dataOf(before, 'gru_1.weight_ih_l0'));
  t.notDeepEqual(dataOf(after, 'gru_2.weight_ih_l0'), dataOf(before, 'gru_2.weight_ih_l0'));
  for (const model of [mine, other]) model.dispose();
});

test('what does not fit is refused, and nothing changes', async (t) => {
  const [mine, other, wide] = [classifier(), models.gruAutoencoder({ ...small, seed: 9 }), classifier(6)];
  const stranger = sequential([image.toSequence(), layers.gru({ units: 5, name: 'reader' })], {
    inputShape: [height, width, 1],
    device: 'cpu',
  });
  const before = await weightHash(mine);
  await refuses(t, [
    [
      'shapes',
      () => mine.takeWeights(wide, { layers: ['gru_1'] }),
      'ERR_SHAPE',
      /'gru_1' cannot take weights: .*\[18, 3\] there/,
    ],
    [
      'one of two',
      () => mine.takeWeights(other, { layers: ['gru_1', 'dense_1'] }),
      'ERR_SHAPE',
      /has no dense_1\.weight/,
    ],
    [
      'unknown',
      () => mine.takeWeights(other, { layers: ['gru_9'] }),
      'ERR_VALUE',
      /no layer 'gru_9' with weights; known/,
    ],
    ['nothing', () => mine.takeWeights(stranger), 'ERR_VALUE', /no layer has the same name and shapes in both/],
    ['no model', () => mine.takeWeights({} as never), 'ERR_TYPE', /from must be a model/],
    [
      'no list',
      () => mine.takeWeights(other, { layers: 'gru_1' as never }),
      'ERR_TYPE',
      /layers must be a list of names/,
    ],
    ['option', () => mine.takeWeights(other, { names: [] } as never), 'ERR_VALUE', /'names'/],
  ]);
  t.is(await weightHash(mine), before);
  for (const model of [mine, other, wide, stranger]) model.dispose();
});

test('a model that trains takes no weights', async (t) => {
  const [mine, other] = [classifier(), models.gruAutoencoder(small)];
  mine.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const inputs = noise(rows * height * width, 7);
  const labels = Int32Array.from({ length: rows }, (_, i) => i % 2);
  const data = datasets.fromArrays({ inputs, labels, shape: [height, width, 1], classes: 2 });
  let attempts = 0;
  await mine.fit(data, {
    epochs: 1,
    batchSize: 6,
    onEpochEnd: async () => {
      attempts++;
      await t.throwsAsync(mine.takeWeights(other), { code: 'ERR_BUSY' });
    },
  });
  t.is(attempts, 1);
  for (const model of [mine, other]) model.dispose();
});

test('options that are none are refused', async (t) => {
  await refuses(t, [
    ['classes', () => models.gruAutoencoder({ ...small, bidirectional: true } as never), 'ERR_VALUE', /bidirectional/],
    ['cell', () => models.gruNextStep({ ...small, cell: 'none' as never }), 'ERR_VALUE', /cell must be one of 'gru'/],
    ['no classes', () => models.gruNextStep({ ...small, classes: 3 } as never), 'ERR_VALUE', /'classes'/],
    ['no size', () => models.gruAutoencoder({} as never), 'ERR_SHAPE', /inputShape must be \[height/],
    ['layers', () => models.gruNextStep({ ...small, numLayers: 65 }), 'ERR_VALUE', /numLayers must be an integer/],
  ]);
});
