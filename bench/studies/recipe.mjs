// What all studies train with: the recipe of `npm start`, so that only what a study varies differs.
import { optimizers, schedules } from '../../dist/lib/index.js';

export function compileRecipe(model, { learningRate = 3e-3 } = {}) {
  model.compile({
    optimizer: optimizers.adam({ learningRate: schedules.cosine({ learningRate }), clipNorm: 1 }),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}
