/** Datasets that are larger than memory: slabs of rows, one after the other, made while the one before is used. */
import { expectInteger } from '../checks.js';
import type { Decoding } from '../image/index.js';
import type { Dataset } from './dataset.js';
import type { SkippedFile } from './image_options.js';
import { prefetch } from './prefetch.js';

/** How a stream is cut. */
export interface SlabOptions {
  /**
   * Rows of a slab. Best a multiple of the batch size.
   * @defaultValue 4096
   */
  readonly slabRows?: number;
  /**
   * Slabs that are made ahead. Together with the one in use and the one in the making, they are all that is in memory.
   * @defaultValue 1
   */
  readonly prefetch?: number;
  /** Of the order of the rows: the same seed and epoch give the same order. @defaultValue 0 */
  readonly seed?: number;
}

/** @internal */
export const slabKeys = ['slabRows', 'prefetch', 'seed'] as const;

/** @internal */
export function checkSlabOptions(options: SlabOptions): Required<SlabOptions> {
  return {
    slabRows: expectInteger('slabRows', options.slabRows ?? 4096, { min: 1, max: 2 ** 24 }),
    prefetch: expectInteger('prefetch', options.prefetch ?? 1, { min: 0, max: 64 }),
    seed: expectInteger('seed', options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER }),
  };
}

/** @internal */
export interface StreamTraits {
  readonly name: string;
  readonly inputShape: readonly number[];
  readonly classes: number | undefined;
  readonly classNames: readonly string[] | undefined;
  readonly decoding: Decoding | undefined;
  readonly size: number | undefined;
}

/** Makes the slabs of an epoch, of so many rows; ends early when the signal says so. @internal */
export type SlabSource = (epoch: number, slabRows: number, signal: AbortSignal) => AsyncGenerator<Dataset, void>;

/**
 * Rows that come in slabs. Made by `datasets.stream` and `datasets.streamRows`.
 *
 * @example
 * ```ts
 * for (let epoch = 0; epoch < 10; epoch++) {
 *   for await (const slab of stream.slabs(epoch)) {
 *     for (let start = 0; start < slab.size; start += 128) {
 *       await model.trainOnBatch(slab.subset({ start, end: Math.min(slab.size, start + 128) }));
 *     }
 *   }
 * }
 * ```
 */
export class DatasetStream {
  /** Where it comes from. */
  readonly name: string;
  /** Of one row. */
  readonly inputShape: readonly number[];
  /** Number of classes. */
  readonly classes: number | undefined;
  /** Names of the classes by number. */
  readonly classNames: readonly string[] | undefined;
  /** How its rows are made of image files, where they are. */
  readonly decoding: Decoding | undefined;
  /** Rows of an epoch, broken files included; undefined where nobody knows before the end. */
  readonly size: number | undefined;
  readonly #source: SlabSource;
  /** @internal */
  readonly slabRows: number;
  readonly #prefetch: number;
  readonly #skipped: ReadonlyMap<string, SkippedFile>;

  /** @internal */
  constructor(
    traits: StreamTraits,
    source: SlabSource,
    cut: Required<SlabOptions>,
    skipped = new Map<string, SkippedFile>(),
  ) {
    this.name = traits.name;
    this.inputShape = traits.inputShape;
    this.classes = traits.classes;
    this.classNames = traits.classNames;
    this.decoding = traits.decoding;
    this.size = traits.size;
    this.#source = source;
    this.#prefetch = cut.prefetch;
    this.slabRows = cut.slabRows;
    this.#skipped = skipped;
  }

  /** Files that could not be decoded so far, each once. */
  get skipped(): readonly SkippedFile[] {
    return [...this.#skipped.values()];
  }

  /**
   * The rows of an epoch in slabs, shuffled anew for each epoch. Leaving the loop ends what is in the making.
   * @param epoch - from 0
   * @throws {@link CugruError} what the source throws: `ERR_IMAGE` naming a broken file, `ERR_RANGE` for a label
   */
  slabs(epoch = 0): AsyncGenerator<Dataset, void> {
    return this.cut(expectInteger('epoch', epoch, { min: 0, max: 2 ** 32 - 1 }), this.slabRows);
  }

  /** As {@link slabs}, of another size. @internal */
  async *cut(epoch: number, slabRows: number, signal?: AbortSignal): AsyncGenerator<Dataset, void> {
    const controller = new AbortController();
    const either = signal === undefined ? controller.signal : AbortSignal.any([controller.signal, signal]);
    yield* prefetch(this.#source(epoch, slabRows, either), this.#prefetch, () => controller.abort());
  }
}
