/** What every layer is: a description that lowers itself to graph nodes. */
import { expectString, rejectUnknownKeys } from '../checks.js';
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { applyLayer, type LayerTensor } from './layer_tensor.js';

/** Plain, JSON-able options of a layer, complete with defaults: what `config.json` holds. */
export type LayerConfig = Readonly<Record<string, unknown>>;

/** How many tensors a layer takes. */
export interface InputCount {
  readonly min: number;
  readonly max: number;
}

/** A layer, whatever it gives. */
export type AnyLayer = Layer<unknown>;

/**
 * A layer. It describes only: it owns no memory and may be used in several models. Used twice in one model, it shares
 * its parameters. `Output` is what {@link Layer.apply} gives: a tensor, or several.
 */
export abstract class Layer<Output = LayerTensor> {
  /** The factory's name: `gru`, `dense`, ... */
  abstract readonly kind: string;
  /** All options with defaults filled in. */
  abstract readonly config: LayerConfig;
  /** @internal One, unless a layer says otherwise. */
  readonly inputCount: InputCount = { min: 1, max: 1 };
  /** @internal Whether each position (step) is treated by itself: such a layer takes sequences as it takes vectors. */
  readonly perPosition: boolean = false;
  /** @internal Layers within this one. */
  readonly parts: readonly AnyLayer[] = [];
  /**
   * Whether `fit` changes the layer's weights. May be set at any time between fits.
   * @defaultValue true
   */
  trainable = true;
  /** The name that the user gave; otherwise the model numbers layers by kind: `gru_1`. */
  readonly name: string | undefined;

  /**
   * @param what - the factory, for messages
   * @param options - the user's, not checked yet
   * @param known - names of all options besides `name`
   */
  protected constructor(what: string, options: { readonly name?: string }, known: readonly string[]) {
    rejectUnknownKeys(what, options, [...known, 'name']);
    this.name = options.name === undefined ? undefined : expectString('name', options.name);
  }

  /**
   * Puts this layer behind others: see {@link input} and {@link model}. Applied several times, it shares its parameters.
   * @param inputs - what {@link input} or another layer's `apply` gave; an array for layers that take several.
   * @returns the layer's output, or an array where it has several.
   * @throws {@link CugruError} `ERR_SHAPE` naming the layer and the axes that do not fit, `ERR_GRAPH` for tensors of different
   * inputs or the wrong number of them, `ERR_TYPE`, `ERR_VALUE` for a name that another layer has.
   */
  apply(inputs: LayerTensor | readonly LayerTensor[]): Output {
    const outputs = applyLayer(this, inputs);
    return (outputs.length === 1 ? outputs[0] : outputs) as Output;
  }

  /** @internal Adds this layer's nodes to the graph and returns its output: for layers with one input and one output. */
  abstract lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor;

  /**
   * @internal Adds this layer's nodes to the graph and returns its outputs. While it runs, `builder.lengths` holds the valid steps of
   * the inputs' rows (those of the first input that has some). Outputs with as many steps keep them; a layer that sets
   * `builder.lengths` gives its outputs others.
   */
  lowerMany(builder: GraphBuilder, name: string, inputs: readonly SymbolicTensor[]): readonly SymbolicTensor[] {
    return [this.lower(builder, name, inputs[0] as SymbolicTensor)];
  }
}

/** A layer that makes one tensor of several; it has two to eight inputs. A layer of this kind has `merge` in place of `lower`. */
export abstract class MergeLayer extends Layer {
  /** @internal */
  override readonly inputCount: InputCount = { min: 2, max: 8 };

  /** @internal Adds this layer's nodes to the graph and returns its output. */
  abstract merge(builder: GraphBuilder, name: string, inputs: readonly SymbolicTensor[]): SymbolicTensor;

  /** @internal */
  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    return this.merge(builder, name, [input]);
  }

  /** @internal */
  override lowerMany(
    builder: GraphBuilder,
    name: string,
    inputs: readonly SymbolicTensor[],
  ): readonly SymbolicTensor[] {
    return [this.merge(builder, name, inputs)];
  }
}

/** What makes an equal layer, as plain data without its name. */
export function saveLayer({ kind, trainable, config }: AnyLayer): {
  readonly kind: string;
  readonly trainable: boolean;
  readonly config: LayerConfig;
} {
  return { kind, trainable, config };
}

/** A layer and all layers within it. */
export function withParts(layer: AnyLayer): AnyLayer[] {
  return [layer, ...layer.parts.flatMap(withParts)];
}
