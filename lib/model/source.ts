/** Datasets as slabs: uploaded once for each model, then picked from by row number. */

import type { Dataset, DatasetStorage } from '../data/index.js';
import { CugruError } from '../errors.js';
import { native, type SlabHandle } from '../native.js';
import type { Lowered, Variant } from './lowering.js';
import type { Runtime } from './runtime.js';

/** The slabs of one dataset's storage. */
export interface Slabs {
  readonly x: SlabHandle;
  readonly labels: SlabHandle | undefined;
  readonly lengths: SlabHandle | undefined;
  readonly samples: SlabHandle | undefined;
}

/** Keeps a storage's slabs for as long as the storage itself lives. */
export class SlabCache {
  readonly #runtime: Runtime;
  readonly #cache = new WeakMap<DatasetStorage, Promise<Slabs>>();
  // The same promises, for dispose: weakly, so that slabs still go with their storage.
  readonly #made = new Set<WeakRef<Promise<Slabs>>>();
  readonly #gone = new FinalizationRegistry<WeakRef<Promise<Slabs>>>((ref) => this.#made.delete(ref));

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get(storage: DatasetStorage): Promise<Slabs> {
    let slabs = this.#cache.get(storage);
    if (slabs === undefined) {
      slabs = this.#upload(storage);
      slabs.catch(() => this.#cache.delete(storage));
      this.#cache.set(storage, slabs);
      const ref = new WeakRef(slabs);
      this.#made.add(ref);
      this.#gone.register(slabs, ref);
    }
    return slabs;
  }

  /** Frees all slabs, those in the making as soon as they are made. */
  dispose(): void {
    for (const ref of this.#made) void ref.deref()?.then(disposeSlabs, () => {});
    this.#made.clear();
  }

  async #upload(storage: DatasetStorage): Promise<Slabs> {
    const { inputs, labels, lengths, samples } = storage;
    const x = await this.#runtime.upload('inputs', inputs, inputs instanceof Uint8Array ? 'u8' : 'f32');
    return {
      x,
      labels:
        labels === undefined
          ? undefined
          : await this.#runtime.upload('labels', labels, labels instanceof Int32Array ? 'i32' : 'f32'),
      lengths: lengths === undefined ? undefined : await this.#runtime.upload('lengths', lengths, 'i32'),
      samples: samples === undefined ? undefined : await this.#runtime.upload('samples', samples, 'i32'),
    };
  }
}

/** Frees slabs that are not in a cache. */
export function disposeSlabs(slabs: Slabs): void {
  for (const slab of [slabs.x, slabs.labels, slabs.lengths, slabs.samples]) {
    if (slab !== undefined) native().dispose(slab);
  }
}

/** The bindings of a run. */
export function slabBindings(lowered: Lowered, slabs: Slabs): { readonly index: number; readonly slab: SlabHandle }[] {
  const bindings = [{ index: lowered.inputs.x, slab: slabs.x }];
  if (lowered.inputs.labels >= 0 && slabs.labels !== undefined) {
    bindings.push({ index: lowered.inputs.labels, slab: slabs.labels });
  }
  if (lowered.inputs.lengths >= 0 && slabs.lengths !== undefined) {
    bindings.push({ index: lowered.inputs.lengths, slab: slabs.lengths });
  }
  if (lowered.inputs.samples >= 0 && slabs.samples !== undefined) {
    bindings.push({ index: lowered.inputs.samples, slab: slabs.samples });
  }
  return bindings;
}

/** Refuses a dataset whose rows are not what the model takes. */
export function expectInputs(dataset: Dataset, inputShape: readonly number[]): void {
  const { inputShape: got } = dataset;
  if (got.length === inputShape.length && got.every((dim, i) => dim === inputShape[i])) return;
  throw new CugruError(
    'ERR_SHAPE',
    `the model takes rows of [${inputShape.join(', ')}], the dataset has rows of [${got.join(', ')}]`,
    { expected: inputShape, got },
  );
}

/** What the dataset says about the graph, labels apart. */
export function inputVariant(dataset: Dataset): Pick<Variant, 'input' | 'lengths'> {
  const { inputs, lengths } = dataset.storage;
  return { input: inputs instanceof Uint8Array ? 'u8' : 'f32', lengths: lengths !== undefined };
}
