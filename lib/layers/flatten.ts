/** Everything but the batch axis in one. */
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { axesOf, lowerForm, product } from './forms.js';
import { Layer, type LayerConfig } from './layer.js';

class FlattenLayer extends Layer {
  readonly kind = 'flatten';
  readonly config: LayerConfig = {};

  constructor(options: { readonly name?: string }) {
    super('layers.flatten', options, []);
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    if (input.steps === 0 && input.dims.length === 1) return input;
    return lowerForm(builder, name, input, { steps: 0, dims: [product(axesOf(input))] });
  }
}

/**
 * All axes but the batch's in one, the last of them fastest: `[batch, steps, features]` becomes `[batch, steps * features]`. Steps
 * behind a row's length are taken along as they are.
 */
export function flatten(options: { readonly name?: string } = {}): Layer {
  return new FlattenLayer(options);
}
