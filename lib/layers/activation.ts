/** Softmax as a layer of its own. */
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { lowerSoftmax } from './dense.js';
import { Layer, type LayerConfig } from './layer.js';

/** Softmax; as a model's last layer its input are the sums for the loss. */
export class SoftmaxLayer extends Layer {
  readonly kind = 'softmax';
  /** @internal */
  override readonly perPosition = true;
  readonly config: LayerConfig = {};

  constructor(options: { readonly name?: string }) {
    super('layers.softmax', options, []);
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    return lowerSoftmax(builder, name, input);
  }
}

/** Softmax over the last axis: `exp(x_c) / Σ exp(x)`. For a classifier's last layer prefer `dense({activation: 'softmax'})`. */
export function softmax(options: { readonly name?: string } = {}): Layer {
  return new SoftmaxLayer(options);
}
