/** Names of the layers of one model: those that the user gave, or `gru_1`, `gru_2`, ... */
import { CugruError } from '../errors.js';
import type { AnyLayer } from './layer.js';
import { normalizationGroup } from './reading.js';

const reserved: readonly string[] = [normalizationGroup, 'input', 'toSequence'];

/** See the file's head. */
export class LayerNames {
  readonly #counts = new Map<string, number>();
  readonly #names = new Map<AnyLayer, string>();
  readonly #layers = new Map<string, AnyLayer>();

  /** The layer's name, the same each time. */
  of(layer: AnyLayer): string {
    const known = this.#names.get(layer);
    if (known !== undefined) return known;
    const name = layer.name ?? this.#next(layer.kind);
    if (this.#layers.has(name)) {
      throw new CugruError('ERR_VALUE', `two layers are named '${name}'; give each its own name`);
    }
    if (!/^[A-Za-z_][\w-]*$/.test(name) || reserved.includes(name)) {
      throw new CugruError('ERR_VALUE', `'${name}' cannot name a layer; use letters, digits, _ and -`);
    }
    this.#names.set(layer, name);
    this.#layers.set(name, layer);
    return name;
  }

  #next(kind: string): string {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    return `${kind}_${count}`;
  }
}
