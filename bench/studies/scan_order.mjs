// In which order a GRU had best read an image: the same model on MNIST as rows, as columns, and as patches along six paths.
import { compileRecipe } from '../../dist/lib/cli/recipe.js';
import { models } from '../../dist/lib/index.js';

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

function build(toSequence, train, seed) {
  return models.gruRows({ inputShape: train.inputShape, classes: train.classes, toSequence, seed });
}

export const study = {
  name: 'scan-order',
  title: 'Scan orders for a GRU of 2 × 128 units, MNIST',
  epochs: 3,
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
