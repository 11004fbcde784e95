/** What `import { losses } from 'cugru'` holds. */
export {
  type CategoricalCrossentropyOptions,
  categoricalCrossentropy,
  type Loss,
  type LossName,
  meanSquaredError,
} from './loss.js';
