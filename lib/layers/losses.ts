/**
 * Losses for {@link Model.compile}.
 *
 * @module
 */
export {
  type CategoricalCrossentropyOptions,
  categoricalCrossentropy,
  type Loss,
  type LossName,
  meanSquaredError,
  nextStep,
  reconstruction,
} from './loss.js';
