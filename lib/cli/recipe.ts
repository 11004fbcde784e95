/** The main job's model and recipe, in one place for the command and the benchmarks. */
import type { Dataset } from '../data/index.js';
import { image } from '../image/index.js';
import * as layers from '../layers/index.js';
import type { Device } from '../model/runtime.js';
import { optimizers, type Sequential, schedules, sequential } from '../training/index.js';

/** What can be chosen of the main job. */
export interface Recipe {
  /** Of each GRU. */
  readonly units: number;
  /** At the start of the cosine. */
  readonly learningRate: number;
  readonly seed: number;
  readonly device: Device;
}

/** The defaults of `cugru train`. */
export const recipe = {
  epochs: 10,
  batchSize: 128,
  units: 128,
  learningRate: 3e-3,
  seed: 1,
  device: 'auto',
} as const;

/** The article's model: GRU with sequences, GRU, dense softmax; Adam with a cosine over the whole training, clipped. */
export function articleModel(dataset: Dataset, { units, learningRate, seed, device }: Recipe): Sequential {
  const model = sequential(
    [
      image.toSequence({ scheme: 'rows' }),
      layers.gru({ units, returnSequences: true }),
      layers.gru({ units }),
      layers.dense({ units: dataset.classes as number, activation: 'softmax' }),
    ],
    { inputShape: dataset.inputShape, device, seed },
  );
  model.compile({
    optimizer: optimizers.adam({ learningRate: schedules.cosine({ learningRate }), clipNorm: 1 }),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}
