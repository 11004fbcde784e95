import test from 'ava';
import { image, layers, losses, optimizers, schedules, sequential } from '../../lib/index.js';
import { type Refusal, refuses } from '../support/training_models.js';

const sizes: readonly (readonly [unknown, 'ERR_TYPE' | 'ERR_VALUE'])[] = [
  [-1, 'ERR_VALUE'],
  [0, 'ERR_VALUE'],
  [1.5, 'ERR_VALUE'],
  [Number.NaN, 'ERR_VALUE'],
  [Infinity, 'ERR_VALUE'],
  [2 ** 40, 'ERR_VALUE'],
  ['8', 'ERR_TYPE'],
  [8n, 'ERR_TYPE'],
  [null, 'ERR_TYPE'],
  [undefined, 'ERR_TYPE'],
];

test('sizes are whole numbers from 1 to a bound', async (t) => {
  const cases = sizes.flatMap(([units, code]): Refusal[] => [
    [`gru ${units}`, () => layers.gru({ units: units as number }), code, /^units must be an integer from 1 to 1048576/],
    [`dense ${units}`, () => layers.dense({ units: units as number }), code, /^units must be an integer from 1 to/],
  ]);
  await refuses(t, cases);
  const depths = sizes.filter(([value]) => value !== undefined && value !== null);
  await refuses(
    t,
    depths.map(
      ([numLayers, code]): Refusal => [
        `numLayers ${numLayers}`,
        () => layers.gru({ units: 1, numLayers: numLayers as number }),
        code,
        /^numLayers must be an integer from 1 to 256/,
      ],
    ),
  );
});

test('dropout is a share from 0 to below 1', async (t) => {
  for (const rate of [-0.1, 1, 2, Number.NaN]) {
    await refuses(t, [
      ['layer', () => layers.dropout({ rate }), 'ERR_VALUE', /^rate must be a number from 0 to below 1/],
      [
        'gru',
        () => layers.gru({ units: 1, dropout: rate }),
        'ERR_VALUE',
        /^dropout must be a number from 0 to below 1/,
      ],
    ]);
  }
  await refuses(t, [
    ['no rate', () => layers.dropout({} as never), 'ERR_TYPE', /^rate must be a number.*got undefined/],
  ]);
});

test('flags are booleans', async (t) => {
  const flags = (['returnSequences', 'bidirectional'] as const).map(
    (flag): Refusal => [
      flag,
      () => layers.gru({ units: 1, [flag]: 1 as never }),
      'ERR_TYPE',
      new RegExp(`^${flag} must be a boolean, got 1`),
    ],
  );
  await refuses(t, [
    ...flags,
    ['useBias', () => layers.dense({ units: 1, useBias: 'no' as never }), 'ERR_TYPE', /^useBias must be a boolean/],
  ]);
});

test('activations and initializers are known by name', async (t) => {
  await refuses(t, [
    [
      'activation',
      () => layers.dense({ units: 1, activation: 'swish' as never }),
      'ERR_VALUE',
      /^activation must be one of 'linear', 'relu', 'tanh', 'sigmoid', 'softmax', got 'swish'/,
    ],
    ...(['kernelInitializer', 'recurrentInitializer', 'biasInitializer'] as const).map(
      (option): Refusal => [
        option,
        () => layers.gru({ units: 1, [option]: 'he' }),
        'ERR_VALUE',
        new RegExp(`^${option} must be one of 'zeros', 'ones', 'glorotUniform', 'orthogonal', 'uniform', got 'he'`),
      ],
    ),
    [
      'dense initializer',
      () => layers.dense({ units: 1, kernelInitializer: 3 as never }),
      'ERR_VALUE',
      /^kernelInitializer must be one of/,
    ],
  ]);
});

test('unknown options are refused with the nearest known one', async (t) => {
  await refuses(t, [
    [
      'gru',
      () => layers.gru({ unit: 1 } as never),
      'ERR_VALUE',
      /layers\.gru has no option 'unit'; did you mean 'units'/,
    ],
    [
      'returnSequence',
      () => layers.gru({ units: 1, returnSequence: true } as never),
      'ERR_VALUE',
      /did you mean 'returnSequences'\?/,
    ],
    ['dense', () => layers.dense({ units: 1, bias: true } as never), 'ERR_VALUE', /layers\.dense has no option 'bias'/],
    ['dropout', () => layers.dropout({ rat: 0.5 } as never), 'ERR_VALUE', /did you mean 'rate'/],
    ['softmax', () => layers.softmax({ axis: 1 } as never), 'ERR_VALUE', /layers\.softmax has no option 'axis'/],
    [
      'model',
      () => sequential([layers.dense({ units: 1 })], { inputshape: [1] } as never),
      'ERR_VALUE',
      /'inputShape'/,
    ],
    ['sgd', () => optimizers.sgd({ momentun: 0.9 } as never), 'ERR_VALUE', /did you mean 'momentum'/],
    [
      'adam',
      () => optimizers.adam({ momentum: 0.9 } as never),
      'ERR_VALUE',
      /optimizers\.adam has no option 'momentum'/,
    ],
    ['cosine', () => schedules.cosine({ rate: 1 } as never), 'ERR_VALUE', /schedules\.cosine has no option 'rate'/],
    [
      'loss',
      () => losses.categoricalCrossentropy({ smoothing: 0.1 } as never),
      'ERR_VALUE',
      /has no option 'smoothing'/,
    ],
  ]);
});

test('options that are no object are refused before anything is read from them', async (t) => {
  for (const options of [undefined, null, 3, 'units', [8]]) {
    await refuses(t, [
      ['gru', () => layers.gru(options as never), 'ERR_TYPE', /^layers\.gru takes an options object/],
      ['dense', () => layers.dense(options as never), 'ERR_TYPE', /^layers\.dense takes an options object/],
      ['dropout', () => layers.dropout(options as never), 'ERR_TYPE', /^layers\.dropout takes an options object/],
      [
        'model',
        () => sequential([layers.dense({ units: 1 })], options as never),
        'ERR_TYPE',
        /^sequential takes an options/,
      ],
    ]);
  }
  await refuses(t, [
    ['softmax', () => layers.softmax(null as never), 'ERR_TYPE', /^layers\.softmax takes an options object/],
  ]);
});

test('a layer keeps all of its options, with defaults filled in', (t) => {
  t.deepEqual(layers.gru({ units: 3, name: 'reader' }).config, {
    units: 3,
    numLayers: 1,
    bidirectional: false,
    dropout: 0,
    kernelInitializer: 'glorotUniform',
    recurrentInitializer: 'orthogonal',
    biasInitializer: 'zeros',
    kernelL2: 0,
    recurrentL2: 0,
    maxNorm: 0,
    returnSequences: false,
    returnState: false,
    goBackwards: false,
    stateful: false,
    resetAfter: true,
  });
  t.deepEqual(layers.dense({ units: 2 }).config, {
    units: 2,
    activation: 'linear',
    useBias: true,
    kernelInitializer: 'glorotUniform',
    biasInitializer: 'zeros',
    kernelL2: 0,
    maxNorm: 0,
  });
  t.deepEqual(layers.dropout({ rate: 0.25 }).config, { rate: 0.25 });
  t.is(layers.gru({ units: 3, name: 'reader' }).name, 'reader');
  t.is(layers.gru({ units: 3 }).name, undefined);
});

test("names are strings that can be part of a weight's name, and no two layers have the same", async (t) => {
  const model = (...names: readonly unknown[]): unknown =>
    sequential(
      names.map((name) => layers.dense({ units: 2, name: name as string })),
      { inputShape: [2] },
    );
  await refuses(t, [
    ['empty', () => model(''), 'ERR_VALUE', /^name must not be empty/],
    ['number', () => model(3), 'ERR_TYPE', /^name must be a string/],
    ['dot', () => model('a.b'), 'ERR_VALUE', /'a\.b' cannot name a layer; use letters, digits/],
    ['path', () => model('../x'), 'ERR_VALUE', /cannot name a layer/],
    ['reserved', () => model('normalization'), 'ERR_VALUE', /'normalization' cannot name a layer/],
    ['twice', () => model('a', 'b', 'a'), 'ERR_VALUE', /two layers are named 'a'; give each its own name/],
    ['a number of ours', () => model(undefined, 'dense_1'), 'ERR_VALUE', /two layers are named 'dense_1'/],
  ]);
});

test('optimizers and losses check their figures', async (t) => {
  await refuses(t, [
    ['rate', () => optimizers.sgd({ learningRate: -1 }), 'ERR_VALUE', /^learningRate must be a number from 0/],
    ['rate NaN', () => optimizers.adam({ learningRate: Number.NaN }), 'ERR_VALUE', /^learningRate must be/],
    [
      'rate text',
      () => optimizers.adam({ learningRate: '0.1' as never }),
      'ERR_TYPE',
      /must be a number, schedules\.constant/,
    ],
    ['momentum', () => optimizers.sgd({ momentum: 1 }), 'ERR_VALUE', /^momentum must be a number from 0 to below 1/],
    ['nesterov', () => optimizers.sgd({ nesterov: 1 as never }), 'ERR_TYPE', /^nesterov must be a boolean/],
    ['beta1', () => optimizers.adam({ beta1: 1 }), 'ERR_VALUE', /^beta1 must be/],
    ['beta2', () => optimizers.adamw({ beta2: -0.5 }), 'ERR_VALUE', /^beta2 must be/],
    ['epsilon', () => optimizers.adam({ epsilon: 0 }), 'ERR_VALUE', /^epsilon must be/],
    ['weightDecay', () => optimizers.adamw({ weightDecay: -1 }), 'ERR_VALUE', /^weightDecay must be/],
    ['clipNorm', () => optimizers.sgd({ clipNorm: Infinity }), 'ERR_VALUE', /^clipNorm must be/],
    ['smoothing', () => losses.categoricalCrossentropy({ labelSmoothing: 1 }), 'ERR_VALUE', /^labelSmoothing must be/],
    ['patches', () => image.toSequence({ scheme: 'patches' }), 'ERR_VALUE', /needs a patchSize/],
  ]);
});
