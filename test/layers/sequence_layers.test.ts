/** Layers of other forms, read-outs over steps, and layers that take several tensors. */
import test from 'ava';
import { type CugruError, datasets, input, layers, loadModel, model, optimizers, sequential } from '../../lib/index.js';
import { noise, type Refusal, refuses, scratch, waves, weightHash } from '../support/training_models.js';

type Numbers = readonly number[];

// One row of the shape through a list of layers.
async function through(
  list: readonly layers.Layer[],
  shape: Numbers,
  row: Numbers,
): Promise<{ shape: Numbers; values: Numbers }> {
  const made = sequential(list, { inputShape: shape });
  return { shape: made.outputShape, values: [...(await made.predict(Float32Array.from(row)))] };
}

const withLengths = (inputs: Float32Array, shape: Numbers, lengths: Numbers) =>
  datasets.fromArrays({ inputs, shape, lengths });

const count = (length: number): Numbers => Array.from({ length }, (_, i) => i);

test('flatten puts the steps one after the other', async (t) => {
  t.deepEqual(await through([layers.flatten()], [2, 3], count(6)), { shape: [6], values: count(6) });
  t.deepEqual(await through([layers.flatten()], [4], count(4)), { shape: [4], values: count(4) });
});

test('reshape keeps the order of elements; -1 is what is left', async (t) => {
  for (const [shape, wanted] of [
    [[12], [12]],
    [
      [3, 4],
      [3, 4],
    ],
    [
      [-1, 2],
      [6, 2],
    ],
    [
      [2, 2, 3],
      [2, 2, 3],
    ],
    [
      [3, 2, 2, -1],
      [3, 2, 2, 1],
    ],
  ] as const) {
    t.deepEqual(await through([layers.reshape({ shape })], [2, 6], count(12)), { shape: wanted, values: count(12) });
  }
});

test('permute counts axes from 1, as Keras does', async (t) => {
  t.deepEqual(await through([layers.permute({ axes: [2, 1] })], [2, 3], count(6)), {
    shape: [3, 2],
    values: [0, 3, 1, 4, 2, 5],
  });
  const image = [layers.reshape({ shape: [2, 2, 2] }), layers.permute({ axes: [3, 1, 2] })];
  t.deepEqual(await through(image, [8], count(8)), { shape: [2, 2, 2], values: [0, 2, 4, 6, 1, 3, 5, 7] });
});

test('repeat makes a sequence of a vector', async (t) => {
  t.deepEqual(await through([layers.repeat({ count: 3 })], [2], [1, 2]), { shape: [3, 2], values: [1, 2, 1, 2, 1, 2] });
});

test('activation is a function of each element', async (t) => {
  const { values } = await through([layers.activation({ kind: 'gelu' })], [3], [-1, 0, 2]);
  // torch.nn.functional.gelu
  for (const [i, wanted] of [-0.15865525393145707, 0, 1.9544997361036416].entries()) {
    t.true(Math.abs((values[i] as number) - wanted) < 1e-6);
  }
  t.deepEqual((await through([layers.activation({ kind: 'relu' })], [2, 2], [-1, 2, -3, 4])).values, [0, 2, 0, 4]);
});

test('read-outs make a vector of a sequence', async (t) => {
  const row = [1, -2, 5, 4, 3, 1];
  const of = async (layer: layers.Layer) => through([layer], [3, 2], row);
  t.deepEqual(await of(layers.lastStep()), { shape: [2], values: [3, 1] });
  t.deepEqual(await of(layers.firstAndLast()), { shape: [4], values: [1, -2, 3, 1] });
  t.deepEqual(await of(layers.meanSteps()), { shape: [2], values: [3, 1] });
  t.deepEqual(await of(layers.maxSteps()), { shape: [2], values: [5, 4] });
});

// A row of 3 steps and one of 2, whose last step is padding.
const rows = Float32Array.of(1, -2, 5, 4, 3, 1, 7, 8, 9, 6, 0, 0);
const readOuts = () => [
  layers.lastStep(),
  layers.firstAndLast(),
  layers.meanSteps(),
  layers.maxSteps(),
  layers.attention(),
];

test('read-outs keep to the lengths, whether they come with the data or from masking', async (t) => {
  const wanted = { lastStep: [9, 6], firstAndLast: [7, 8, 9, 6], meanSteps: [8, 7], maxSteps: [9, 8] };
  for (const layer of readOuts()) {
    const given = sequential([layer], { inputShape: [3, 2], seed: 1 });
    const masked = sequential([layers.masking(), layer], { inputShape: [3, 2], seed: 1 });
    const values = await masked.predict(rows);
    t.deepEqual(values, await given.predict(withLengths(rows, [3, 2], [3, 2])), layer.kind);
    if (layer.kind !== 'maxSteps') t.notDeepEqual(values, await given.predict(rows), layer.kind);
    const exact = wanted[layer.kind as keyof typeof wanted];
    if (exact !== undefined) t.deepEqual([...values.slice(values.length / 2)], exact, layer.kind);
  }
});

test('masking sets lengths behind itself alone, and takes any value for padding', async (t) => {
  const x = input({ shape: [3, 2] });
  const mean = layers.meanSteps().apply(layers.masking({ value: 9 }).apply(x));
  const whole = layers.meanSteps().apply(x);
  const both = model({ inputs: x, outputs: layers.concat().apply([mean, whole]) });
  const got = await both.predict(Float32Array.of(1, 3, 3, 5, 9, 9));
  for (const [i, wanted] of [2, 4, 13 / 3, 17 / 3].entries()) t.true(Math.abs((got[i] ?? 0) - wanted) < 1e-6);
});

test('masking finds what lengths say: gru with masking is gru with lengths', async (t) => {
  const lengths = Array.from({ length: 12 }, (_, i) => 1 + (i % 6));
  const padded = waves(12).storage.inputs.slice() as Float32Array;
  lengths.forEach((length, row) => void padded.fill(0, (row * 6 + length) * 3, (row + 1) * 18));
  const gru = () => layers.gru({ units: 4, bidirectional: true });
  const masked = sequential([layers.masking(), gru()], { inputShape: [6, 3], seed: 2 });
  const given = sequential([gru()], { inputShape: [6, 3], seed: 2 });
  t.deepEqual(await masked.predict(padded), await given.predict(withLengths(padded, [6, 3], lengths)));
});

test('attention has named weights, and weighs steps by their scores', async (t) => {
  const made = sequential([layers.attention({ units: 4 })], { inputShape: [3, 2], seed: 1 });
  const weights = await made.getWeights();
  t.deepEqual(
    Object.entries(weights).map(([name, { shape }]) => [name, shape]),
    [
      ['attention_1.projection.weight', [4, 2]],
      ['attention_1.projection.bias', [4]],
      ['attention_1.score.weight', [1, 4]],
    ],
  );
  const [w, b, v] = Object.values(weights).map(({ data }) => [...data]) as [number[], number[], number[]];
  const steps = [
    [1, -2],
    [5, 4],
    [3, 1],
  ] as const;
  const scores = steps.map(([p, q]) =>
    v.reduce(
      (sum, value, i) => sum + value * Math.tanh((w[2 * i] ?? 0) * p + (w[2 * i + 1] ?? 0) * q + (b[i] ?? 0)),
      0,
    ),
  );
  const powers = scores.map(Math.exp);
  const total = powers.reduce((x, y) => x + y, 0);
  const wanted = [0, 1].map((f) =>
    steps.reduce((sum, step, i) => sum + ((powers[i] ?? 0) / total) * (step[f] as number), 0),
  );
  const got = await made.predict(rows.slice(0, 6));
  for (const [i, value] of wanted.entries()) t.true(Math.abs((got[i] ?? 0) - value) < 1e-5);
});

test('positionEmbedding adds a learned vector to each step', async (t) => {
  const made = sequential([layers.positionEmbedding()], { inputShape: [3, 2], seed: 1 });
  const { 'positionEmbedding_1.weight': table } = await made.getWeights();
  t.deepEqual(table?.shape, [3, 2]);
  const zeros = new Float32Array(6);
  t.deepEqual(await made.predict(zeros), Float32Array.from(table?.data ?? []));
  const deviation = Math.sqrt([...(table?.data ?? [])].reduce((sum, value) => sum + value ** 2, 0) / 6);
  t.true(deviation > 0.005 && deviation < 0.05, String(deviation));
});

test('merging layers take several tensors', async (t) => {
  const x = input({ shape: [3] });
  const twice = layers.add().apply([x, x]);
  const merged = [
    layers.add().apply([x, twice]),
    layers.average().apply([x, twice]),
    layers.multiply().apply([x, twice, x]),
    layers.concat().apply([x, twice]),
  ];
  const outputs = await Promise.all(
    merged.map(async (tensor) => [...(await model({ inputs: x, outputs: tensor }).predict(Float32Array.of(1, -2, 4)))]),
  );
  t.deepEqual(outputs, [
    [3, -6, 12],
    [1.5, -3, 6],
    [2, -16, 128],
    [1, -2, 4, 2, -4, 8],
  ]);
});

test('everything is trained and saved: a residual model with attention', async (t) => {
  const build = () => {
    const x = input({ shape: [6, 3] });
    const masked = layers.masking().apply(x);
    const read = layers.gru({ units: 6, returnSequences: true }).apply(layers.positionEmbedding().apply(masked));
    const gelu = layers.activation({ kind: 'gelu' }).apply(layers.dense({ units: 6 }).apply(read));
    const sum = layers.add().apply([read, layers.dropPath({ rate: 0.2 }).apply(gelu)]);
    const gated = layers.multiply().apply([sum, layers.dense({ units: 6, activation: 'sigmoid' }).apply(read)]);
    const readOut = [layers.attention(), layers.maxSteps(), layers.meanSteps(), layers.firstAndLast()];
    const vectors = readOut.map((layer) => layer.apply(gated));
    const one = layers
      .concat()
      .apply([...vectors, layers.flatten().apply(layers.permute({ axes: [2, 1] }).apply(read))]);
    const decoder = layers.meanSteps().apply(layers.repeat({ count: 2 }).apply(one));
    const classes = layers.dense({ units: 3, activation: 'softmax' }).apply(decoder);
    return model({ inputs: x, outputs: classes }, { seed: 3 });
  };
  const data = waves(60);
  const [made, again] = [build(), build()];
  for (const network of [made, again])
    network.compile({ optimizer: optimizers.adam({ learningRate: 0.01 }), loss: 'categoricalCrossentropy' });
  const { epochs } = await made.fit(data, { epochs: 12 });
  await again.fit(data, { epochs: 12 });
  t.true(
    (epochs.at(-1)?.loss ?? 1) < 0.8 * (epochs[0]?.loss ?? 0),
    epochs.map(({ loss }) => loss.toFixed(3)).join(' '),
  );
  t.is(await weightHash(again), await weightHash(made));
  const folder = await scratch(t);
  await made.save(folder);
  t.deepEqual(await (await loadModel(folder)).predict(data), await made.predict(data));
});

test('dropPath does nothing but while training', async (t) => {
  t.deepEqual((await through([layers.dropPath({ rate: 0.9 })], [4], [1, 2, 3, 4])).values, [1, 2, 3, 4]);
});

test('layers within timeDistributed see each step by itself', async (t) => {
  const steps = layers.reshape({ shape: [2, 4] });
  const pairs = layers.timeDistributed(layers.reshape({ shape: [2, 2] }));
  const list = [
    steps,
    pairs,
    layers.timeDistributed(layers.permute({ axes: [2, 1] })),
    layers.timeDistributed(layers.flatten()),
  ];
  t.deepEqual(await through(list, [8], count(8)), { shape: [2, 4], values: [0, 2, 1, 3, 4, 6, 5, 7] });
  const means = [steps, pairs, layers.timeDistributed(layers.meanSteps())];
  t.deepEqual(await through(means, [8], count(8)), { shape: [2, 2], values: [1, 2, 5, 6] });
});

test('what does not fit is refused by name and axes', async (t) => {
  const build = (list: readonly layers.Layer[], inputShape: Numbers) => () => sequential(list, { inputShape });
  const merge = (layer: { apply: (tensors: never) => unknown }, a: Numbers, b: Numbers) => () => {
    const x = input({ shape: [12] });
    return layer.apply([a, b].map((shape) => layers.reshape({ shape }).apply(x)) as never);
  };
  const refusals: readonly Refusal[] = [
    [
      'reshape',
      build([layers.reshape({ shape: [5] })], [2, 3]),
      'ERR_SHAPE',
      /reshape_1 cannot make \[batch, 5\] of \[batch, 2 steps, 3\], which has 6/,
    ],
    ['reshape -1', build([layers.reshape({ shape: [4, -1] })], [6]), 'ERR_SHAPE', /cannot make \[batch, 4, -1\]/],
    [
      'zero',
      () => layers.reshape({ shape: [0, 2] }),
      'ERR_VALUE',
      /axes of at least 1 and at most one -1, got \[0,2\]/,
    ],
    ['two -1', () => layers.reshape({ shape: [-1, -1] }), 'ERR_VALUE', /at most one -1/],
    ['five axes', () => layers.reshape({ shape: [1, 1, 1, 1, 1] }), 'ERR_VALUE', /one to four integers, got 5 of them/],
    ['no list', () => layers.reshape({ shape: 3 as never }), 'ERR_VALUE', /one to four integers, got 3/],
    ['axes', () => layers.permute({ axes: [1, 3] }), 'ERR_VALUE', /each number from 1 on once, got \[1, 3\]/],
    ['axes twice', () => layers.permute({ axes: [1, 1] }), 'ERR_VALUE', /each number from 1 on once/],
    [
      'axes of a vector',
      build([layers.permute({ axes: [2, 1] })], [4]),
      'ERR_SHAPE',
      /puts 2 axes in order, \[2, 1\], got \[batch, 4\]/,
    ],
    [
      'repeat',
      build([layers.repeat({ count: 2 })], [2, 3]),
      'ERR_SHAPE',
      /repeat_1 expects \[batch, features\], got \[batch, 2 steps, 3\]/,
    ],
    ['count', () => layers.repeat({ count: 0 }), 'ERR_VALUE', /^count must be an integer from 1/],
    [
      'kind',
      () => layers.activation({ kind: 'swish' as never }),
      'ERR_VALUE',
      /^kind must be one of 'relu', 'tanh', 'sigmoid', 'gelu', 'silu', got 'swish'/,
    ],
    [
      'attention',
      build([layers.attention()], [4]),
      'ERR_SHAPE',
      /attention_1 expects \[batch, steps, features\], got \[batch, 4\]/,
    ],
    [
      'meanSteps',
      build([layers.meanSteps()], [4]),
      'ERR_SHAPE',
      /meanSteps_1 expects \[batch, steps, \.\.\.\], got \[batch, 4\]/,
    ],
    [
      'masking',
      build([layers.masking()], [4]),
      'ERR_SHAPE',
      /masking_1 expects \[batch, steps, \.\.\.\], got \[batch, 4\]/,
    ],
    [
      'masking twice',
      build([layers.masking(), layers.masking()], [3, 2]),
      'ERR_GRAPH',
      /masking_2 finds lengths, but the sequences have some already/,
    ],
    ['rate', () => layers.dropPath({ rate: 1 }), 'ERR_VALUE', /^rate must be a number from 0 to below 1/],
    [
      'add',
      merge(layers.add(), [12], [3, 4]),
      'ERR_SHAPE',
      /the first is \[batch, 12\], input 1 is \[batch, 3 steps, 4\]/,
    ],
    [
      'concat',
      merge(layers.concat(), [4, 3], [3, 4]),
      'ERR_SHAPE',
      /of one shape but for the last axis: the first is \[batch, 4 steps, 3\]/,
    ],
    ['one input', build([layers.add()], [3]), 'ERR_GRAPH', /add_1 \(add\) takes 2 to 8 inputs, got 1/],
    ['options', () => layers.flatten({ axis: 1 } as never), 'ERR_VALUE', /layers\.flatten has no option 'axis'/],
  ];
  await refuses(t, refusals);
});

test('masking and lengths of the data exclude each other', async (t) => {
  const made = sequential([layers.masking(), layers.meanSteps()], { inputShape: [3, 2] });
  const error = await t.throwsAsync<CugruError>(made.predict(withLengths(rows, [3, 2], [3, 2])));
  t.is(error?.code, 'ERR_GRAPH');
  t.regex(error?.message ?? '', /masking_1 finds lengths/);
});

test('a stream takes the step that it is at for the last, and refuses what needs the whole sequence', async (t) => {
  const last = sequential([layers.gru({ units: 4, returnSequences: true }), layers.lastStep()], {
    inputShape: [5, 3],
    seed: 1,
  });
  const x = noise(15);
  const stream = await last.stream();
  let output = new Float32Array(0);
  for (let s = 0; s < 5; s++) output = Float32Array.from(stream.step(x.subarray(3 * s, 3 * s + 3)));
  const whole = await last.predict(x);
  for (const [i, value] of whole.entries()) t.true(Math.abs(value - (output[i] ?? Number.NaN)) < 1e-6);
  for (const layer of [layers.meanSteps(), layers.flatten(), layers.attention(), layers.positionEmbedding()]) {
    const refused = sequential([layers.gru({ units: 4, returnSequences: true }), layer], { inputShape: [5, 3] });
    await t.throwsAsync(async () => refused.stream(), {
      code: 'ERR_UNSUPPORTED',
      message: /needs the whole sequence, and cannot stream/,
    });
  }
});
