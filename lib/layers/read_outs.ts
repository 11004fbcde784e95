/** One vector for a whole sequence: its last step, its ends, its mean, its maximum. */
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { expectSteps, refuseStream } from './forms.js';
import { Layer, type LayerConfig } from './layer.js';
import { lowerConcat } from './rearrange.js';

type Reduction = 'mean' | 'max' | 'first' | 'last';

function reduceSteps(builder: GraphBuilder, name: string, input: SymbolicTensor, kind: Reduction): SymbolicTensor {
  const output = builder.tensor('f32', 0, input.dims, input.rows);
  builder.node(name, 'reduceSteps', { kind }, [input, builder.lengths], [output]);
  return output;
}

class ReadOutLayer extends Layer {
  readonly kind: string;
  readonly config: LayerConfig = {};
  readonly #parts: readonly Reduction[];

  constructor(kind: string, options: { readonly name?: string }, reductions: readonly Reduction[]) {
    super(`layers.${kind}`, options, []);
    this.kind = kind;
    this.#parts = reductions;
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    expectSteps(name, input);
    // The step that a stream is at is the last that it has seen.
    if (this.kind !== 'lastStep') refuseStream(builder, name, input);
    const [only] = this.#parts as readonly [Reduction];
    if (this.#parts.length === 1) return reduceSteps(builder, name, input, only);
    return lowerConcat(
      builder,
      name,
      this.#parts.map((kind) => reduceSteps(builder, `${name}.${kind}`, input, kind)),
    );
  }
}

/**
 * The last valid step: `[batch, steps, features]` becomes `[batch, features]`. In a stream it is the step that was just given. Of a
 * bidirectional layer's sequence the reverse direction has seen one step there; {@link firstAndLast} has both ends.
 * @throws {@link CugruError} `ERR_SHAPE`, when the model is built, for anything without steps.
 */
export function lastStep(options: { readonly name?: string } = {}): Layer {
  return new ReadOutLayer('lastStep', options, ['last']);
}

/**
 * The first and the last valid step side by side: `[batch, steps, features]` becomes `[batch, 2 * features]`.
 * @throws {@link CugruError} `ERR_SHAPE`, when the model is built, for anything without steps.
 */
export function firstAndLast(options: { readonly name?: string } = {}): Layer {
  return new ReadOutLayer('firstAndLast', options, ['first', 'last']);
}

/**
 * The mean over the valid steps (Keras's GlobalAveragePooling1D with a mask): `[batch, steps, features]` becomes `[batch, features]`.
 * @throws {@link CugruError} `ERR_SHAPE`, when the model is built, for anything without steps.
 */
export function meanSteps(options: { readonly name?: string } = {}): Layer {
  return new ReadOutLayer('meanSteps', options, ['mean']);
}

/**
 * The largest value of each feature over the valid steps: `[batch, steps, features]` becomes `[batch, features]`. Its gradient goes to
 * the first step that has it.
 * @throws {@link CugruError} `ERR_SHAPE`, when the model is built, for anything without steps.
 */
export function maxSteps(options: { readonly name?: string } = {}): Layer {
  return new ReadOutLayer('maxSteps', options, ['max']);
}
