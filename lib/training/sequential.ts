/** Models from a list of layers. */
import { rejectUnknownKeys } from '../checks.js';
import type { ToSequence } from '../image/index.js';
import type { AnyLayer } from '../layers/layer.js';
import { type ChainInput, chainOf } from '../model/chain.js';
import type { ModelOptions } from '../model/network.js';
import { Model } from './model.js';

/** A model whose layers form a chain: what {@link sequential} gives. */
export type Sequential = Model;

/** Options of {@link sequential}. */
export interface SequentialOptions extends ChainInput, ModelOptions {}

/**
 * Builds a model from a list of layers.
 *
 * @example
 * ```ts
 * const model = sequential(
 *   [image.toSequence({ scheme: 'rows' }), layers.gru({ units: 128 }), layers.dense({ units: 10, activation: 'softmax' })],
 *   { inputShape: [28, 28, 1], device: 'auto', seed: 1 },
 * );
 * ```
 * @throws {@link CugruError} `ERR_SHAPE` naming the layer and axes that do not fit, `ERR_VALUE`, `ERR_TYPE`,
 * `ERR_CUDA_UNAVAILABLE`.
 */
export function sequential(layers: readonly (AnyLayer | ToSequence)[], options: SequentialOptions): Model {
  rejectUnknownKeys('sequential', options, [
    'inputShape',
    'normalization',
    'batchSize',
    'device',
    'seed',
    'precision',
    'isa',
  ]);
  return new Model(chainOf(layers, options), options);
}
