/** Datasets from NumPy's files: npy for one array, npz for several. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expectString, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { type NpyArray, type NpyData, parseNpy, parseZip, type ZipEntry } from '../formats/index.js';
import { breather } from '../slices.js';
import { type ArraysOptions, fromArrays } from './arrays.js';
import type { Dataset } from './dataset.js';
import { type PartName, partNames } from './image_list.js';

/** What the files do not say. */
export interface NumpyOptions {
  /**
   * Of one row.
   * @defaultValue the axes after the first one; for bytes with two of them, `[height, width, 1]`
   */
  readonly shape?: readonly number[];
  /** @defaultValue the number of `classNames`, or the largest label of all parts plus one */
  readonly classes?: number;
  /** Names of the classes by number. */
  readonly classNames?: readonly string[];
  /** @defaultValue the path */
  readonly name?: string;
}

/** Options of {@link npy}. */
export interface NpyOptions extends NumpyOptions {
  /** Path of the rows: `[rows, ...]`, bytes or floats. */
  readonly inputs: string;
  /** Path of the labels: integers `[rows]` or `[rows, 1]`, or float32 `[rows, width]`. Left out for prediction. */
  readonly labels?: string;
}

/** Datasets by part. */
export interface NumpyDatasets {
  readonly train: Dataset;
  readonly validation?: Dataset;
  readonly test?: Dataset;
}

const optionKeys = ['shape', 'classes', 'classNames', 'name'] as const;
// The names in use: those of Keras, of MedMNIST, and plain ones.
const prefixes: Readonly<Record<PartName, readonly string[]>> = {
  train: ['train'],
  validation: ['val', 'valid', 'validation'],
  test: ['test'],
};
const inputNames = (prefix: string): string[] => [`x_${prefix}`, `${prefix}_images`, `X_${prefix}`, `${prefix}_x`];
const labelNames = (prefix: string): string[] => [`y_${prefix}`, `${prefix}_labels`, `Y_${prefix}`, `${prefix}_y`];
const plainInputs = ['images', 'inputs', 'x', 'X'];
const plainLabels = ['labels', 'y', 'Y'];

function corrupt(source: string, problem: string): CugruError {
  return new CugruError('ERR_DATASET_CORRUPT', `${source}: ${problem}`, { path: source });
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CugruError('ERR_DATASET_MISSING', `${path} cannot be read: ${reason}`, { path }, { cause: error });
  }
}

async function toFloats(data: Float64Array): Promise<Float32Array> {
  const floats = new Float32Array(data.length);
  const breathe = breather();
  for (let at = 0; at < data.length; at += 2 ** 18) {
    floats.set(data.subarray(at, at + 2 ** 18), at);
    const pause = breathe();
    if (pause) await pause;
  }
  return floats;
}

async function inputsOf({ data }: NpyArray, source: string): Promise<Uint8Array | Float32Array> {
  if (data instanceof Uint8Array || data instanceof Float32Array) return data;
  if (data instanceof Float64Array) return toFloats(data);
  throw corrupt(source, `rows must be bytes (uint8) or floats, got ${data.constructor.name}; convert them with astype`);
}

function shapeOf({ shape, data }: NpyArray, source: string): readonly number[] {
  if (shape.length < 2) throw corrupt(source, `rows need at least two axes, [rows, ...], got [${shape.join(', ')}]`);
  const row = shape.slice(1);
  return data instanceof Uint8Array && row.length === 2 ? [...row, 1] : row;
}

type Labels = Int32Array | Float32Array;

function integers(data: Exclude<NpyData, Float32Array | Float64Array>, source: string): Int32Array {
  return Int32Array.from({ length: data.length }, (_, i) => {
    const label = Number(data[i]);
    if (label >= 0 && label < 2 ** 20) return label;
    throw corrupt(source, `label ${i} must be a class number from 0 on, got ${label}`);
  });
}

async function labelsOf({ data, shape }: NpyArray, source: string): Promise<Labels> {
  if (data instanceof Float32Array) return data;
  if (data instanceof Float64Array) return toFloats(data);
  if (shape.length === 1 || (shape.length === 2 && shape[1] === 1)) return integers(data, source);
  throw corrupt(source, `class numbers must be [rows] or [rows, 1], got [${shape.join(', ')}]`);
}

interface Loaded {
  readonly inputs: Uint8Array | Float32Array;
  readonly shape: readonly number[];
  readonly rows: number;
  readonly labels: Labels | undefined;
}

async function load(
  inputs: { readonly array: NpyArray; readonly source: string },
  labels: { readonly array: NpyArray; readonly source: string } | undefined,
): Promise<Loaded> {
  const shape = shapeOf(inputs.array, inputs.source);
  const rows = inputs.array.shape[0] as number;
  if (labels !== undefined && labels.array.shape[0] !== rows) {
    const problem = `has ${rows} rows, but ${labels.source} has ${labels.array.shape[0] ?? 'no'} labels`;
    throw corrupt(inputs.source, problem);
  }
  return {
    inputs: await inputsOf(inputs.array, inputs.source),
    shape,
    rows,
    labels: labels === undefined ? undefined : await labelsOf(labels.array, labels.source),
  };
}

function classesOf(loaded: readonly Loaded[], { classes, classNames }: NumpyOptions): number | undefined {
  if (classes !== undefined || classNames !== undefined) return classes;
  const lists = loaded.flatMap(({ labels }) => (labels instanceof Int32Array ? [labels] : []));
  if (lists.length === 0) return undefined;
  return lists.reduce((most, labels) => labels.reduce((a, b) => Math.max(a, b), most), 0) + 1;
}

function datasetOf(loaded: Loaded, options: NumpyOptions, name: string, classes: number | undefined): Dataset {
  const { inputs, labels, shape } = loaded;
  const given: ArraysOptions = { inputs, shape: options.shape ?? shape, name: options.name ?? name };
  return fromArrays({
    ...given,
    ...(labels === undefined ? {} : { labels }),
    ...(classes === undefined ? {} : { classes }),
    ...(options.classNames === undefined ? {} : { classNames: options.classNames }),
  });
}

/**
 * A dataset from one or two npy files.
 * @throws {@link CugruError} `ERR_DATASET_MISSING`; `ERR_DATASET_CORRUPT` naming the file; `ERR_UNSUPPORTED` for arrays in Fortran order,
 * big-endian numbers, Python objects and other dtypes; and as `datasets.fromArrays`.
 */
export async function npy(options: NpyOptions): Promise<Dataset> {
  rejectUnknownKeys('datasets.npy', options, [...optionKeys, 'inputs', 'labels']);
  const read = async (name: 'inputs' | 'labels') => {
    const source = resolve(expectString(name, options[name]));
    return { source, array: parseNpy(await readBytes(source), source) };
  };
  const loaded = await load(await read('inputs'), options.labels === undefined ? undefined : await read('labels'));
  return datasetOf(loaded, options, options.inputs, classesOf([loaded], options));
}

/** Looks up and parses the arrays of an archive. */
class Archive {
  readonly #source: string;
  readonly #entries: ReadonlyMap<string, ZipEntry>;

  constructor(bytes: Uint8Array, source: string) {
    this.#source = source;
    this.#entries = new Map(parseZip(bytes, source).map((entry) => [entry.name.replace(/\.npy$/, ''), entry]));
  }

  get names(): string {
    return [...this.#entries.keys()].slice(0, 20).join(', ') || 'nothing';
  }

  async find(names: readonly string[]): Promise<{ readonly array: NpyArray; readonly source: string } | undefined> {
    const entry = names.map((name) => this.#entries.get(name)).find((found) => found !== undefined);
    if (entry === undefined) return undefined;
    const source = `${this.#source}, ${entry.name}`;
    return { source, array: parseNpy(await entry.read(), source) };
  }

  async part(part: PartName): Promise<Loaded | undefined> {
    const plain = part === 'train';
    const names = (of: (prefix: string) => string[], rest: string[]) => [
      ...prefixes[part].flatMap(of),
      ...(plain ? rest : []),
    ];
    const inputs = await this.find(names(inputNames, plainInputs));
    return inputs === undefined ? undefined : load(inputs, await this.find(names(labelNames, plainLabels)));
  }
}

/**
 * The arrays of an npz file, plain or compressed, by the names in use: `x_train`, `y_train`, `x_test`, `y_test` (Keras);
 * `train_images`, `train_labels`, `val_…`, `test_…` (MedMNIST); or `images` (`inputs`, `x`) and `labels` (`y`).
 * @throws {@link CugruError} as {@link npy}, for arrays within the file.
 */
export async function npz(file: string, options: NumpyOptions = {}): Promise<NumpyDatasets> {
  rejectUnknownKeys('datasets.npz', options, optionKeys);
  const source = resolve(expectString('file', file));
  const archive = new Archive(await readBytes(source), source);
  const loaded: (readonly [PartName, Loaded])[] = [];
  for (const part of partNames) {
    const found = await archive.part(part);
    if (found !== undefined) loaded.push([part, found]);
  }
  const classes = classesOf(
    loaded.map(([, one]) => one),
    options,
  );
  const datasets = loaded.map(([part, one]) => [part, datasetOf(one, options, file, classes)] as const);
  const { train, ...rest } = Object.fromEntries(datasets) as Partial<Record<PartName, Dataset>>;
  if (train !== undefined) return { train, ...rest };
  throw corrupt(source, `expected x_train, train_images or images among its arrays, got ${archive.names}`);
}
