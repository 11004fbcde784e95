import { join } from 'node:path';
import test from 'ava';
import {
  augment,
  datasets,
  image,
  input,
  type LayerTensor,
  layers,
  loadModel,
  model,
  optimizers,
  sequential,
} from '../../lib/index.js';
import { head, modelOf } from '../support/topology_layers.js';
import {
  bytesOf,
  classes,
  largestDifference,
  noise,
  refuses,
  scratch,
  shape,
  waves,
  weightHash,
} from '../support/training_models.js';

const options = { seed: 4, device: 'cpu' } as const;

test('a chain of applied layers is the sequential model, to the byte', async (t) => {
  const list = () => [
    layers.gru({ units: 6, returnSequences: true, bidirectional: true }),
    layers.dropout({ rate: 0.3 }),
    layers.lstm({ units: 5 }),
    head(),
  ];
  const chain = sequential(list(), { inputShape: shape, ...options });
  const x = input({ shape });
  const outputs = list().reduce((tensor, layer) => layer.apply(tensor), x);
  const applied = model({ inputs: x, outputs }, options);
  t.is(await weightHash(applied), await weightHash(chain));
  for (const one of [chain, applied]) {
    one.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
    await one.fit(waves(48), { epochs: 2, batchSize: 16 });
  }
  t.is(await weightHash(applied), await weightHash(chain));
  t.deepEqual(bytesOf(await applied.predict(waves(9))), bytesOf(await chain.predict(waves(9))));
  t.deepEqual(await applied.evaluate(waves(9)).then(({ loss }) => loss), (await chain.evaluate(waves(9))).loss);
  t.is(String(await applied.summary()), String(await chain.summary()));
});

test('applied layers tell their shapes', (t) => {
  const x = input({ shape: [8, 6, 3] });
  t.deepEqual(x.shape, [8, 6, 3]);
  const columns = image.toSequence({ scheme: 'columns' }).apply(x);
  t.deepEqual(columns.shape, [6, 24]);
  const [sequence, forward, reverse] = layers
    .gru({ units: 5, bidirectional: true, returnSequences: true, returnState: true })
    .apply(columns);
  t.deepEqual(sequence.shape, [6, 10]);
  t.deepEqual(forward.shape, [5]);
  t.deepEqual(reverse?.shape, [5]);
});

test('branches join: rows and columns of one image', async (t) => {
  const x = input({ shape: [5, 4, 1] });
  const rows = layers.gru({ units: 3 }).apply(image.toSequence({ normalization: 'none' }).apply(x));
  const columns = layers
    .gru({ units: 2 })
    .apply(image.toSequence({ scheme: 'columns', normalization: 'none' }).apply(x));
  const both = model({ inputs: x, outputs: layers.concat().apply([rows, columns]) }, options);
  const weights = await both.getWeights();
  const part = async (scheme: 'rows' | 'columns', units: number, name: string): Promise<Float32Array> => {
    const one = sequential([image.toSequence({ scheme, normalization: 'none' }), layers.gru({ units, name })], {
      inputShape: [5, 4, 1],
      ...options,
    });
    await one.setWeights(Object.fromEntries(Object.entries(weights).filter(([key]) => key.startsWith(`${name}.`))));
    return one.predict(pixels);
  };
  const pixels = Uint8Array.from({ length: 2 * 20 }, (_, i) => (i * 37) % 256);
  const [a, b] = [await part('rows', 3, 'gru_1'), await part('columns', 2, 'gru_2')];
  const joined = await both.predict(pixels);
  t.deepEqual([...joined], [...a.slice(0, 3), ...b.slice(0, 2), ...a.slice(3), ...b.slice(2)]);
});

test('a residual branch adds what it goes around, and gradients go both ways', async (t) => {
  const wide = layers.dense({ units: 4, name: 'wide' });
  const inner = layers.dense({ units: 4, activation: 'tanh', name: 'inner' });
  const residual = modelOf(
    (x) => {
      const first = wide.apply(x);
      return layers.add().apply([first, inner.apply(first)]);
    },
    [3],
  );
  const rows = noise(2 * 3);
  const [first, added] = [
    await residual.predict(rows, { layer: 'wide' }),
    await residual.predict(rows, { layer: 'inner' }),
  ];
  t.true(
    largestDifference(
      await residual.predict(rows),
      first.map((value, i) => value + (added[i] as number)),
    ) < 1e-6,
  );
  residual.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const batch = { inputs: rows, labels: new Float32Array(8) };
  await residual.computeGradients(batch);
  const gradients = await residual.getGradients();
  const { data } = gradients['wide.bias'] ?? { data: new Float32Array(0) };
  const step = 1e-2;
  const weights = await residual.getWeights();
  for (let i = 0; i < 4; i++) {
    const loss = async (by: number): Promise<number> => {
      const moved = Float32Array.from(weights['wide.bias']?.data ?? []);
      moved[i] = (moved[i] as number) + by;
      await residual.setWeights({ 'wide.bias': { data: moved, shape: [4] } }, { partial: true });
      return (await residual.evaluate(datasets.fromArrays({ ...batch, shape: [3] }))).loss;
    };
    const slope = ((await loss(step)) - (await loss(-step))) / (2 * step);
    t.true(Math.abs(slope - (data[i] as number)) < 1e-3, `${slope} and ${data[i]}`);
  }
});

test('a layer that is applied twice has one set of weights, and the sum of both gradients', async (t) => {
  const shared = layers.dense({ units: 3, name: 'shared' });
  const twice = modelOf((x) => layers.add().apply([shared.apply(x), shared.apply(x)]), [3]);
  const once = modelOf((x) => layers.dense({ units: 3, name: 'shared' }).apply(x), [3]);
  t.is(twice.parameterCount, once.parameterCount);
  const rows = noise(4 * 3);
  const plain = await once.predict(rows);
  t.deepEqual(
    await twice.predict(rows),
    plain.map((value) => 2 * value),
  );
  // The squared error of 2 y against 2 t is four times that of y against t; its gradient by W as well.
  const target = noise(4 * 3, 2);
  for (const one of [twice, once]) one.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  await twice.computeGradients({ inputs: rows, labels: target.map((value) => 2 * value) });
  await once.computeGradients({ inputs: rows, labels: target });
  const [two, one] = [await twice.getGradients(), await once.getGradients()];
  for (const name of ['shared.weight', 'shared.bias']) {
    const wanted = (one[name]?.data ?? new Float32Array(1)).map((value) => 4 * value);
    t.true(largestDifference(two[name]?.data ?? new Float32Array(0), wanted) < 1e-5, name);
  }
});

test('outputs in an array give predictions in an array', async (t) => {
  const x = input({ shape });
  const [sequence, state] = layers.gru({ units: 4, returnSequences: true, returnState: true }).apply(x);
  const several = model({ inputs: x, outputs: [sequence, state, head().apply(state)] }, options);
  t.deepEqual(several.outputShapes, [[6, 4], [4], [3]]);
  t.deepEqual(several.outputShape, [6, 4]);
  const [steps, last, classesOf] = await several.predict(waves(5));
  t.is(steps?.length, 5 * 6 * 4);
  for (let row = 0; row < 5; row++) {
    t.deepEqual(last?.slice(row * 4, row * 4 + 4), steps?.slice((row * 6 + 5) * 4, (row * 6 + 6) * 4));
  }
  t.is(classesOf?.length, 5 * classes);
  t.deepEqual(await several.predict(waves(5), { layer: 'dense_1' }), classesOf as Float32Array);
  const one = model({ inputs: x, outputs: [state] }, options);
  t.is((await one.predict(noise(shape[0] * shape[1]))).length, 1, 'one output in an array');
  await refuses(t, [
    [
      'loss',
      () => several.compile({ optimizer: 'adam', loss: 'meanSquaredError' }),
      'ERR_GRAPH',
      /a loss needs a model with one output, this one has 3/,
    ],
    ['stream', () => several.stream(), 'ERR_GRAPH', /a stream needs a model with one output/],
  ]);
});

test('layers that lead to no output are left out, and names stay what they are', async (t) => {
  const x = input({ shape });
  const sequence = layers.gru({ units: 4, returnSequences: true }).apply(x);
  layers.gru({ units: 50 }).apply(sequence);
  t.throws(() => layers.gru({ units: 2 }).apply(layers.gru({ units: 2, name: 'last' }).apply(x)));
  const whole = model({ inputs: x, outputs: layers.gru({ units: 2 }).apply(sequence) }, options);
  t.deepEqual(
    whole.layers.map(({ name }) => name),
    ['gru_1', 'gru_3'],
  );
  const features = model({ inputs: x, outputs: sequence }, options);
  await features.setWeights(
    Object.fromEntries(Object.entries(await whole.getWeights()).filter(([name]) => name.startsWith('gru_1.'))),
  );
  t.deepEqual(await features.predict(waves(3)), await whole.predict(waves(3), { layer: 'gru_1' }));
});

test('the summary of a graph says what each layer is applied to', async (t) => {
  const x = input({ shape: [5, 4, 1] });
  const [rows, columns] = (['rows', 'columns'] as const).map((scheme) => image.toSequence({ scheme }).apply(x));
  const gru = layers.gru({ units: 2, returnState: true, name: 'reader' });
  const [, state] = gru.apply(rows as NonNullable<typeof rows>);
  const other = layers.gru({ units: 2 }).apply(columns as NonNullable<typeof columns>);
  const summary = await model({ inputs: x, outputs: layers.add().apply([state, other]) }, options).summary();
  t.deepEqual(summary.layers.map(({ name, inputs }) => [name, ...inputs]).at(-1), ['add_1', 'reader:1', 'gru_1']);
  t.regex(String(summary), /toSequence +columns +\[4, 5\]/);
  t.regex(String(summary), /add_1 +add +reader:1, gru_1 +\[2\]/);
});

test('images that are taken as they are are scaled and normalised like sequences of them', async (t) => {
  const pixels = Uint8Array.from({ length: 6 * 4 * 3 * 2 }, (_, i) => (i * 53) % 256);
  const labels = Int32Array.from({ length: 6 }, (_, i) => i % 2);
  const train = datasets.fromArrays({ inputs: pixels, labels, shape: [4, 3, 2], classes: 2 });
  const end = (): layers.Layer[] => [layers.gru({ units: 3 }), layers.dense({ units: 2, activation: 'softmax' })];
  const asSequence = sequential([image.toSequence(), ...end()], { inputShape: [4, 3, 2], ...options });
  const asImage = sequential([layers.toSequence(), ...end()], { inputShape: [4, 3, 2], ...options });
  for (const one of [asSequence, asImage]) {
    one.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
    await one.fit(train, { epochs: 2, batchSize: 3, augment: [augment.shift({ width: 1, height: 1 })] });
  }
  t.deepEqual(await asImage.getWeights(), await asSequence.getWeights());
  t.deepEqual(await asImage.predict(train), await asSequence.predict(train));
  const plain = sequential([layers.toSequence(), layers.gru({ units: 3 })], {
    inputShape: [4, 3, 2],
    normalization: 'none',
  });
  t.false(Object.hasOwn(await plain.getWeights(), 'normalization.mean'));
});

test('convolutions over an image feed a recurrent layer; all of it is trained, saved and loaded', async (t) => {
  const folder = join(await scratch(t), 'model');
  const inputs = Uint8Array.from({ length: 8 * 6 * 4 }, (_, i) => (i * 71) % 256);
  const labels = Int32Array.from({ length: 8 }, (_, i) => i % 2);
  const train = datasets.fromArrays({ inputs, labels, shape: [6, 4, 1], classes: 2 });
  const conv = (): layers.Layer => layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same', activation: 'relu' });
  const x = input({ shape: [6, 4, 1] });
  const first = layers.batchNorm().apply(conv().apply(x));
  const residual = layers.add().apply([first, conv().apply(first)]);
  const sequence = layers.toSequence({ axis: 'columns' }).apply(layers.maxPool2d({ poolSize: 2 }).apply(residual));
  t.deepEqual(sequence.shape, [2, 9]);
  const softmax = layers.dense({ units: 2, activation: 'softmax' });
  const convGru = model({ inputs: x, outputs: softmax.apply(layers.gru({ units: 4 }).apply(sequence)) }, options);
  convGru.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const { epochs } = await convGru.fit(train, { epochs: 15, batchSize: 4 });
  t.true((epochs.at(-1)?.loss ?? 1) < (epochs[0]?.loss ?? 0));
  await convGru.save(folder);
  const loaded = await loadModel(folder);
  t.deepEqual(bytesOf(await loaded.predict(train)), bytesOf(await convGru.predict(train)));
  t.is(String(await loaded.summary()), String(await convGru.summary()));
  for (const one of [convGru, loaded]) await one.fit(train, { epochs: 16, initialEpoch: 15, batchSize: 4 });
  t.is(await weightHash(loaded), await weightHash(convGru));
});

test('all readings of an image see it changed in the same way', async (t) => {
  const [height, width] = [4, 5];
  const inputs = Uint8Array.from({ length: 8 * height * width }, (_, i) => (i * 91) % 256);
  const train = datasets.fromArrays({ inputs, labels: new Float32Array(8), shape: [height, width, 1] });
  const x = input({ shape: [height, width, 1], normalization: 'none' });
  // Sums of all pixels by rows and by columns: their difference, the model's output, is zero for any image.
  const sum = (scheme: 'rows' | 'columns', name: string): LayerTensor => {
    const sequence = image.toSequence({ scheme, normalization: 'none' }).apply(x);
    return layers.timeDistributed(layers.dense({ units: 1, name: `${name}Dense` }), { name }).apply(sequence);
  };
  const total = (tensor: LayerTensor, name: string): LayerTensor =>
    layers.dense({ units: 1, name }).apply(layers.flatten().apply(tensor));
  const outputs = layers.add().apply([total(sum('rows', 'rows'), 'left'), total(sum('columns', 'columns'), 'right')]);
  const difference = model({ inputs: x, outputs }, options);
  const weights = await difference.getWeights();
  for (const [name, { data }] of Object.entries(weights)) {
    data.fill(name.endsWith('bias') ? 0 : name === 'right.weight' ? -1 : 1);
  }
  await difference.setWeights(weights);
  difference.compile({ optimizer: optimizers.sgd({ learningRate: 1e-12 }), loss: 'meanSquaredError' });
  const { epochs } = await difference.fit(train, {
    epochs: 2,
    augment: [augment.shift({ width: 2, height: 2 }), augment.flip()],
  });
  for (const { loss } of epochs) t.true(loss < 1e-9, `loss ${loss}`);
});
