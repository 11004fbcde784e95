/** Rows in memory with their labels, and views of some of the rows. */
import { expectBoolean, expectInteger, expectNumber, rejectUnknownKeys, show, typedArrayName } from '../checks.js';
import { CugruError } from '../errors.js';
import type { Decoding } from '../image/index.js';
import { splitPositions } from './split.js';

/** What the views of a dataset share; row-major. Not to be changed. */
export interface DatasetStorage {
  /** `[rows, ...inputShape]`: bytes from 0 to 255, or floats. */
  readonly inputs: Uint8Array | Float32Array;
  /** `[rows]` class numbers, `[rows, width]` distributions or targets, or none. */
  readonly labels: Int32Array | Float32Array | undefined;
  /** `[rows]` valid steps of each sequence, or none: all of them. */
  readonly lengths: Int32Array | undefined;
  /** `[rows]` numbers that augmentation knows the rows by; none: their places in the storage. */
  readonly samples?: Int32Array;
  /** Number of rows. */
  readonly rows: number;
}

/** @internal What the views of a dataset have in common besides their storage. */
export interface DatasetTraits {
  readonly name: string;
  readonly inputShape: readonly number[];
  readonly classes: number | undefined;
  readonly classNames: readonly string[] | undefined;
  readonly decoding?: Decoding | undefined;
}

/** Rows to pick: their positions, in any order and as often as wanted, or a range; `end` is not part of it. */
export type RowSelection =
  | readonly number[]
  | Int32Array
  | {
      /** @defaultValue 0 */
      readonly start?: number;
      /** @defaultValue the dataset's size */
      readonly end?: number;
    };

/** Options of {@link Dataset.split}. */
export interface SplitOptions {
  /** Share of the rows in the first part, between 0 and 1. */
  readonly fraction: number;
  /** @defaultValue 0 */
  readonly seed?: number;
  /**
   * Give each part the same share of every class, as nearly as whole rows allow.
   * @defaultValue false
   */
  readonly stratified?: boolean;
}

function expectPosition(name: string, value: unknown, size: number): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < size) return value as number;
  throw new CugruError('ERR_RANGE', `${name} must be a row from 0 to ${size - 1}, got ${show(value)}`, { value, size });
}

/**
 * An immutable set of rows with labels. Made by {@link datasets.fromArrays} and the loaders; the views that its methods give share its
 * memory and hold row numbers only.
 */
export class Dataset {
  /** Where it came from, for summaries. */
  readonly name: string;
  /** Number of rows. */
  readonly size: number;
  /** Of one row: `[height, width, channels]` for images, `[steps, features]` for sequences, `[features]` for vectors. */
  readonly inputShape: readonly number[];
  /** Number of classes, where labels are classes or distributions over them. */
  readonly classes: number | undefined;
  /** Names of the classes by number. */
  readonly classNames: readonly string[] | undefined;
  /** How its rows were made of image files, where they were: a model that is trained on it keeps this. */
  readonly decoding: Decoding | undefined;
  /** @internal Shared by all views; indexed by {@link Dataset.rows}. */
  readonly storage: DatasetStorage;
  readonly #traits: DatasetTraits;
  readonly #rows: Int32Array | undefined;

  /** @internal */
  constructor(storage: DatasetStorage, traits: DatasetTraits, rows?: Int32Array) {
    this.storage = storage;
    this.#traits = traits;
    this.#rows = rows;
    this.name = traits.name;
    this.size = rows?.length ?? storage.rows;
    this.inputShape = traits.inputShape;
    this.classes = traits.classes;
    this.classNames = traits.classNames;
    this.decoding = traits.decoding;
    Object.freeze(this);
  }

  /**
   * The rows of the storage that the positions from `start` to before `end` stand for, as a new array.
   * @internal
   */
  rows(start = 0, end: number = this.size): Int32Array {
    if (this.#rows !== undefined) return this.#rows.slice(start, end);
    const rows = new Int32Array(Math.max(0, end - start));
    for (let i = 0; i < rows.length; i++) rows[i] = start + i;
    return rows;
  }

  /**
   * A view of some rows.
   * @throws {@link CugruError} `ERR_RANGE` naming the position that there is no row at, `ERR_VALUE` for no rows at all.
   */
  subset(selection: RowSelection): Dataset {
    const picked = Array.isArray(selection) || typedArrayName(selection) !== undefined;
    return this.#view(
      picked ? this.#pick(selection as readonly number[]) : this.#range(selection as { start?: number; end?: number }),
    );
  }

  /**
   * A view of the first `n` rows.
   * @throws {@link CugruError} `ERR_TYPE`, `ERR_VALUE` unless n is from 1 to the size.
   */
  take(n: number): Dataset {
    return this.#view(this.rows(0, expectInteger('n', n, { min: 1, max: this.size })));
  }

  /**
   * Two views that share no row, chosen by the seed; both keep the rows in order. Call it before training, as for a validation set:
   * `const [validation, train] = dataset.split({ fraction: 0.1, stratified: true })`.
   * @throws {@link CugruError} `ERR_TYPE`; `ERR_VALUE` when a part would be empty, or for a stratified split without class labels.
   */
  split(options: SplitOptions): [Dataset, Dataset] {
    rejectUnknownKeys('split', options, ['fraction', 'seed', 'stratified']);
    const fraction = expectNumber('fraction', options.fraction, { above: 0, below: 1 });
    const seed = expectInteger('seed', options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER });
    const stratified = expectBoolean('stratified', options.stratified ?? false);
    const count = Math.round(fraction * this.size);
    if (count === 0 || count === this.size) {
      throw new CugruError(
        'ERR_VALUE',
        `a split of ${this.size} rows at fraction ${fraction} would leave one part empty; choose another fraction`,
        { size: this.size, fraction },
      );
    }
    const rows = this.rows();
    const classOf = stratified ? this.#classOf(rows) : undefined;
    const [first, second] = splitPositions({ size: this.size, count, seed, classOf });
    return [this.#view(first.map((i) => rows[i] as number)), this.#view(second.map((i) => rows[i] as number))];
  }

  /**
   * A copy of row `i`: `[...inputShape]`, row-major.
   * @throws {@link CugruError} `ERR_RANGE`
   */
  input(i: number): Uint8Array | Float32Array {
    const row = this.#row(i);
    const length = this.storage.inputs.length / this.storage.rows;
    return this.storage.inputs.slice(row * length, (row + 1) * length);
  }

  /**
   * The label of row `i`: its class number; a copy of its distribution or target; undefined without labels.
   * @throws {@link CugruError} `ERR_RANGE`
   */
  labelOf(i: number): number | Float32Array | undefined {
    const row = this.#row(i);
    const { labels } = this.storage;
    if (labels === undefined || labels instanceof Int32Array) return labels?.[row];
    const width = labels.length / this.storage.rows;
    return labels.slice(row * width, (row + 1) * width);
  }

  /**
   * The valid steps of row `i`, where the dataset has lengths.
   * @throws {@link CugruError} `ERR_RANGE`
   */
  lengthOf(i: number): number | undefined {
    return this.storage.lengths?.[this.#row(i)];
  }

  #row(i: number): number {
    const position = expectPosition('i', i, this.size);
    return this.#rows === undefined ? position : (this.#rows[position] as number);
  }

  #pick(positions: readonly number[] | Int32Array): Int32Array {
    const rows = new Int32Array(positions.length);
    for (let k = 0; k < rows.length; k++) {
      const position = expectPosition(`indices[${k}]`, positions[k], this.size);
      rows[k] = this.#rows === undefined ? position : (this.#rows[position] as number);
    }
    return rows;
  }

  #range(range: { readonly start?: number; readonly end?: number }): Int32Array {
    rejectUnknownKeys('subset', range, ['start', 'end']);
    const start = expectInteger('start', range.start ?? 0, { min: 0, max: this.size });
    return this.rows(start, expectInteger('end', range.end ?? this.size, { min: start, max: this.size }));
  }

  #view(rows: Int32Array): Dataset {
    if (rows.length === 0)
      throw new CugruError('ERR_VALUE', 'a dataset needs at least one row, the selection has none');
    return new Dataset(this.storage, this.#traits, rows);
  }

  #classOf(rows: Int32Array): Int32Array {
    const { labels } = this.storage;
    if (labels instanceof Int32Array) return rows.map((row) => labels[row] as number);
    throw new CugruError('ERR_VALUE', 'a stratified split needs class numbers as labels; leave out stratified');
  }
}
