/**
 * Layers for {@link sequential}.
 *
 * @module
 */
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
