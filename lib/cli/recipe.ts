/** How the main job trains, in one place for the command, the benchmarks and the studies. */
import { optimizers, type Sequential, schedules } from '../training/index.js';

/** The defaults of `cugru train`. */
export const recipe = {
  epochs: 10,
  batchSize: 128,
  units: 128,
  learningRate: 3e-3,
  seed: 1,
  device: 'auto',
} as const;

/** Compiles a classifier: cross-entropy, Adam with a cosine over the whole training, gradients clipped at norm 1. */
export function compileRecipe(model: Sequential, learningRate: number = recipe.learningRate): Sequential {
  model.compile({
    optimizer: optimizers.adam({ learningRate: schedules.cosine({ learningRate }), clipNorm: 1 }),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}
