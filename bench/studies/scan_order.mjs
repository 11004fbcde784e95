// In which order a GRU had best read an image: the same model on MNIST as rows, as columns, and as patches along six paths.
import { image, layers, sequential } from '../../dist/lib/index.js';
import { compileRecipe } from './recipe.mjs';

const patches = (order) => ({ scheme: 'patches', patchSize: 4, order });

const schemes = [
  ['rows', { scheme: 'rows' }],
  ['columns', { scheme: 'columns' }],
  ['patches, raster', patches('raster')],
  ['patches, snake', patches('snake')],
  ['patches, Hilbert', patches('hilbert')],
  ['patches, spiral in', patches('spiralIn')],
  ['patches, spiral out', patches('spiralOut')],
  ['patches, diagonal', patches('diagonal')],
];

function build(scheme, train, seed) {
  return sequential(
    [
      image.toSequence(scheme),
      layers.gru({ units: 128, returnSequences: true }),
      layers.gru({ units: 128 }),
      layers.dense({ units: train.classes, activation: 'softmax' }),
    ],
    { inputShape: train.inputShape, seed },
  );
}

export const study = {
  name: 'scan-order',
  title: 'Scan orders for a GRU of 2 × 128 units, MNIST',
  epochs: 5,
  seeds: [1, 2, 3],
  entries(train) {
    return schemes.map(([name, scheme]) => ({
      name,
      note: scheme.scheme === 'patches' ? '49 steps of 16' : '28 steps of 28',
      build: (seed) => compileRecipe(build(scheme, train, seed)),
      fit: { batchSize: 128 },
    }));
  },
};
