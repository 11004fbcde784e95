/** Names of the layers of one model: those that the user gave, or `gru_1`, `gru_2`, ... */
import { CugruError } from '../errors.js';
import type { AnyLayer } from './layer.js';
import { normalizationGroup } from './reading.js';

const reserved: readonly string[] = [normalizationGroup, 'input', 'toSequence'];

/** See the file's head. */
export class LayerNames {
  readonly #counts = new Map<string, number>();
  readonly #names = new Map<AnyLayer, string>();
  readonly #taken = new Set<string>();

  /** The layer's name: the same each time, once it is kept. */
  of(layer: AnyLayer): string {
    const known = this.#names.get(layer);
    if (known !== undefined) return known;
    const name = layer.name ?? `${layer.kind}_${this.#count(layer) + 1}`;
    if (this.#taken.has(name)) {
      throw new CugruError('ERR_VALUE', `two layers are named '${name}'; give each its own name`);
    }
    if (!/^[A-Za-z_][\w-]*$/.test(name) || reserved.includes(name)) {
      throw new CugruError('ERR_VALUE', `'${name}' cannot name a layer; use letters, digits, _ and -`);
    }
    return name;
  }

  /** Keeps what {@link LayerNames.of} gave, once the layer could be applied. */
  keep(layer: AnyLayer, name: string): void {
    if (this.#names.has(layer)) return;
    if (layer.name === undefined) this.#counts.set(layer.kind, this.#count(layer) + 1);
    this.#names.set(layer, name);
    this.#taken.add(name);
  }

  #count({ kind }: AnyLayer): number {
    return this.#counts.get(kind) ?? 0;
  }
}
