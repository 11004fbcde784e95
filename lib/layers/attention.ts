/** A weighted mean of the steps, with learned weights. */
import { expectInteger } from '../checks.js';
import { expectSequence, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { refuseStream } from './forms.js';
import { initializerSpec } from './initializers.js';
import { Layer, type LayerConfig } from './layer.js';

/** Options of {@link attention}. */
export interface AttentionOptions {
  /** Width of what each step is scored by, at least 1. As many as there are features when left out. */
  readonly units?: number;
  readonly name?: string;
}

interface Sums {
  readonly units: number;
  readonly activation: 'tanh' | 'linear';
  readonly useBias: boolean;
}

class AttentionLayer extends Layer {
  readonly kind = 'attention';
  readonly config: LayerConfig;
  readonly #units: number | undefined;

  constructor(options: AttentionOptions) {
    super('layers.attention', options, ['units']);
    if (options.units !== undefined) this.#units = expectInteger('units', options.units, { min: 1, max: 2 ** 20 });
    this.config = this.#units === undefined ? {} : { units: this.#units };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    expectSequence(name, input);
    refuseStream(builder, name, input);
    const units = this.#units ?? (input.dims[0] as number);
    const projected = this.#dense(builder, name, 'projection', input, { units, activation: 'tanh', useBias: true });
    // A bias would be the same for all steps, and the softmax would not see it.
    const scores = this.#dense(builder, name, 'score', projected, { units: 1, activation: 'linear', useBias: false });
    const output = builder.tensor('f32', 0, input.dims, input.rows);
    builder.node(name, 'attentionPool', {}, [input, scores, builder.lengths], [output, undefined]);
    return output;
  }

  #dense(builder: GraphBuilder, name: string, part: string, input: SymbolicTensor, sums: Sums): SymbolicTensor {
    const { units, useBias } = sums;
    const params = [
      { name: 'weight', shape: [units, input.dims[0] as number] },
      ...(useBias ? [{ name: 'bias', shape: [units] }] : []),
    ];
    const initializers = [initializerSpec('glorotUniform', units, 1), initializerSpec('zeros', units, 1)];
    const group = builder.groups.index(this, `${name}.${part}`, () => ({
      name,
      op: 'dense',
      params,
      publicNames: params.map((param) => `${part}.${param.name}`),
      initializers: initializers.slice(0, params.length),
    }));
    const output = builder.like(input, [units]);
    builder.node(`${name}.${part}`, 'dense', { ...sums }, [input], [output], group);
    return output;
  }
}

/**
 * A mean of the valid steps, weighted by what the layer learns to look at: `[batch, steps, features]` becomes `[batch, features]`.
 *
 *     u_t = tanh(W x_t + b)      w = softmax over t of v · u_t      y = Σ_t w_t x_t
 *
 * The scores are those of Bahdanau et al. (2015) without a query, as Yang et al. (2016, "Hierarchical Attention Networks", equations 5
 * to 7) pool words. Parameters `projection.weight` (units, features), `projection.bias` (units) and `score.weight` (1, units).
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`; `ERR_SHAPE`, when the model is built, for anything but `[batch, steps, features]`.
 */
export function attention(options: AttentionOptions = {}): Layer {
  return new AttentionLayer(options);
}
