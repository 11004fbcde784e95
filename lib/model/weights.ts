/** A model's parameters as a table of named tensors: PyTorch's names, order and shapes. */
import { CugruError } from '../errors.js';
import type { NamedGroup } from '../layers/builder.js';
import { native, type StoreContent, type StoreHandle } from '../native.js';
import { elements, expectTensor, type Tensor } from './tensor.js';
import { fromBuffer, toBuffer } from './transfer.js';

/** Tensors by name, for example `gru_1.weight_ih_l0`. */
export type StateDict = Record<string, Tensor>;

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** Names and places of all parameters in a store's canonical order. */
export class WeightTable {
  readonly #groups: readonly NamedGroup[];

  constructor(groups: readonly NamedGroup[]) {
    this.#groups = groups;
  }

  /** `prefix`: whether names begin with the group's. */
  entries(content: StoreContent, prefix = true): Entry[] {
    const entries: Entry[] = [];
    let offset = 0;
    for (const group of this.#groups) {
      if (group.buffer === true && content !== 'parameters') continue;
      group.params.forEach((param, i) => {
        const length = elements(param.shape);
        const publicName = group.publicNames[i] ?? param.name;
        // A stack with dropout has a group for each layer; outside they are one.
        const owner = group.name.replace(/\.l\d+$/, '');
        entries.push({ name: prefix ? `${owner}.${publicName}` : publicName, shape: param.shape, offset, length });
        offset += length;
      });
    }
    return entries;
  }

  /** Floats of a content. */
  length(content: StoreContent): number {
    return this.entries(content).reduce((sum, entry) => sum + entry.length, 0);
  }

  async read(store: StoreHandle, content: StoreContent, prefix = true): Promise<StateDict> {
    const flat = await this.readFlat(store, content);
    const dict: StateDict = {};
    for (const { name, shape, offset, length } of this.entries(content, prefix)) {
      dict[name] = { data: flat.slice(offset, offset + length), shape };
    }
    return dict;
  }

  async readFlat(store: StoreHandle, content: StoreContent): Promise<Float32Array> {
    const length = this.length(content);
    if (length === 0) return new Float32Array(0);
    return fromBuffer(await native().storeRead(store, content), new Float32Array(length));
  }

  /**
   * Writes all tensors, or with `partial` those that are given. Names, shapes and values are checked first; on an error
   * nothing has changed.
   */
  async write(
    store: StoreHandle,
    content: StoreContent,
    dict: Readonly<StateDict>,
    options: { readonly prefix?: boolean; readonly partial?: boolean } = {},
  ): Promise<void> {
    const entries = this.entries(content, options.prefix ?? true);
    const known = new Set(entries.map((entry) => entry.name));
    const unknown = Object.keys(dict).filter((name) => !known.has(name));
    const missing = options.partial === true ? [] : entries.filter((entry) => !Object.hasOwn(dict, entry.name));
    if (unknown.length > 0 || missing.length > 0) {
      const parts = [
        ...(missing.length > 0 ? [`missing: ${missing.map((entry) => entry.name).join(', ')}`] : []),
        ...(unknown.length > 0 ? [`not of this model: ${unknown.join(', ')}`] : []),
      ];
      throw new CugruError('ERR_VALUE', `the weights do not fit this model; ${parts.join('; ')}`, {
        missing: missing.map((entry) => entry.name),
        unknown,
      });
    }
    const flat =
      options.partial === true ? await this.readFlat(store, content) : new Float32Array(this.length(content));
    for (const { name, shape, offset } of entries) {
      const tensor = dict[name];
      if (tensor === undefined) continue;
      expectTensor(
        name,
        tensor,
        shape.map((_, i) => `dim${i}`),
        shape,
      );
      flat.set(tensor.data, offset);
    }
    if (flat.length === 0) return;
    const buffer = await toBuffer('weights', flat);
    await native().storeWrite(store, content, buffer);
    native().dispose(buffer);
  }
}
