/** What `import { layers } from 'cugru'` holds. */
export {
  type ActivationName,
  type DenseOptions,
  type DropoutOptions,
  dense,
  dropout,
  type GruOptions,
  gru,
  type Initializer,
  type Layer,
  type LayerConfig,
  softmax,
} from './index.js';
