/** Layers that make one tensor of several. */
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { type LayerConfig, MergeLayer } from './layer.js';
import { lowerConcat } from './rearrange.js';

/** Options of layers that have none but a name. */
export interface MergeOptions {
  readonly name?: string;
}

// Compares shapes: all axes, or all but the last.
function expectAlike(name: string, inputs: readonly SymbolicTensor[], apart: 'nothing' | 'the last axis'): void {
  const [first] = inputs as readonly [SymbolicTensor];
  const axes = ({ dims }: SymbolicTensor): number[] => dims.slice(0, apart === 'nothing' ? dims.length : -1);
  inputs.forEach((input, i) => {
    const same = input.steps === first.steps && input.rows === first.rows && input.dims.length === first.dims.length;
    if (same && axes(input).every((dim, axis) => dim === first.dims[axis])) return;
    const but = apart === 'nothing' ? '' : ` but for ${apart}`;
    throw new CugruError(
      'ERR_SHAPE',
      `${name} takes inputs of one shape${but}: the first is ${describeShape(first)}, input ${i} is ${describeShape(input)}`,
      { expected: first.dims, got: input.dims, input: i },
    );
  });
}

type Kind = 'add' | 'average' | 'multiply' | 'concat';

class ElementsLayer extends MergeLayer {
  readonly kind: Kind;
  readonly config: LayerConfig = {};

  constructor(kind: Kind, options: MergeOptions) {
    super(`layers.${kind}`, options, []);
    this.kind = kind;
  }

  override merge(builder: GraphBuilder, name: string, inputs: readonly SymbolicTensor[]): SymbolicTensor {
    expectAlike(name, inputs, this.kind === 'concat' ? 'the last axis' : 'nothing');
    if (this.kind === 'concat') return lowerConcat(builder, name, inputs);
    if (this.kind === 'multiply') return this.#multiply(builder, name, inputs);
    const output = builder.like(inputs[0] as SymbolicTensor);
    builder.node(name, 'add', this.kind === 'average' ? { scale: 1 / inputs.length } : {}, inputs, [output]);
    return output;
  }

  // Two at a time, from the first to the last.
  #multiply(builder: GraphBuilder, name: string, inputs: readonly SymbolicTensor[]): SymbolicTensor {
    return inputs.reduce((product, factor, i) => {
      const output = builder.like(product);
      builder.node(i === inputs.length - 1 ? name : `${name}.${i}`, 'multiply', {}, [product, factor], [output]);
      return output;
    });
  }
}

/**
 * The sum of two to eight tensors of one shape: `layers.add().apply([a, b])`. What residual connections end in.
 * @throws {@link CugruError} `ERR_SHAPE`, when it is applied, naming both shapes.
 */
export function add(options: MergeOptions = {}): MergeLayer {
  return new ElementsLayer('add', options);
}

/**
 * The mean of two to eight tensors of one shape.
 * @throws {@link CugruError} `ERR_SHAPE`, when it is applied, naming both shapes.
 */
export function average(options: MergeOptions = {}): MergeLayer {
  return new ElementsLayer('average', options);
}

/**
 * The product of two to eight tensors of one shape, element by element. What gates are made of.
 * @throws {@link CugruError} `ERR_SHAPE`, when it is applied, naming both shapes.
 */
export function multiply(options: MergeOptions = {}): MergeLayer {
  return new ElementsLayer('multiply', options);
}

/**
 * Two to eight tensors side by side on the last axis; all other axes are the same.
 * @throws {@link CugruError} `ERR_SHAPE`, when it is applied, naming both shapes.
 */
export function concat(options: MergeOptions = {}): MergeLayer {
  return new ElementsLayer('concat', options);
}
