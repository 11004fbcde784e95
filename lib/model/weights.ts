/** A model's parameters as a table of named tensors: PyTorch's names, order and shapes. */
import { CugruError } from '../errors.js';
import type { NamedGroup } from '../layers/builder.js';
import { stateOp } from '../layers/kept_states.js';
import { native, type StoreContent, type StoreHandle } from '../native.js';
import { elements, expectTensor, type Tensor } from './tensor.js';
import { readBuffer, writeBuffer } from './transfer.js';

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

  /** `prefix`: whether names begin with the group's. States that layers keep are no weights, and have no entry. */
  entries(content: StoreContent, prefix = true): Entry[] {
    return this.#places(content, prefix).filter(({ group }) => group.op !== stateOp);
  }

  /** Places of the states that layers keep. */
  states(): Entry[] {
    return this.#places('parameters', true).filter(({ group }) => group.op === stateOp);
  }

  #places(content: StoreContent, prefix: boolean): (Entry & { readonly group: NamedGroup })[] {
    const entries: (Entry & { readonly group: NamedGroup })[] = [];
    let offset = 0;
    for (const group of this.#groups) {
      if (group.buffer === true && content !== 'parameters') continue;
      group.params.forEach((param, i) => {
        const length = elements(param.shape);
        const publicName = group.publicNames[i] ?? param.name;
        // A stack with dropout has a group for each layer; outside they are one.
        const owner = group.name.replace(/\.l\d+$/, '');
        entries.push({
          name: prefix ? `${owner}.${publicName}` : publicName,
          shape: param.shape,
          offset,
          length,
          group,
        });
        offset += length;
      });
    }
    return entries;
  }

  /** Floats of a content. */
  length(content: StoreContent): number {
    return this.#places(content, true).reduce((sum, entry) => sum + entry.length, 0);
  }

  async read(store: StoreHandle, content: StoreContent, prefix = true): Promise<StateDict> {
    const entries = this.entries(content, prefix);
    if (entries.length === 0) return {};
    const buffer = await native().storeRead(store, content);
    const dict: StateDict = {};
    for (const { name, shape, offset, length } of entries) {
      const data = new Float32Array(length);
      await readBuffer(buffer, offset * 4, data);
      dict[name] = { data, shape };
    }
    native().dispose(buffer);
    return dict;
  }

  /** Writes zeros to the states that layers keep. */
  async zeroStates(store: StoreHandle): Promise<void> {
    const states = this.states();
    if (states.length === 0) return;
    const buffer = await native().storeRead(store, 'parameters');
    for (const { name, offset, length } of states)
      await writeBuffer(name, new Float32Array(length), buffer, offset * 4);
    await native().storeWrite(store, 'parameters', buffer);
    native().dispose(buffer);
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
    const missing = options.partial === true ? [] : entries.filter((entry) => dict[entry.name] === undefined);
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
    const given = entries.filter((entry) => dict[entry.name] !== undefined);
    for (const { name, shape } of given) {
      const axes = shape.map((_, i) => `dim${i}`);
      expectTensor(name, dict[name] as Tensor, axes, shape);
    }
    if (given.length === 0) return;
    const buffer =
      options.partial === true
        ? await native().storeRead(store, content)
        : native().createBuffer(this.length(content) * 4);
    for (const { name, offset } of given) await writeBuffer(name, (dict[name] as Tensor).data, buffer, offset * 4);
    await native().storeWrite(store, content, buffer);
    native().dispose(buffer);
  }
}
