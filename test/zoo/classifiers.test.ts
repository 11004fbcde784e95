/** The ready classifiers: their sizes by formula, one small fit each, and what they refuse. */
import test from 'ava';
import { datasets, models, optimizers, type Sequential } from '../../lib/index.js';
import { refuses } from '../support/training_models.js';

const inputShape = [28, 28, 1] as const;
const mnist = { inputShape, classes: 10, device: 'cpu' } as const;

// Of one direction, with both biases.
const gru = (features: number, units: number): number => 3 * (features * units + units ** 2 + 2 * units);
const lstm = (features: number, units: number): number => 4 * (features * units + units ** 2 + 2 * units);
const dense = (features: number, units: number): number => (features + 1) * units;

function count(t: { is(a: number, b: number): boolean }, model: Sequential, wanted: number): void {
  t.is(model.parameterCount, wanted);
  model.dispose();
}

test('gruRows: 3(DH + H² + 2H) + 3(L − 1)(2H² + 2H) parameters and the classes', (t) => {
  const formula = (D: number, H: number, L: number) =>
    3 * (D * H + H ** 2 + 2 * H) + 3 * (L - 1) * (2 * H ** 2 + 2 * H);
  count(t, models.gruRows(mnist), formula(28, 128, 2) + dense(128, 10));
  t.is(formula(28, 128, 2) + dense(128, 10), 161_034, 'as the description says');
  count(t, models.gruRows({ ...mnist, units: 5, numLayers: 3 }), formula(28, 5, 3) + dense(5, 10));
  const both = 2 * gru(28, 7) + 2 * gru(14, 7) + dense(14, 10);
  count(t, models.gruRows({ ...mnist, units: 7, bidirectional: true }), both);
});

test('gruRows takes every cell and way of reading', (t) => {
  // Gates and biases of each.
  const cells = {
    gru: [3, 2],
    gruResetBefore: [3, 1],
    lstm: [4, 2],
    cifgLstm: [3, 2],
    rnn: [1, 2],
    article: [3, 1],
  } as const;
  const toSequence = { scheme: 'patches', patchSize: 7, coordinates: true } as const;
  for (const [cell, [gates, biases]] of Object.entries(cells) as [keyof typeof cells, readonly [number, number]][]) {
    const wanted = gates * 6 * (51 + 6 + biases) + dense(6, 10);
    count(t, models.gruRows({ ...mnist, cell, units: 6, numLayers: 1, toSequence }), wanted);
  }
});

test('hierarchicalGru: a GRU over the pixels of a row, and one over the rows', (t) => {
  count(t, models.hierarchicalGru(mnist), gru(1, 64) + gru(64, 128) + dense(128, 10));
  t.is(Math.round((gru(1, 64) + gru(64, 128)) / 1000), 87);
  const both = models.hierarchicalGru({ ...mnist, rowUnits: 3, units: 4, bidirectional: true });
  count(t, both, 2 * gru(1, 3) + 2 * gru(6, 4) + dense(8, 10));
});

test('renet: two sweeps in both directions a layer, each layer halves the sides', (t) => {
  const layer = (features: number, units: number) => 2 * gru(features, units) + 2 * gru(2 * units, units);
  const all = layer(4, 64) + layer(4 * 128, 64) + dense(7 * 7 * 128, 256) + dense(256, 10);
  count(t, models.renet(mnist), all);
  t.is(Math.round(all / 1e5), 20, '2.0 million');
  const small = models.renet({ ...mnist, units: 3, numLayers: 1, windowSize: [4, 7], denseUnits: 0 });
  count(t, small, layer(28, 3) + dense(7 * 4 * 6, 10));
});

test('sequencer: patches, blocks of sweeps and a network, a normalisation', (t) => {
  const block = (C: number, H: number, ratio: number) =>
    4 * lstm(C, H) + dense(4 * H, C) + dense(C, ratio * C) + dense(ratio * C, C) + 4 * C;
  count(t, models.sequencer(mnist), dense(16, 64) + 4 * block(64, 16, 3) + 2 * 64 + dense(64, 10));
  const small = models.sequencer({ ...mnist, channels: 8, units: 3, numBlocks: 1, patchSize: 7, mlpRatio: 2 });
  count(t, small, dense(49, 8) + block(8, 3, 2) + 2 * 8 + dense(8, 10));
});

test('convGru: convolutions with normalisation, and a GRU over the rows of the map', (t) => {
  const convolutions = 9 * 32 + 2 * 32 + 9 * 32 * 64 + 2 * 64;
  const all = convolutions + 2 * gru(7 * 64, 128) + dense(256, 10);
  count(t, models.convGru(mnist), all);
  t.is(Math.round(all / 1000), 465, 'thousand');
  const bare = { ...mnist, filters: [4], kernelSize: 5, units: 3, bidirectional: false, batchNorm: false };
  count(t, models.convGru(bare), 25 * 4 + 4 + gru(14 * 4, 3) + dense(3, 10));
});

/** Images of 8 x 8 pixels, bright above or below. */
function halves(rows: number) {
  const labels = Int32Array.from({ length: rows }, (_, i) => i % 2);
  const images = Uint8Array.from({ length: rows * 64 }, (_, i) => {
    const [image, y] = [Math.floor(i / 64), Math.floor((i % 64) / 8)];
    return (y < 4 ? 0 : 1) === image % 2 ? 150 + ((i * 37) % 100) : (i * 11) % 40;
  });
  return datasets.fromArrays({ images, labels, shape: [8, 8, 1], classes: 2 });
}

const small = { inputShape: [8, 8, 1], classes: 2, device: 'cpu', seed: 1 } as const;
const ready: Readonly<Record<string, () => Sequential>> = {
  gruRows: () => models.gruRows({ ...small, units: 6, dropout: 0.1 }),
  hierarchicalGru: () => models.hierarchicalGru({ ...small, rowUnits: 3, units: 6 }),
  renet: () => models.renet({ ...small, units: 3, denseUnits: 8 }),
  sequencer: () => models.sequencer({ ...small, channels: 8, numBlocks: 2, dropPath: 0.1 }),
  convGru: () => models.convGru({ ...small, filters: [4], units: 4 }),
};

for (const [name, build] of Object.entries(ready)) {
  test(`${name} learns to tell two kinds of images`, async (t) => {
    const model = build();
    model.compile({ optimizer: optimizers.adam({ learningRate: 0.02 }), loss: 'categoricalCrossentropy' });
    const rows = halves(32);
    const { epochs } = await model.fit(rows, { epochs: 20, batchSize: 8 });
    t.true((epochs.at(-1)?.loss ?? 1) < 0.5 * (epochs[0]?.loss ?? 0), `${epochs[0]?.loss} to ${epochs.at(-1)?.loss}`);
    t.is((await model.evaluate(rows)).accuracy, 1);
    model.dispose();
  });
}

test('what a ready model does not have, or cannot have, is refused', async (t) => {
  await refuses(t, [
    ['unknown', () => models.gruRows({ ...small, layers: 2 } as never), 'ERR_VALUE', /models\.gruRows.*'layers'/],
    ['cell', () => models.gruRows({ ...small, cell: 'qrnn' as never }), 'ERR_VALUE', /cell must be one of 'gru'/],
    ['layers', () => models.gruRows({ ...small, numLayers: 0 }), 'ERR_VALUE', /numLayers must be an integer from 1/],
    ['dropout', () => models.gruRows({ ...small, dropout: Number.NaN }), 'ERR_VALUE', /rate must be/],
    ['classes', () => models.renet({ ...small, classes: 1 }), 'ERR_VALUE', /classes must be an integer from 2/],
    ['sweep', () => models.renet({ ...small, cell: 'article' as never }), 'ERR_VALUE', /cell must be one of/],
    [
      'direction',
      () => models.hierarchicalGru({ ...small, bidirectional: 1 as never }),
      'ERR_TYPE',
      /bidirectional must/,
    ],
    [
      'filters',
      () => models.convGru({ ...small, filters: [] }),
      'ERR_TYPE',
      /filters must be a list with a number for/,
    ],
    ['no filters', () => models.convGru({ ...small, filters: 8 as never }), 'ERR_TYPE', /filters must be a list/],
    ['filter', () => models.convGru({ ...small, filters: [0] }), 'ERR_VALUE', /filters\[0\] must be an integer from 1/],
    ['blocks', () => models.sequencer({ ...small, numBlocks: 0 }), 'ERR_VALUE', /numBlocks must be/],
    ['no image', () => models.gruRows({ ...small, inputShape: [8, 8] }), 'ERR_SHAPE', /takes images: inputShape/],
    ['no size', () => models.sequencer({ classes: 2 } as never), 'ERR_SHAPE', /inputShape must be \[height/],
  ]);
});
