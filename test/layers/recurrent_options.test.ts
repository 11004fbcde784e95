import { join } from 'node:path';
import test from 'ava';
import { type Dataset, datasets, input, layers, loadModel, model, sequential } from '../../lib/index.js';
import { encoderDecoder, head, modelOf } from '../support/topology_layers.js';
import { bytesOf, noise, refuses, scratch, shape, waves, weightHash } from '../support/training_models.js';

const [steps, features] = shape;
const lengths = [6, 1, 3, 5];
const options = { seed: 6, device: 'cpu' } as const;

/** Four rows with lengths, and the same with the valid steps of each row in reverse. */
function forthAndBack(given: readonly number[] | undefined): [Dataset, Dataset] {
  const forth = noise(4 * steps * features, 8);
  const back = new Float32Array(forth.length);
  for (let row = 0; row < 4; row++) {
    const valid = given?.[row] ?? steps;
    for (let step = 0; step < valid; step++) {
      const from = (row * steps + valid - 1 - step) * features;
      back.set(forth.subarray(from, from + features), (row * steps + step) * features);
    }
  }
  const dataset = (inputs: Float32Array): Dataset =>
    datasets.fromArrays({ inputs, shape, ...(given === undefined ? {} : { lengths: given }) });
  return [dataset(forth), dataset(back)];
}

const kinds = {
  gru: { make: layers.gru, states: 1 },
  lstm: { make: layers.lstm, states: 2 },
  cifgLstm: { make: layers.cifgLstm, states: 2 },
  leakyCifg: { make: layers.leakyCifg, states: 2 },
  rnn: { make: layers.rnn, states: 1 },
} as const;
type Make = (o: layers.RecurrentOptions & layers.ReturningState) => layers.RecurrentLayer<layers.SeveralTensors>;
type MakePlain = (o: layers.RecurrentOptions) => layers.RecurrentLayer;

for (const [kind, { make, states }] of Object.entries(kinds)) {
  for (const given of [undefined, lengths]) {
    const when = given === undefined ? '' : ', with lengths';
    test(`${kind}: goBackwards is the reversed sequence${when}`, async (t) => {
      const [forth, back] = forthAndBack(given);
      for (const returnSequences of [false, true]) {
        const stack = { units: 3, numLayers: 2, bidirectional: true, returnSequences };
        const forward = sequential([(make as MakePlain)(stack)], { inputShape: shape, ...options });
        const backward = sequential([(make as MakePlain)({ ...stack, goBackwards: true })], {
          inputShape: shape,
          ...options,
        });
        t.deepEqual(bytesOf(await backward.predict(forth)), bytesOf(await forward.predict(back)));
      }
    });
  }

  test(`${kind}: returnState gives one state, or two, for each layer and direction`, async (t) => {
    const x = input({ shape });
    const given = (make as Make)({ units: 3, numLayers: 2, bidirectional: true, dropout: 0.5, returnState: true });
    const outputs = given.apply(x);
    t.is(outputs.length, 1 + 4 * states);
    for (const { shape: one } of outputs.slice(1)) t.deepEqual(one, [3]);
    const [last, ...all] = await model({ inputs: x, outputs }, options).predict(forthAndBack(lengths)[0]);
    // The output is the last layer's forward and reverse h, one after the other.
    const [forward, reverse] = [all[2 * states], all[3 * states]];
    for (let row = 0; row < 4; row++) {
      t.deepEqual(last?.slice(row * 6, row * 6 + 3), forward?.slice(row * 3, row * 3 + 3));
      t.deepEqual(last?.slice(row * 6 + 3, row * 6 + 6), reverse?.slice(row * 3, row * 3 + 3));
    }
  });
}

test('a sequence in two parts is the whole, when the second begins with the states of the first', async (t) => {
  for (const [kind, { make }] of Object.entries(kinds)) {
    const layer = (make as Make)({ units: 4, numLayers: 2, returnState: true });
    const x = input({ shape: [3, 2] });
    const [, ...states] = layer.apply(x);
    const [last] = layer.apply(x, { initialState: states });
    const twice = model({ inputs: x, outputs: last }, options);
    const once = sequential([(make as MakePlain)({ units: 4, numLayers: 2 })], { inputShape: [6, 2], ...options });
    t.is(await weightHash(twice), await weightHash(once), kind);
    const half = noise(6);
    t.deepEqual(await twice.predict(half), await once.predict(Float32Array.of(...half, ...half)), kind);
  }
});

test('merge modes join what mergeMode none gives apart', async (t) => {
  const [data] = forthAndBack(lengths);
  for (const returnSequences of [false, true]) {
    const stack = { units: 3, bidirectional: true, returnSequences } as const;
    const x = input({ shape });
    const [forward, reverse] = await model(
      { inputs: x, outputs: layers.gru({ ...stack, mergeMode: 'none' }).apply(x) },
      options,
    ).predict(data);
    if (forward === undefined || reverse === undefined) return t.fail();
    const by = (mergeMode: layers.MergeMode): Promise<Float32Array> =>
      sequential([layers.gru({ ...stack, mergeMode })], { inputShape: shape, ...options }).predict(data);
    t.deepEqual(
      await by('sum'),
      forward.map((a, i) => a + (reverse[i] as number)),
    );
    t.deepEqual(
      await by('mul'),
      forward.map((a, i) => a * (reverse[i] as number)),
    );
    t.deepEqual(
      await by('ave'),
      forward.map((a, i) => Math.fround(a + (reverse[i] as number)) * 0.5),
    );
    const both = await by('concat');
    t.deepEqual(both.slice(0, 3), forward.slice(0, 3));
    t.deepEqual(both.slice(3, 6), reverse.slice(0, 3));
  }
  return undefined;
});

test('an encoder and a decoder are trained, saved and loaded with all their options', async (t) => {
  const folder = join(await scratch(t), 'model');
  for (const make of [layers.gru, layers.lstm] as readonly Make[]) {
    const seq2seq = encoderDecoder(make, {
      units: 4,
      numLayers: 2,
      bidirectional: true,
      mergeMode: 'ave',
      dropout: 0.2,
    });
    seq2seq.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
    const before = (await seq2seq.evaluate(waves(30))).loss;
    await seq2seq.fit(waves(30), { epochs: 12, batchSize: 10 });
    t.true((await seq2seq.evaluate(waves(30))).loss < before);
    await seq2seq.save(folder);
    const loaded = await loadModel(folder);
    t.deepEqual(bytesOf(await loaded.predict(waves(5))), bytesOf(await seq2seq.predict(waves(5))));
    t.is(String(await loaded.summary()), String(await seq2seq.summary()));
    for (const one of [seq2seq, loaded]) await one.fit(waves(30), { epochs: 14, initialEpoch: 12, batchSize: 10 });
    t.is(await weightHash(loaded), await weightHash(seq2seq));
  }
});

test('a model with several outputs is saved and loaded as one', async (t) => {
  const folder = join(await scratch(t), 'model');
  const x = input({ shape });
  const outputs = layers.lstm({ units: 3, bidirectional: true, mergeMode: 'none', goBackwards: true }).apply(x);
  const saved = model({ inputs: x, outputs }, options);
  await saved.save(folder);
  const loaded = await loadModel<Float32Array[]>(folder);
  t.deepEqual(await loaded.predict(waves(4)), await saved.predict(waves(4)));
});

test('recurrent options that do not go together are refused', async (t) => {
  const x = input({ shape });
  const state = layers.dense({ units: 3 }).apply(layers.gru({ units: 2 }).apply(x));
  const gru = layers.gru({ units: 3 });
  const streaming = (layer: layers.Layer) => sequential([layer], { inputShape: shape, ...options }).stream();
  await refuses(t, [
    [
      'mergeMode in one direction',
      () => layers.gru({ units: 2, mergeMode: 'sum' }),
      'ERR_VALUE',
      /^mergeMode 'sum' is for bidirectional layers/,
    ],
    [
      'mergeMode',
      () => layers.gru({ units: 2, bidirectional: true, mergeMode: 'max' as never }),
      'ERR_VALUE',
      /mergeMode must be one of 'concat'/,
    ],
    ['goBackwards', () => layers.gru({ units: 2, goBackwards: 1 as never }), 'ERR_TYPE', /^goBackwards must be a bool/],
    [
      'width of a state',
      () => layers.gru({ units: 4 }).apply(x, { initialState: state }),
      'ERR_SHAPE',
      /\[batch, 4\], got \[batch, 3\]/,
    ],
    ['a sequence as state', () => gru.apply(x, { initialState: x }), 'ERR_SHAPE', /expects states \[batch, 3\], got/],
    [
      'one state of two',
      () => layers.lstm({ units: 3 }).apply(x, { initialState: state }),
      'ERR_GRAPH',
      /has 2 states, got initial values for 1/,
    ],
    ['too many', () => gru.apply(x, { initialState: [state, state] }), 'ERR_GRAPH', /takes 1 to 2 inputs, got 3/],
    ['option', () => gru.apply(x, { initalState: state } as never), 'ERR_VALUE', /did you mean 'initialState'/],
    [
      'stream backwards',
      () => streaming(layers.gru({ units: 2, goBackwards: true })),
      'ERR_UNSUPPORTED',
      /goes backwards/,
    ],
    [
      'stream from a state',
      () => encoderDecoder(layers.gru).stream(),
      'ERR_UNSUPPORTED',
      /first state from another layer/,
    ],
  ]);
});

test('a residual branch around a recurrent layer keeps lengths', async (t) => {
  const [data] = forthAndBack(lengths);
  const short = datasets.fromArrays({ inputs: data.input(1).slice(0, features), shape: [1, features] });
  const build = (inputShape: readonly number[]) =>
    modelOf((x) => {
      const wide = layers.dense({ units: 4 }).apply(x);
      const around = layers.add().apply([wide, layers.gru({ units: 4, returnSequences: true }).apply(wide)]);
      return head().apply(layers.gru({ units: 3 }).apply(around));
    }, inputShape);
  const [long, single] = [build(shape), build([1, features])];
  t.deepEqual((await long.predict(data)).slice(3, 6), await single.predict(short));
});
