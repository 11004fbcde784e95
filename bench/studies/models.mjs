// The ready models that the docs promise figures of, with the recipe of `npm start` and images shifted by up to two pixels.
import { compileRecipe } from '../../dist/lib/cli/recipe.js';
import { augment, models } from '../../dist/lib/index.js';

const shifted = { batchSize: 128, augment: [augment.shift({ height: 2, width: 2 })] };

export const study = {
  name: 'models',
  title: 'Ready models on MNIST, with shifts',
  epochs: 10,
  seeds: [1, 2, 3],
  latency: true,
  entries(train) {
    const options = (seed) => ({ inputShape: train.inputShape, classes: train.classes, seed });
    return [
      {
        name: 'gruRows, bidirectional',
        note: '2 × 128 units',
        build: (seed) => compileRecipe(models.gruRows({ ...options(seed), bidirectional: true })),
        fit: shifted,
      },
      {
        name: 'convGru',
        note: '32 and 64 filters, 128 units',
        epochs: 6,
        build: (seed) => compileRecipe(models.convGru(options(seed)), 2e-3),
        fit: shifted,
      },
    ];
  },
};
