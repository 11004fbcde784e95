/** What every layer is: a description that lowers itself to graph nodes. */
import { expectString, rejectUnknownKeys } from '../checks.js';
import type { GraphBuilder, SymbolicTensor } from './builder.js';

/** Plain, JSON-able options of a layer, complete with defaults: what `config.json` holds. */
export type LayerConfig = Readonly<Record<string, unknown>>;

/**
 * A layer. It describes only: it owns no memory and may be used in several models. Used twice in one model, it shares
 * its parameters.
 */
export abstract class Layer {
  /** The factory's name: `gru`, `dense`, ... */
  abstract readonly kind: string;
  /** All options with defaults filled in. */
  abstract readonly config: LayerConfig;
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

  /** @internal Adds this layer's nodes to the graph and returns its output. */
  abstract lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor;
}
