/** Rows in memory: a shared storage and the rows of it that a dataset stands for. */
import { expectInteger, expectNumber, expectRows, expectTypedArray, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { permutation } from './shuffle.js';

/** The arrays behind one or several datasets. They must not be changed once they are here. */
export interface DatasetStorage {
  /** `[rows, ...inputShape]`, row after row. */
  readonly inputs: Uint8Array | Float32Array;
  /** Class numbers `[rows]`, or `[rows, n]` distributions or targets. */
  readonly labels: Int32Array | Float32Array | undefined;
  /** Valid steps of each row. */
  readonly lengths: Int32Array | undefined;
  readonly rows: number;
}

/** What a {@link Dataset} is besides its rows. */
export interface DatasetInfo {
  readonly name: string;
  /** Of one row. */
  readonly inputShape: readonly number[];
  readonly classes: number | undefined;
  readonly classNames: readonly string[] | undefined;
}

/** Options of {@link Dataset.split}. */
export interface SplitOptions {
  /** Share of rows that go to the second part, in (0, 1). */
  readonly fraction: number;
  /** @defaultValue 0 */
  readonly seed?: number;
  /**
   * Split each class by itself, so that both parts have the same shares of classes. Needs class labels.
   * @defaultValue true where there are class labels
   */
  readonly stratified?: boolean;
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Rows with labels, immutable. Subsets and splits share the storage: no pixel is copied. */
export class Dataset {
  readonly name: string;
  /** `[height, width, channels]`, `[steps, features]` or `[features]`. */
  readonly inputShape: readonly number[];
  /** Number of classes, where labels are class numbers or distributions. */
  readonly classes: number | undefined;
  readonly classNames: readonly string[] | undefined;
  /** @internal */
  readonly storage: DatasetStorage;
  readonly #indices: Int32Array | undefined;

  /** @internal Use `datasets.fromArrays`. */
  constructor(storage: DatasetStorage, info: DatasetInfo, indices?: Int32Array) {
    this.storage = storage;
    this.name = info.name;
    this.inputShape = Object.freeze([...info.inputShape]);
    this.classes = info.classes;
    this.classNames = info.classNames;
    this.#indices = indices;
  }

  /** Number of rows. */
  get size(): number {
    return this.#indices?.length ?? this.storage.rows;
  }

  /** @internal Rows of the storage, in order. */
  rows(begin = 0, end = this.size): Int32Array {
    if (this.#indices !== undefined) return this.#indices.slice(begin, end);
    return Int32Array.from({ length: end - begin }, (_, i) => begin + i);
  }

  /** A copy of one row's input. @throws {@link CugruError} `ERR_VALUE` outside of the dataset. */
  input(row: number): Uint8Array | Float32Array {
    const index = this.#row(row);
    const length = size(this.inputShape);
    return this.storage.inputs.slice(index * length, (index + 1) * length);
  }

  /** One row's class. @throws {@link CugruError} `ERR_STATE` when labels are not class numbers. */
  label(row: number): number {
    const { labels } = this.storage;
    if (!(labels instanceof Int32Array)) throw new CugruError('ERR_STATE', `${this.name} has no class labels`);
    return labels[this.#row(row)] as number;
  }

  /** Some rows, in the order given. @throws {@link CugruError} `ERR_VALUE` for a row that is not there. */
  subset(rows: ArrayLike<number>): Dataset {
    if (rows.length === 0) throw new CugruError('ERR_VALUE', 'a subset needs at least one row');
    return this.#view(Int32Array.from({ length: rows.length }, (_, i) => this.#row(rows[i] as number)));
  }

  /** The first `count` rows. */
  take(count: number): Dataset {
    expectInteger('count', count, { min: 1, max: this.size });
    return this.#view(this.rows(0, count));
  }

  /** Two parts by chance: the rest, and `fraction` of the rows. */
  split(options: SplitOptions): [Dataset, Dataset] {
    rejectUnknownKeys('split', options, ['fraction', 'seed', 'stratified']);
    const fraction = expectNumber('fraction', options.fraction, { min: 0, below: 1 });
    const seed = expectInteger('seed', options.seed ?? 0, { min: 0, max: 2 ** 52 });
    const stratified = options.stratified ?? this.storage.labels instanceof Int32Array;
    const byClass = new Map<number, number[]>();
    for (const i of permutation(this.size, seed, 0)) {
      const key = stratified ? this.label(i) : 0;
      const list = byClass.get(key);
      if (list === undefined) byClass.set(key, [i]);
      else list.push(i);
    }
    const first: number[] = [];
    const second: number[] = [];
    for (const list of byClass.values()) {
      const taken = Math.round(list.length * fraction);
      second.push(...list.slice(0, taken));
      first.push(...list.slice(taken));
    }
    if (first.length === 0 || second.length === 0) {
      throw new CugruError('ERR_VALUE', `fraction ${fraction} of ${this.size} rows leaves one part empty`);
    }
    const sorted = (list: number[]): Dataset => this.subset(Int32Array.from(list).sort());
    return [sorted(first), sorted(second)];
  }

  #row(row: number): number {
    expectInteger('row', row, { min: 0, max: this.size - 1 });
    return this.#indices?.[row] ?? row;
  }

  #view(indices: Int32Array): Dataset {
    return new Dataset(this.storage, this, indices);
  }
}

/** Options of {@link fromArrays}. */
export interface ArraysOptions {
  /** Rows one after the other: pixels from 0 to 255 as `Uint8Array`; pixels from 0 to 1 or sequences as `Float32Array`. */
  readonly inputs: Uint8Array | Float32Array;
  /** Of one row: `[height, width, channels]`, `[steps, features]` or `[features]`. A model's methods fill it in. */
  readonly shape?: readonly number[];
  /**
   * Class numbers (integers, one for each row), or `Float32Array` of `[rows, n]`: distributions over classes, or targets.
   * Left out: for prediction only.
   */
  readonly labels?: Int32Array | Uint8Array | Float32Array | readonly number[];
  /** By default one more than the largest class number. */
  readonly classes?: number;
  readonly classNames?: readonly string[];
  /** Valid steps of each row, from 1 to `steps`, for `[steps, features]`. */
  readonly lengths?: Int32Array;
  /** @defaultValue 'arrays' */
  readonly name?: string;
}

function expectShape(shape: readonly number[] | undefined): readonly number[] {
  if (!Array.isArray(shape) || shape.length < 1 || shape.length > 3) {
    throw new CugruError('ERR_SHAPE', 'shape must be [height, width, channels], [steps, features] or [features]', { got: shape });
  }
  shape.forEach((dim: unknown, i) => void expectInteger(`shape[${i}]`, dim, { min: 1, max: 2 ** 26 }));
  return shape;
}

function countRows(inputs: Uint8Array | Float32Array, shape: readonly number[]): number {
  const row = size(shape);
  if (inputs.length === 0 || inputs.length % row !== 0) {
    throw new CugruError(
      'ERR_SHAPE',
      `inputs must hold one or more whole rows of [${shape.join(', ')}], that is ${row} numbers each, got ${inputs.length}`,
      { shape, length: inputs.length },
    );
  }
  return inputs.length / row;
}

function classNumbers(labels: ArrayLike<number>, rows: number, classes: number | undefined): Int32Array {
  if (labels.length !== rows) {
    throw new CugruError('ERR_SHAPE', `there are ${rows} rows, but ${labels.length} labels`, { rows, labels: labels.length });
  }
  const limit = classes ?? 2 ** 31 - 1;
  const out = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    const label = labels[i] as number;
    if (!Number.isInteger(label) || label < 0 || label >= limit) {
      const range = classes === undefined ? 'a class number from 0 on' : `a class number from 0 to ${classes - 1}`;
      throw new CugruError('ERR_RANGE', `label ${label} of row ${i} must be ${range}`, { row: i, label, classes });
    }
    out[i] = label;
  }
  return out;
}

function realLabels(labels: Float32Array, rows: number): Float32Array {
  if (labels.length === 0 || labels.length % rows !== 0) {
    throw new CugruError('ERR_SHAPE', `there are ${rows} rows, but ${labels.length} label numbers: no whole number for each row`);
  }
  const wrong = labels.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) throw new CugruError('ERR_NOT_FINITE', `label number ${wrong} is ${labels[wrong]}`);
  return labels;
}

function expectLengths(lengths: Int32Array, rows: number, shape: readonly number[]): Int32Array {
  expectTypedArray('lengths', lengths, Int32Array);
  if (shape.length !== 2) throw new CugruError('ERR_VALUE', 'lengths are for rows of [steps, features]');
  if (lengths.length !== rows) {
    throw new CugruError('ERR_SHAPE', `there are ${rows} rows, but ${lengths.length} lengths`);
  }
  const steps = shape[0] as number;
  const wrong = lengths.findIndex((length) => length < 1 || length > steps);
  if (wrong >= 0) {
    throw new CugruError('ERR_RANGE', `length ${lengths[wrong]} of row ${wrong} must be from 1 to ${steps} steps`);
  }
  return lengths;
}

// A Buffer is a Uint8Array whose slice does not copy.
function plainBytes(inputs: Uint8Array | Float32Array): Uint8Array | Float32Array {
  return Buffer.isBuffer(inputs) ? new Uint8Array(inputs.buffer, inputs.byteOffset, inputs.length) : inputs;
}

function checkedLabels(labels: ArraysOptions['labels'], rows: number, classes: number | undefined): Int32Array | Float32Array | undefined {
  if (labels === undefined) return undefined;
  if (labels instanceof Float32Array) return realLabels(expectTypedArray('labels', labels, Float32Array), rows);
  if (labels instanceof Int32Array || labels instanceof Uint8Array || Array.isArray(labels)) {
    return classNumbers(labels as ArrayLike<number>, rows, classes);
  }
  throw new CugruError('ERR_TYPE', 'labels must be an Int32Array, Uint8Array or array of class numbers, or a Float32Array of targets');
}

/**
 * A dataset over arrays in memory. `inputs`, `lengths` and `Float32Array` labels are not copied: do not change them afterwards.
 * @throws {@link CugruError} `ERR_SHAPE` (naming both sizes), `ERR_TYPE`, `ERR_RANGE` (a label or length, with its row),
 * `ERR_NOT_FINITE`, `ERR_DETACHED_BUFFER`.
 */
export function fromArrays(options: ArraysOptions): Dataset {
  rejectUnknownKeys('fromArrays', options, ['inputs', 'shape', 'labels', 'classes', 'classNames', 'lengths', 'name']);
  const { labels, lengths } = options;
  const inputs = plainBytes(expectRows('inputs', options.inputs));
  const shape = expectShape(options.shape);
  const rows = countRows(inputs, shape);
  if (options.classes !== undefined) expectInteger('classes', options.classes, { min: 1, max: 2 ** 15 });
  const given = options.classes ?? options.classNames?.length;
  const checked = checkedLabels(labels, rows, given);
  const derived = checked instanceof Float32Array ? checked.length / rows : checked?.reduce((top, label) => Math.max(top, label + 1), 1);
  const classes = given ?? derived;
  if (options.classNames !== undefined && options.classNames.length !== classes) {
    throw new CugruError('ERR_SHAPE', `there are ${classes} classes, but ${options.classNames.length} classNames`);
  }
  return new Dataset(
    { inputs, labels: checked, lengths: lengths === undefined ? undefined : expectLengths(lengths, rows, shape), rows },
    { name: options.name ?? 'arrays', inputShape: shape, classes, classNames: options.classNames },
  );
}
