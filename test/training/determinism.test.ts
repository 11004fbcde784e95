import test from 'ava';
import {
  datasets,
  type EpochLogs,
  getNumThreads,
  type History,
  image,
  layers,
  loadModel,
  optimizers,
  type Sequential,
  schedules,
  sequential,
  setNumThreads,
} from '../../lib/index.js';
import { classifier, noise, scratch, trainingState, waves, weightHash } from '../support/training_models.js';

// The number of threads belongs to the process.
const threads = getNumThreads();
test.afterEach.always(() => setNumThreads(threads));

// A mean loss is a sum over chunks, whose sizes depend on the clock: its last digits may differ.
const rounded = (loss: number): string => loss.toPrecision(12);

test('the same seed gives the same bytes', async (t) => {
  const [a, b] = [classifier({ dropout: 0.3 }), classifier({ dropout: 0.3 })];
  const [one, two] = [await a.fit(waves(100), { epochs: 2 }), await b.fit(waves(100), { epochs: 2 })];
  t.deepEqual(await trainingState(a), await trainingState(b));
  const figures = ({ epochs }: History): unknown =>
    epochs.map(({ loss, accuracy, gradientNorm }) => [rounded(loss), accuracy, gradientNorm]);
  t.deepEqual(figures(one), figures(two));
});

test('the seed decides on first weights, order and dropout, each for itself', async (t) => {
  const start = await classifier().getWeights();
  const hash = async (seed: number, options: { dropout: number; shuffle: boolean }): Promise<string> => {
    const model = classifier({ seed, dropout: options.dropout });
    await model.setWeights(start);
    await model.fit(waves(64), { batchSize: 8, shuffle: options.shuffle });
    return weightHash(model);
  };
  t.not(await weightHash(classifier({ seed: 1 })), await weightHash(classifier({ seed: 2 })), 'first weights');
  t.not(await hash(1, { dropout: 0, shuffle: true }), await hash(2, { dropout: 0, shuffle: true }), 'order');
  t.not(await hash(1, { dropout: 0.5, shuffle: false }), await hash(2, { dropout: 0.5, shuffle: false }), 'dropout');
  t.is(await hash(1, { dropout: 0, shuffle: false }), await hash(2, { dropout: 0, shuffle: false }), 'nothing else');
});

test.serial('1, 2 and 7 threads give the same bytes', async (t) => {
  const data = datasets.fromArrays({
    inputs: noise(150 * 9 * 21),
    labels: Array.from({ length: 150 }, (_, i) => i % 5),
    shape: [9, 21],
  });
  const states: unknown[] = [];
  for (const count of [1, 2, 7]) {
    setNumThreads(count);
    const model = sequential(
      [
        layers.gru({ units: 37, numLayers: 2, dropout: 0.2, bidirectional: true, returnSequences: true }),
        layers.gru({ units: 19 }),
        layers.dense({ units: 33, activation: 'relu' }),
        layers.dense({ units: 5, activation: 'softmax' }),
      ],
      { inputShape: [9, 21], seed: 3 },
    );
    model.compile({ optimizer: optimizers.adamw({ clipNorm: 1 }), loss: 'categoricalCrossentropy' });
    const { epochs } = await model.fit(data, { epochs: 2, batchSize: 64 });
    const { confusionMatrix } = await model.evaluate(data);
    const figures = epochs.map((logs) => [rounded(logs.loss), logs.accuracy, logs.gradientNorm]);
    states.push({ ...(await trainingState(model)), figures, confusionMatrix });
  }
  t.deepEqual(states[1], states[0]);
  t.deepEqual(states[2], states[0]);
});

const kinds = {
  sgd: optimizers.sgd({ learningRate: 0.05 }),
  'sgd with momentum': optimizers.sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true }),
  adam: optimizers.adam({ learningRate: 0.01, clipNorm: 0.5 }),
  'adamw with a cosine': optimizers.adamw({ learningRate: schedules.cosine({ learningRate: 0.01, warmupSteps: 3 }) }),
};

for (const [name, optimizer] of Object.entries(kinds)) {
  test(`${name}: saved, loaded and continued is the same as never stopped`, async (t) => {
    const folder = `${await scratch(t)}/model`;
    const data = waves(50);
    const options = { epochs: 4, batchSize: 16 };
    const build = (): Sequential => classifier({ dropout: 0.3, optimizer });
    const whole = build();
    const history = await whole.fit(data, options);

    // Two epochs of four: ended by a callback, since the schedule is that of four.
    const first = build();
    const stop = new AbortController();
    const reason = new Error('half of it');
    const onEpochEnd = ({ epoch }: EpochLogs): void => (epoch === 1 ? stop.abort(reason) : undefined);
    await t.throwsAsync(first.fit(data, { ...options, signal: stop.signal, onEpochEnd }), { is: reason });
    await first.save(folder);
    const loaded = await loadModel(folder, { device: 'cpu' });
    t.is(await weightHash(loaded), await weightHash(first));
    const rest = await loaded.fit(data, { ...options, initialEpoch: 2 });

    t.is(await weightHash(loaded), await weightHash(whole));
    t.is(rounded(rest.epochs[1]?.loss ?? 0), rounded(history.epochs[3]?.loss ?? 1));
    // The optimiser's state as well: one more step from both is the same.
    await whole.trainOnBatch(data);
    await loaded.trainOnBatch(data);
    t.is(await weightHash(loaded), await weightHash(whole));
  });
}

test('a model that is saved before training and loaded trains in the same way', async (t) => {
  const folder = `${await scratch(t)}/model`;
  const model = sequential(
    [image.toSequence(), layers.gru({ units: 4 }), layers.dense({ units: 2, activation: 'softmax' })],
    {
      inputShape: [5, 4, 1],
      seed: 2,
    },
  );
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  await model.save(folder);
  const loaded = await loadModel(folder);
  const data = datasets.fromArrays({ images: noise(160), labels: [0, 1, 1, 0, 1, 0, 0, 1], shape: [5, 4, 1] });
  await model.fit(data);
  await loaded.fit(data);
  t.deepEqual(await trainingState(loaded), await trainingState(model));
  await model.save(folder);
  const again = await loadModel(folder);
  await again.fit(datasets.fromArrays({ images: noise(160, 5), labels: [0, 1, 1, 0, 1, 0, 0, 1], shape: [5, 4, 1] }));
  const mean = async (m: Sequential) => (await m.getWeights())['normalization.mean'];
  t.deepEqual(await mean(again), await mean(model), 'statistics that are saved stay');
});
