/** Learned position vectors. */
import { expectSequence, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { refuseStream } from './forms.js';
import { Layer, type LayerConfig } from './layer.js';

const deviation = 0.02;

class PositionEmbeddingLayer extends Layer {
  readonly kind = 'positionEmbedding';
  readonly config: LayerConfig = {};

  constructor(options: { readonly name?: string }) {
    super('layers.positionEmbedding', options, []);
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    expectSequence(name, input);
    refuseStream(builder, name, input);
    const shape = [input.steps, input.dims[0] as number];
    const group = builder.groups.index(this, name, () => ({
      name,
      op: 'addTable',
      params: [{ name: 'table', shape }],
      publicNames: ['weight'],
      initializers: [{ kind: 'normal', value: deviation }],
    }));
    const output = builder.like(input);
    builder.node(name, 'addTable', {}, [input], [output], group);
    return output;
  }
}

/**
 * Adds a learned vector to each step: `y_t = x_t + p_t` (Gehring et al., 2017), so that layers without a sense of order, such as
 * {@link attention}, know where a step is. Input and output `[batch, steps, features]`. Parameter `weight` (steps, features), as
 * PyTorch's Embedding has it; first values are normal with deviation 0.02 (Devlin et al., 2019).
 * @throws {@link CugruError} `ERR_SHAPE`, when the model is built, for anything but `[batch, steps, features]`.
 */
export function positionEmbedding(options: { readonly name?: string } = {}): Layer {
  return new PositionEmbeddingLayer(options);
}
