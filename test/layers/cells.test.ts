/** Every recurrent layer: parameters, first weights, options; it learns, is saved and loaded, and streams. */
import { join } from 'node:path';
import test from 'ava';
import { layers, loadModel, optimizers, type Sequential, sequential, setNumThreads } from '../../lib/index.js';
import type { Layer } from '../../lib/layers/index.js';
import {
  classes,
  dataOf,
  dictBytes,
  largestDifference,
  refuses,
  scratch,
  shape,
  waves,
  weightHash,
} from '../support/training_models.js';

interface Options {
  readonly units: number;
  readonly returnSequences?: boolean;
  readonly numLayers?: number;
  readonly bidirectional?: boolean;
  readonly dropout?: number;
}

interface Kind {
  readonly make: (options: Options) => Layer;
  readonly kind: string;
  /** Parameters of one layer with D features and H units. */
  readonly count: (d: number, h: number) => number;
}

const kinds: Readonly<Record<string, Kind>> = {
  gru: { make: layers.gru, kind: 'gru', count: (d, h) => 3 * (d * h + h * h + 2 * h) },
  'gru, reset before': {
    make: (options) => layers.gru({ ...options, resetAfter: false }),
    kind: 'gru',
    count: (d, h) => 3 * (d * h + h * h + h),
  },
  lstm: { make: layers.lstm, kind: 'lstm', count: (d, h) => 4 * (d * h + h * h + 2 * h) },
  cifgLstm: { make: layers.cifgLstm, kind: 'cifgLstm', count: (d, h) => 3 * (d * h + h * h + 2 * h) },
  rnn: { make: layers.rnn, kind: 'rnn', count: (d, h) => d * h + h * h + 2 * h },
  'rnn, relu': {
    make: (options) => layers.rnn({ ...options, activation: 'relu' }),
    kind: 'rnn',
    count: (d, h) => d * h + h * h + 2 * h,
  },
  leakyCifg: { make: layers.leakyCifg, kind: 'leakyCifg', count: (d, h) => 3 * (d * h + h * h + h) },
};

function modelOf({ make }: Kind, options: Partial<Options> = {}, seed = 1): Sequential {
  const model = sequential([make({ units: 12, ...options }), layers.dense({ units: classes, activation: 'softmax' })], {
    inputShape: shape,
    seed,
    device: 'cpu',
  });
  model.compile({
    optimizer: optimizers.adam({ learningRate: 0.02, clipNorm: 1 }),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}

for (const [name, kind] of Object.entries(kinds)) {
  test(`${name}: has the parameters of its formula`, (t) => {
    for (const [d, h] of [
      [28, 128],
      [1, 1],
      [7, 5],
    ] as const) {
      const options = { inputShape: [4, d], device: 'cpu' } as const;
      t.is(sequential([kind.make({ units: h })], options).parameterCount, kind.count(d, h));
      const deep = sequential([kind.make({ units: h, numLayers: 2, bidirectional: true })], options);
      t.is(deep.parameterCount, 2 * kind.count(d, h) + 2 * kind.count(2 * h, h));
    }
  });

  test(`${name}: learns to tell waves apart`, async (t) => {
    const model = modelOf(kind);
    t.is(model.layers[0]?.name, `${kind.kind}_1`);
    await model.fit(waves(90), { epochs: 25, batchSize: 15 });
    const { accuracy } = await model.evaluate(waves(60, { seed: 2 }));
    t.true((accuracy ?? 0) > 0.95, `accuracy ${accuracy}`);
  });

  test(`${name}: is loaded as it was saved, and trains on as if it had not been`, async (t) => {
    const options = { numLayers: 2, dropout: 0.2, bidirectional: true };
    const model = modelOf(kind, options);
    await model.fit(waves(30), { epochs: 2, batchSize: 10 });
    const folder = join(await scratch(t), 'model');
    await model.save(folder);
    const loaded = await loadModel(folder);
    t.deepEqual(loaded.layers[0]?.layer.config, model.layers[0]?.layer.config);
    t.is(await weightHash(loaded), await weightHash(model));
    const data = waves(20, { seed: 3 });
    t.deepEqual(await loaded.predict(data), await model.predict(data));
    for (const one of [model, loaded]) await one.trainOnBatch(waves(10, { seed: 4 }));
    t.is(await weightHash(loaded), await weightHash(model));
  });

  test(`${name}: a stream gives at each step what predict gives for the sequence so far`, async (t) => {
    const layer = kind.make({ units: 9, numLayers: 2, dropout: 0.3 });
    const model = sequential([layer], { inputShape: shape, device: 'cpu' });
    const row = waves(1).input(0) as Float32Array;
    const [steps, features] = shape;
    const stream = await model.stream();
    const first: Float32Array[] = [];
    for (let s = 1; s <= steps; s++) {
      const short = sequential([layer], { inputShape: [s, features], device: 'cpu' });
      await short.setWeights(await model.getWeights());
      const out = stream.step(row.slice((s - 1) * features, s * features));
      t.true(largestDifference(out, await short.predict(row.slice(0, s * features))) < 1e-6, `step ${s}`);
      first.push(out);
      short.dispose();
    }
    const states = name === 'lstm' || name.endsWith('ifgLstm') || name === 'leakyCifg' ? 2 : 1;
    t.is(stream.stateLength, 2 * 9 * states);
    stream.reset();
    stream.step(row.slice(0, features));
    const kept = stream.getState();
    const other = await model.stream();
    other.setState(kept);
    t.deepEqual(other.step(row.slice(features, 2 * features)), first[1]);
  });

  test(`${name}: rows with lengths give what they give without their padding`, async (t) => {
    const [steps, features] = shape;
    const model = sequential([kind.make({ units: 6, bidirectional: true })], { inputShape: shape, device: 'cpu' });
    const data = waves(4, { lengths: [6, 1, 3, 5], labels: 'none' });
    const got = await model.predict(data);
    for (const [row, length] of [6, 1, 3, 5].entries()) {
      const short = sequential([model.layers[0]?.layer as Layer], { inputShape: [length, features], device: 'cpu' });
      await short.setWeights(await model.getWeights());
      const x = (data.input(row) as Float32Array).slice(0, length * features);
      t.true(
        largestDifference(got.slice(row * 12, row * 12 + 12), await short.predict(x)) < 1e-6,
        `${length} of ${steps}`,
      );
      short.dispose();
    }
  });
}

test.serial('training gives the same bytes with 1, 2 and 7 threads', async (t) => {
  for (const [name, kind] of Object.entries(kinds)) {
    const hashes = new Set<string>();
    for (const threads of [1, 2, 7]) {
      setNumThreads(threads);
      const model = modelOf(kind, { units: 33, bidirectional: true });
      await model.fit(waves(70), { epochs: 1, batchSize: 35 });
      hashes.add(await weightHash(model));
      model.dispose();
    }
    t.is(hashes.size, 1, name);
  }
});

test('the gate that keeps starts at 1 in cells with a forget gate, unless told', async (t) => {
  const cases = [
    [layers.lstm, 'lstm_1', 1, 4],
    [layers.cifgLstm, 'cifgLstm_1', 0, 3],
    [layers.leakyCifg, 'leakyCifg_1', 0, 3],
  ] as const;
  for (const [make, name, keeps, gates] of cases) {
    for (const unitForgetBias of [true, false]) {
      const layer = unitForgetBias ? make({ units: 5 }) : make({ units: 5, unitForgetBias });
      const model = sequential([layer], { inputShape: [3, 2], device: 'cpu' });
      const wanted = Float32Array.from({ length: 5 * gates }, (_, i) =>
        unitForgetBias && Math.floor(i / 5) === keeps ? 1 : 0,
      );
      const weights = await model.getWeights();
      t.deepEqual(dataOf(weights, `${name}.bias_ih_l0`), wanted);
      if (name !== 'leakyCifg_1') t.deepEqual(dataOf(weights, `${name}.bias_hh_l0`), new Float32Array(5 * gates));
    }
  }
});

test('chrono biases are logarithms of times up to the longest, and input gates their negatives', async (t) => {
  const biasInitializer = { kind: 'chrono', maxSteps: 100 } as const;
  const model = sequential([layers.lstm({ units: 400, biasInitializer })], { inputShape: [3, 1], device: 'cpu' });
  const weights = await model.getWeights();
  const bias = dataOf(weights, 'lstm_1.bias_ih_l0');
  const [i, f, rest] = [bias.slice(0, 400), bias.slice(400, 800), bias.slice(800)];
  t.deepEqual(
    i,
    f.map((value) => -value),
  );
  t.true(rest.every((value) => value === 0));
  t.true(dataOf(weights, 'lstm_1.bias_hh_l0').every((value) => value === 0));
  const times = [...f].map(Math.exp).sort((a, b) => a - b);
  t.true((times[0] as number) >= 1 && (times.at(-1) as number) <= 99.001);
  t.true(Math.abs((times[200] as number) - 50) < 8, 'even over the times');
});

test('uniformGate starts the gate itself uniform between 1/units and 1 − 1/units', async (t) => {
  const layer = layers.gru({ units: 400, biasInitializer: { kind: 'uniformGate' } });
  const model = sequential([layer], { inputShape: [3, 1], device: 'cpu' });
  const bias = dataOf(await model.getWeights(), 'gru_1.bias_ih_l0');
  const z = [...bias.slice(400, 800)].map((value) => 1 / (1 + Math.exp(-value))).sort((a, b) => a - b);
  t.true((z[0] as number) > 0.99 / 400 && (z.at(-1) as number) < 1 - 0.99 / 400);
  t.true(Math.abs((z[200] as number) - 0.5) < 0.08);
  t.true([...bias.slice(0, 400), ...bias.slice(800)].every((value) => value === 0));
});

test('article is the leaky cell by another name', async (t) => {
  const [one, other] = [layers.article({ units: 4 }), layers.leakyCifg({ units: 4 })];
  t.is(one.kind, 'leakyCifg');
  t.deepEqual(one.config, other.config);
  const weights = await Promise.all(
    [one, other].map((layer) => sequential([layer], { inputShape: [3, 2], device: 'cpu' }).getWeights()),
  );
  t.true(dictBytes(weights[0] ?? {}).equals(dictBytes(weights[1] ?? {})));
});

test('options that make no sense are refused by name', async (t) => {
  const chrono = { kind: 'chrono', maxSteps: 1 } as const;
  await refuses(t, [
    ['null', () => layers.lstm(null as never), 'ERR_TYPE', /^layers\.lstm takes an options object/],
    ['units', () => layers.rnn({} as never), 'ERR_TYPE', /^units must be an integer/],
    [
      'activation',
      () => layers.rnn({ units: 1, activation: 'sigmoid' as never }),
      'ERR_VALUE',
      /^activation must be one of 'tanh', 'relu'/,
    ],
    ['resetAfter', () => layers.gru({ units: 1, resetAfter: 0 as never }), 'ERR_TYPE', /^resetAfter must be a boolean/],
    [
      'flag',
      () => layers.lstm({ units: 1, unitForgetBias: 1 as never }),
      'ERR_TYPE',
      /^unitForgetBias must be a boolean/,
    ],
    [
      'gru has none',
      () => layers.gru({ units: 1, unitForgetBias: true } as never),
      'ERR_VALUE',
      /^layers\.gru has no option 'unitForgetBias'/,
    ],
    [
      'rnn has no gate',
      () => layers.rnn({ units: 1, biasInitializer: { kind: 'uniformGate' } }),
      'ERR_VALUE',
      /rnn-tanh has none/,
    ],
    [
      'kind',
      () => layers.lstm({ units: 1, biasInitializer: { kind: 'x' } as never }),
      'ERR_VALUE',
      /^biasInitializer must be a name, \{ kind: 'chrono'/,
    ],
    [
      'steps',
      () => layers.lstm({ units: 1, biasInitializer: chrono }),
      'ERR_VALUE',
      /^maxSteps must be a number from 2/,
    ],
    [
      'bidirectional stream',
      () => sequential([layers.lstm({ units: 2, bidirectional: true })], { inputShape: [3, 2] }).stream(),
      'ERR_UNSUPPORTED',
      /^lstm_1 is bidirectional/,
    ],
  ]);
});
