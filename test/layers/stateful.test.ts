import { join } from 'node:path';
import test from 'ava';
import { type Dataset, datasets, input, layers, loadModel, model, sequential } from '../../lib/index.js';
import { bytesOf, noise, refuses, scratch, weightHash } from '../support/training_models.js';

// Sequences of 6 steps in batches of 2 rows; a batch holds 3 steps of both.
const [whole, part, features, batchSize] = [6, 3, 2, 2];
const options = { seed: 7, device: 'cpu' } as const;

/** Rows 0 and 1 are the first halves of two sequences, rows 2 and 3 their second halves. */
function halves(): { readonly sequences: Float32Array; readonly parts: Float32Array } {
  const sequences = noise(batchSize * whole * features, 3);
  const parts = new Float32Array(sequences.length);
  for (let row = 0; row < batchSize; row++) {
    for (let half = 0; half < 2; half++) {
      const from = (row * whole + half * part) * features;
      parts.set(sequences.subarray(from, from + part * features), (half * batchSize + row) * part * features);
    }
  }
  return { sequences, parts };
}

type Make = (o: layers.RecurrentOptions) => layers.Layer;
const kinds: Readonly<Record<string, Make>> = {
  gru: layers.gru,
  lstm: layers.lstm,
  cifgLstm: layers.cifgLstm,
  leakyCifg: layers.leakyCifg,
  rnn: layers.rnn,
};
const stack = { units: 4, numLayers: 2, dropout: 0.5 };

for (const [kind, make] of Object.entries(kinds)) {
  test(`a stateful ${kind} goes on where the batch before ended, until it is reset`, async (t) => {
    const { sequences, parts } = halves();
    const long = sequential([make(stack)], { inputShape: [whole, features], ...options });
    const kept = sequential([make({ ...stack, stateful: true })], {
      inputShape: [part, features],
      batchSize,
      ...options,
    });
    await kept.setWeights(await long.getWeights()); // states are no weights
    t.is(kept.parameterCount, long.parameterCount);
    const first = await kept.predict(parts);
    const wanted = await long.predict(sequences);
    t.deepEqual(bytesOf(first.slice(first.length / 2)), bytesOf(wanted));
    t.notDeepEqual(await kept.predict(parts), first, 'the third batch goes on from the second');
    await kept.resetStates();
    t.deepEqual(await kept.predict(parts), first);
    await kept.resetStates();
    const [one, two] = [parts.slice(0, parts.length / 2), parts.slice(parts.length / 2)];
    t.deepEqual(Float32Array.of(...(await kept.predict(one)), ...(await kept.predict(two))), first, 'call by call');
  });
}

function training(rows: number): Dataset {
  const labels = Int32Array.from({ length: rows }, (_, i) => i % 3);
  return datasets.fromArrays({ inputs: noise(rows * part * features), labels, shape: [part, features], classes: 3 });
}

function classifier() {
  const made = sequential(
    [layers.gru({ ...stack, stateful: true }), layers.dense({ units: 3, activation: 'softmax' })],
    {
      inputShape: [part, features],
      batchSize,
      ...options,
    },
  );
  made.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  return made;
}

test('a fit keeps the order of rows, and begins each epoch and each validation with zero states', async (t) => {
  const data = training(6);
  const [fitted, byHand] = [classifier(), classifier()];
  const { epochs } = await fitted.fit(data, { epochs: 2, validationData: data });
  for (let epoch = 0; epoch < 2; epoch++) {
    await byHand.resetStates();
    for (let first = 0; first < 6; first += batchSize) {
      await byHand.trainOnBatch(data.subset({ start: first, end: first + batchSize }));
    }
    await byHand.resetStates();
    t.is<number | undefined, number | undefined>((await byHand.evaluate(data)).loss, epochs[epoch]?.valLoss);
  }
  t.is(await weightHash(fitted), await weightHash(byHand));
});

test('a stateful model is saved and loaded without its states, and summed up', async (t) => {
  const folder = join(await scratch(t), 'model');
  const made = classifier();
  await made.fit(training(6));
  await made.save(folder);
  const loaded = await loadModel(folder);
  t.is(loaded.batchSize, batchSize);
  t.true(loaded.stateful);
  await made.resetStates();
  t.deepEqual(await loaded.predict(training(4)), await made.predict(training(4)));
  t.is(String(await loaded.summary()), String(await made.summary()));
  const stream = await made.stream();
  t.is(stream.step(noise(features)).length, 3);
});

test('what a stateful model cannot do is refused', async (t) => {
  const made = classifier();
  const build = (layer: layers.Layer, more = {}) => sequential([layer], { inputShape: [part, features], ...more });
  const gru = layers.gru({ units: 2, stateful: true, returnSequences: true });
  const x = input({ shape: [part, features], batchSize });
  const state = layers.dense({ units: 2 }).apply(layers.gru({ units: 2 }).apply(x));
  await refuses(t, [
    ['no batch size', () => build(gru), 'ERR_VALUE', /gru_1 is stateful: the model needs a batchSize/],
    ['batch size', () => build(gru, { batchSize: 0 }), 'ERR_VALUE', /batchSize must be an integer from 1/],
    ['half a batch', () => made.predict(noise(part * features)), 'ERR_SHAPE', /batchSize of 2, .* multiple .* got 1/],
    ['5 rows', () => made.fit(training(5)), 'ERR_SHAPE', /multiple of as many rows, got 5/],
    ['a batch of 4', () => made.trainOnBatch(training(4)), 'ERR_SHAPE', /batches of 2 rows, got 4/],
    ['another batch size', () => made.fit(training(6), { batchSize: 3 }), 'ERR_VALUE', /batchSize of 2, got 3/],
    ['shuffle', () => made.fit(training(6), { shuffle: true }), 'ERR_VALUE', /cannot shuffle/],
    ['twice', () => model({ inputs: x, outputs: gru.apply(gru.apply(x)) }), 'ERR_GRAPH', /cannot be used twice/],
    [
      'a first state',
      () => layers.gru({ units: 2, stateful: true }).apply(x, { initialState: state }),
      'ERR_GRAPH',
      /takes no others/,
    ],
  ]);
});
