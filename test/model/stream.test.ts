import test from 'ava';
import { image, layers, type Network, sequential } from '../../lib/index.js';
import { bytesOf, classifier, largestDifference, noise, refuses, waves } from '../support/training_models.js';

/** The output that `predict` gives for the first `steps` steps of a row. */
async function prefix(model: Network, row: Float32Array, steps: number): Promise<Float32Array> {
  const features = model.inputShape[1] as number;
  const short = sequential(
    model.layers.map(({ layer }) => layer),
    { inputShape: [steps, features] },
  );
  await short.setWeights(await model.getWeights());
  const out = await short.predict(row.slice(0, steps * features));
  short.dispose();
  return out;
}

const stacks = {
  'a stack with dropout': () => classifier({ dropout: 0.4 }),
  'sequences through dense layers': () =>
    sequential(
      [
        layers.dense({ units: 5, activation: 'relu' }),
        layers.gru({ units: 7, returnSequences: true }),
        layers.dropout({ rate: 0.5 }),
        layers.dense({ units: 4, activation: 'tanh' }),
        layers.gru({ units: 6, numLayers: 2 }),
        layers.dense({ units: 3 }),
        layers.softmax(),
      ],
      { inputShape: [6, 3], seed: 2 },
    ),
};

for (const [name, build] of Object.entries(stacks)) {
  test(`${name}: each step gives what predict gives for the sequence so far`, async (t) => {
    const model = build();
    const stream = await model.stream();
    t.deepEqual([stream.features, stream.outputLength], [3, 3]);
    const row = waves(1).input(0) as Float32Array;
    for (let step = 0; step < 6; step++) {
      const out = stream.step(row.slice(step * 3, step * 3 + 3));
      t.true(largestDifference(out, await prefix(model, row, step + 1)) < 1e-5, `step ${step}`);
    }
  });
}

test('images: the last step gives what predict gives for the image, normalised', async (t) => {
  for (const scheme of ['rows', 'columns'] as const) {
    const model = sequential(
      [image.toSequence({ scheme, normalization: { mean: [0.5, 0.2], std: [0.3, 0.1] } }), layers.gru({ units: 5 })],
      { inputShape: [4, 3, 2] },
    );
    const x = noise(24);
    const expected = await model.predict(x);
    const stream = await model.stream();
    const steps = scheme === 'rows' ? 4 : 3;
    let out = new Float32Array(0);
    for (let s = 0; s < steps; s++) {
      const step = Float32Array.from({ length: 24 / steps }, (_, i) => {
        const [along, channel] = [i >> 1, i & 1];
        const pixel = scheme === 'rows' ? s * 3 + along : along * 3 + s;
        return x[pixel * 2 + channel] as number;
      });
      out = Float32Array.from(stream.step(step));
    }
    t.true(largestDifference(out, expected) < 1e-5, scheme);
  }
});

const rows = [noise(3, 1), noise(3, 2), noise(3, 3)] as const;

test('reset begins a new sequence', async (t) => {
  const stream = await classifier().stream();
  const first = stream.step(rows[0]);
  const second = stream.step(rows[0]);
  t.notDeepEqual(second, first);
  stream.reset();
  t.true(stream.getState().every((value) => value === 0));
  t.deepEqual(stream.step(rows[0]), first);
});

test('a state can be kept, and gone on from in another stream', async (t) => {
  const model = classifier();
  const [a, b] = [await model.stream(), await model.stream()];
  t.is(a.stateLength, 16);
  a.step(rows[0]);
  const state = a.getState();
  const next = a.step(rows[1]);
  b.setState(state);
  t.deepEqual(b.getState(), state);
  t.deepEqual(b.step(rows[1]), next);
  const copy = Float32Array.from(state);
  b.step(rows[2]);
  t.deepEqual(state, copy, 'a state is a copy');
});

test('many streams of one model do not disturb one another', async (t) => {
  const model = classifier();
  const alone = await Promise.all(
    rows.map(async (row) => {
      const stream = await model.stream();
      return [0, 1, 2].map(() => bytesOf(stream.step(row)));
    }),
  );
  const streams = await Promise.all(rows.map(() => model.stream()));
  const mixed = rows.map((): Buffer[] => []);
  for (let step = 0; step < 3; step++) {
    streams.forEach((stream, i) => void mixed[i]?.push(bytesOf(stream.step(rows[i] as Float32Array))));
  }
  t.deepEqual(mixed, alone);
});

test('a stream keeps the weights of its opening', async (t) => {
  const model = classifier();
  const before = await model.stream();
  const expected = before.step(rows[0]);
  before.reset();
  await model.fit(waves(60), { epochs: 2 });
  t.deepEqual(before.step(rows[0]), expected);
  const after = await model.stream();
  t.notDeepEqual(after.step(rows[0]), expected);
  await model.setWeights(await classifier().getWeights());
  t.deepEqual((await model.stream()).step(rows[0]), expected);
});

test('a stream runs beside a fit', async (t) => {
  const model = classifier();
  const stream = await model.stream();
  const fit = model.fit(waves(300), { epochs: 3, batchSize: 4 });
  for (let i = 0; i < 100; i++) stream.step(rows[0]);
  await t.notThrowsAsync(fit);
});

test('a result can be written into an array that is given', async (t) => {
  const stream = await classifier().stream();
  const out = new Float32Array(3);
  t.is(stream.step(rows[0], out), out);
  stream.reset();
  t.deepEqual(stream.step(rows[0]), out);
});

test('a stream outlives its model, until it is disposed of itself', async (t) => {
  const model = classifier();
  const stream = await model.stream();
  const out = stream.step(rows[0]);
  model.dispose();
  stream.reset();
  t.deepEqual(stream.step(rows[0]), out);
  stream.dispose();
  stream.dispose();
  const message = /this stream was disposed/;
  await refuses(t, [
    ['step', () => stream.step(rows[0]), 'ERR_DISPOSED', message],
    ['reset', () => stream.reset(), 'ERR_DISPOSED', message],
    ['getState', () => stream.getState(), 'ERR_DISPOSED', message],
    ['setState', () => stream.setState(new Float32Array(16)), 'ERR_DISPOSED', message],
    ['another', () => model.stream(), 'ERR_DISPOSED', /this model was disposed/],
  ]);
});

test('what is no step is refused, and the state stays as it was', async (t) => {
  const stream = await classifier().stream();
  stream.step(rows[0]);
  const state = stream.getState();
  const detached = new Float32Array(3);
  structuredClone(detached, { transfer: [detached.buffer] });
  await refuses(t, [
    ['short', () => stream.step(new Float32Array(2)), 'ERR_SHAPE', /a step takes 3 features, got 2/],
    ['long', () => stream.step(new Float32Array(4)), 'ERR_SHAPE', /a step takes 3 features, got 4/],
    ['Float64Array', () => stream.step(new Float64Array(3) as never), 'ERR_TYPE', /x must be a Float32Array/],
    ['array', () => stream.step([1, 2, 3] as never), 'ERR_TYPE', /x must be a typed array/],
    ['nothing', () => stream.step(undefined as never), 'ERR_TYPE', /x must be a typed array/],
    ['bytes', () => stream.step(new Uint8Array(3) as never), 'ERR_TYPE', /x must be a Float32Array/],
    ['detached', () => stream.step(detached), 'ERR_DETACHED_BUFFER', /./],
    ['short out', () => stream.step(rows[0], new Float32Array(2)), 'ERR_SHAPE', /a step gives 3 numbers, y has 2/],
    ['state', () => stream.setState(new Float32Array(15)), 'ERR_SHAPE', /16/],
    ['state type', () => stream.setState([0] as never), 'ERR_TYPE', /^state must be a Float32Array/],
  ]);
  t.deepEqual(stream.getState(), state);
});

test('layers that read in both directions cannot stream', async (t) => {
  const model = classifier({ bidirectional: true });
  await refuses(t, [
    [
      'once',
      () => model.stream(),
      'ERR_UNSUPPORTED',
      /gru_1 is bidirectional: it needs the whole sequence, and cannot stream/,
    ],
    ['twice', () => model.stream(), 'ERR_UNSUPPORTED', /gru_1 is bidirectional/],
  ]);
  t.is((await model.predict(waves(1))).length, 3, 'the model is none the worse');
});
