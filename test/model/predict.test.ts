import test from 'ava';
import { datasets, image, layers, type Network, sequential } from '../../lib/index.js';
import {
  bytesOf,
  classifier,
  largestDifference,
  noise,
  random,
  refuses,
  shape,
  waves,
} from '../support/training_models.js';

function imageModel(normalization: image.Normalization = { mean: [0.4], std: [0.3] }): Network {
  return sequential(
    [
      image.toSequence({ scheme: 'rows', normalization }),
      layers.gru({ units: 37, bidirectional: true, numLayers: 2, returnSequences: true }),
      layers.gru({ units: 5 }),
      layers.dense({ units: 11, activation: 'relu' }),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    { inputShape: [7, 13, 1], seed: 3, device: 'cpu' },
  );
}

function pixels(rows: number): Uint8Array {
  const next = random(4);
  return Uint8Array.from({ length: rows * 7 * 13 }, () => Math.floor(256 * next()));
}

test('arrays give the same bytes as a dataset of them', async (t) => {
  const model = imageModel();
  const bytes = pixels(9);
  const floats = Float32Array.from(bytes, (value) => value / 255);
  for (const x of [bytes, floats]) {
    const dataset = datasets.fromArrays({ inputs: x, shape: [7, 13, 1] });
    t.deepEqual(bytesOf(await model.predict(x)), bytesOf(await model.predict(dataset)));
  }
  const difference = largestDifference(await model.predict(bytes), await model.predict(floats));
  t.true(difference < 1e-6, 'bytes are pixels from 0 to 1, times 255');
});

test('labels do not matter', async (t) => {
  const model = classifier();
  t.deepEqual(await model.predict(waves(7)), await model.predict(waves(7, { labels: 'none' })));
});

test('any batch size gives the same bytes', async (t) => {
  const model = imageModel();
  const x = pixels(70);
  const whole = bytesOf(await model.predict(x));
  for (const batchSize of [1, 2, 3, 5, 8, 16, 33, 64, 70, 100]) {
    t.deepEqual(bytesOf(await model.predict(x, { batchSize })), whole, `batchSize ${batchSize}`);
  }
});

test('a row gives the same bytes alone and among others', async (t) => {
  const model = imageModel();
  const x = pixels(20);
  const all = await model.predict(x);
  for (const row of [0, 7, 19]) {
    const alone = await model.predict(x.subarray(row * 91, (row + 1) * 91));
    t.deepEqual(alone, all.slice(row * 3, row * 3 + 3));
  }
});

test('more rows than one upload holds', async (t) => {
  const model = sequential([layers.dense({ units: 2 })], { inputShape: [3], seed: 1 });
  const x = noise(3 * 10_000);
  const out = await model.predict(x);
  t.is(out.length, 20_000);
  t.deepEqual(await model.predict(x.subarray(3 * 9_999)), out.slice(19_998));
});

test('views of a dataset pick their rows', async (t) => {
  const model = classifier();
  const data = waves(12);
  const all = await model.predict(data);
  const some = await model.predict(data.subset([11, 3, 3]));
  const expected = [11, 3, 3].flatMap((row) => [...all.subarray(row * 3, row * 3 + 3)]);
  t.deepEqual([...some], expected);
});

test('lengths of a dataset are looked at', async (t) => {
  const model = classifier({ bidirectional: true });
  const short = waves(2, { lengths: [3, 6] });
  const cut = sequential(
    model.layers.map(({ layer }) => layer),
    { inputShape: [3, 3] },
  );
  await cut.setWeights(await model.getWeights());
  const first = (short.input(0) as Float32Array).slice(0, 9);
  t.true(largestDifference(await cut.predict(first), (await model.predict(short)).slice(0, 3)) < 1e-6);
});

test('many predictions at once do not disturb one another', async (t) => {
  const model = imageModel();
  const x = pixels(12);
  const expected = await Promise.all(
    [1, 5, 12].map(async (rows) => bytesOf(await imageModel().predict(x.subarray(0, rows * 91)))),
  );
  const found = await Promise.all(
    [1, 5, 12, 1, 5, 12].map(async (rows) => bytesOf(await model.predict(x.subarray(0, rows * 91)))),
  );
  t.deepEqual(found, [...expected, ...expected]);
});

test('a sequence of outputs is [rows, steps, features]', async (t) => {
  const list = [layers.gru({ units: 4, returnSequences: true }), layers.dense({ units: 2, activation: 'sigmoid' })];
  const model = sequential(list, { inputShape: shape, seed: 1 });
  const last = sequential([layers.gru({ units: 4 }), layers.dense({ units: 2, activation: 'sigmoid' })], {
    inputShape: shape,
  });
  await last.setWeights(await model.getWeights());
  const data = waves(3);
  const [all, final] = [await model.predict(data), await last.predict(data)];
  t.is(all.length, 3 * 6 * 2);
  for (let row = 0; row < 3; row++) {
    t.deepEqual(all.slice((row * 6 + 5) * 2, (row + 1) * 12), final.slice(row * 2, row * 2 + 2));
  }
});

test('a normalisation that was given holds from the start', async (t) => {
  const normalised = imageModel({ mean: [0.5], std: [0.25] });
  const plain = imageModel('none');
  const { 'normalization.mean': mean, 'normalization.std': std, ...weights } = await normalised.getWeights();
  await plain.setWeights(weights);
  const x = pixels(4);
  const byHand = Float32Array.from(x, (value) => (value / 255 - 0.5) / 0.25);
  t.true(largestDifference(await normalised.predict(x), await plain.predict(byHand)) < 1e-5);
  t.deepEqual([...(mean?.data ?? []), ...(std?.data ?? [])], [0.5, 0.25]);
});

test('what cannot be predicted is refused', async (t) => {
  const model = classifier();
  const detached = new Float32Array(18);
  structuredClone(detached, { transfer: [detached.buffer] });
  const predict = (x: unknown, options?: unknown) => () => model.predict(x as Float32Array, options as never);
  await refuses(t, [
    [
      'no rows',
      predict(new Float32Array(0)),
      'ERR_SHAPE',
      /x must hold one or more whole rows of \[6, 3\], that is 18 numbers each, got 0/,
    ],
    ['half a row', predict(new Float32Array(27)), 'ERR_SHAPE', /got 27/],
    [
      'Float64Array',
      predict(new Float64Array(18)),
      'ERR_TYPE',
      /x must be a Float32Array, got a Float64Array; convert it with Float32Array\.from/,
    ],
    ['array', predict(Array(18).fill(0)), 'ERR_TYPE', /got an array; convert it/],
    ['nothing', predict(undefined), 'ERR_TYPE', /x must be a Float32Array, got undefined/],
    ['detached', predict(detached), 'ERR_DETACHED_BUFFER', /x has lost its memory/],
    [
      'other rows',
      predict(datasets.fromArrays({ inputs: new Float32Array(18), shape: [3, 6] })),
      'ERR_SHAPE',
      /the model takes rows of \[6, 3\], the dataset has rows of \[3, 6\]/,
    ],
    ['option', predict(waves(1), { batchsize: 3 }), 'ERR_VALUE', /did you mean 'batchSize'/],
    ['batchSize', predict(waves(1), { batchSize: 0 }), 'ERR_VALUE', /^batchSize must be an integer from 1/],
    [
      'signal',
      predict(waves(1), { signal: new AbortController() }),
      'ERR_TYPE',
      /signal must be an AbortSignal \(give controller\.signal\)/,
    ],
  ]);
});

test('a buffer that shrinks while it is being read is refused', async (t) => {
  type Resizable = ArrayBuffer & { resize(bytes: number): void };
  const ResizableBuffer = ArrayBuffer as unknown as new (bytes: number, o: { maxByteLength: number }) => Resizable;
  const model = sequential([layers.dense({ units: 1 })], { inputShape: [2 ** 19] });
  const buffer = new ResizableBuffer(2 ** 21, { maxByteLength: 2 ** 21 });
  const prediction = model.predict(new Float32Array(buffer));
  setImmediate(() => buffer.resize(4));
  await t.throwsAsync(prediction, { code: 'ERR_DETACHED_BUFFER' });
});

test('a prediction can be aborted, before and between chunks', async (t) => {
  const model = classifier({ units: 64 });
  const reason = new Error('no more');
  await t.throwsAsync(model.predict(waves(4), { signal: AbortSignal.abort(reason) }), { is: reason });
  const controller = new AbortController();
  const prediction = model.predict(waves(6000), { batchSize: 1, signal: controller.signal });
  setImmediate(() => controller.abort(reason));
  await t.throwsAsync(prediction, { is: reason });
  t.is((await model.predict(waves(4))).length, 12);
});
