/** The main job's model and recipe, in one place for the command and the benchmarks. */
import type { Dataset } from '../data/index.js';
import { CugruError } from '../errors.js';
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
  /**
   * How images are read.
   * @defaultValue rows
   */
  readonly toSequence?: image.ToSequenceOptions;
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
export function articleModel(dataset: Dataset, options: Recipe): Sequential {
  const { units, learningRate, seed, device, toSequence = { scheme: 'rows' } } = options;
  if (dataset.classes === undefined) {
    throw new CugruError('ERR_VALUE', `${dataset.name} has no class numbers to train a classifier on`);
  }
  const model = sequential(
    [
      image.toSequence(toSequence),
      layers.gru({ units, returnSequences: true }),
      layers.gru({ units }),
      layers.dense({ units: dataset.classes, activation: 'softmax' }),
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
