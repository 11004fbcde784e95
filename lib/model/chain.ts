/** A list of layers as a topology: each reads the one before it. */
import { CugruError } from '../errors.js';
import { isToSequence, type Normalization, type ToSequence } from '../image/index.js';
import { makeInput } from '../layers/input.js';
import { type AnyLayer, Layer } from '../layers/layer.js';
import { LayerTensor } from '../layers/layer_tensor.js';
import { type Topology, topologyOf } from '../layers/topology.js';

/** What a chain reads. */
export interface ChainInput {
  /**
   * Of one row: `[height, width, channels]` for images (then the first element of the list is `image.toSequence(...)`, or a layer that
   * takes images), `[steps, features]` for sequences, `[features]` for plain vectors.
   */
  readonly inputShape: readonly number[];
  /**
   * Of images that are taken as they are; `image.toSequence` has its own.
   * @defaultValue 'dataset' for images: mean and deviation of each channel of the first training set
   */
  readonly normalization?: Normalization;
  /**
   * Rows of every batch, for models with `stateful` layers: only so many are taken at a time.
   * @defaultValue any number
   */
  readonly batchSize?: number;
}

function expectList(layers: readonly unknown[]): void {
  if (!Array.isArray(layers) || layers.length === 0) {
    throw new CugruError('ERR_VALUE', 'a model needs a list of at least one layer');
  }
  layers.forEach((element, i) => {
    if (element instanceof Layer || (i === 0 && isToSequence(element))) return;
    const hint = isToSequence(element)
      ? 'image.toSequence can only be the first'
      : 'use layers.gru(...), layers.dense(...), ...';
    throw new CugruError('ERR_TYPE', `element ${i} of the list is not a layer; ${hint}`);
  });
  if (layers.length === 1 && isToSequence(layers[0])) {
    throw new CugruError('ERR_VALUE', 'a model needs at least one layer besides image.toSequence');
  }
}

/** @throws {@link CugruError} `ERR_SHAPE` naming the layer and axes that do not fit, `ERR_VALUE`, `ERR_TYPE`, `ERR_GRAPH`. */
export function chainOf(layers: readonly (AnyLayer | ToSequence)[], options: ChainInput): Topology {
  expectList(layers);
  let last = makeInput('inputShape', options.inputShape, options);
  for (const element of layers) {
    const next: unknown = element.apply(last);
    if (!(next instanceof LayerTensor)) {
      const { kind } = element;
      throw new CugruError(
        'ERR_GRAPH',
        `layers.${kind} gives several outputs here, and a list passes on one; use model({ inputs, outputs })`,
      );
    }
    last = next;
  }
  return topologyOf([last], false);
}
