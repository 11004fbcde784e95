/**
 * Losses for {@link Sequential.compile}.
 *
 * @module
 */
export {
  type CategoricalCrossentropyOptions,
  categoricalCrossentropy,
  type Loss,
  type LossName,
  meanSquaredError,
} from './loss.js';
