/** The main job's model and recipe, in one place for the command and the benchmarks. */
import type { Dataset } from '../data/index.js';
import type { Sequential } from '../training/index.js';
import { type ModelSetting, type Reading, readyModel } from './models.js';

/** What can be chosen of the main job. */
export interface Recipe extends ModelSetting {
  /** Of each GRU. */
  readonly units: number;
  /**
   * How images are read.
   * @defaultValue rows
   */
  readonly toSequence?: Reading;
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

/** The article's model, GRU with sequences, GRU, dense softmax; as {@link readyModel} compiles it. */
export function articleModel(dataset: Dataset, { units, toSequence, ...setting }: Recipe): Sequential {
  return readyModel(dataset, { model: 'gruRows', units, ...toSequence }, setting);
}
