/** Streams of rows from anywhere, shuffled through a buffer. */
import { expectCallback, expectInteger, expectString, rejectUnknownKeys, show, typedArrayName } from '../checks.js';
import { CugruError } from '../errors.js';
import { PhiloxStream } from '../philox.js';
import { breather } from '../slices.js';
import { checkShape, knownClasses, makeDataset } from './arrays.js';
import type { Dataset } from './dataset.js';
import { checkSlabOptions, DatasetStream, type SlabOptions, slabKeys } from './stream.js';

/** A row with its class. */
export interface StreamRow {
  /** Of the stream's `shape`, row-major: bytes, or floats; the same in all rows. Copied. */
  readonly input: Uint8Array | Float32Array;
  /** Class number. */
  readonly label: number;
}

/** Where rows come from: called at the beginning of each epoch. */
export type RowSource = (epoch: number) => AsyncIterable<StreamRow> | Iterable<StreamRow>;

/** Options of {@link streamRows}. */
export interface StreamRowsOptions extends SlabOptions {
  /** Of one row. */
  readonly shape: readonly number[];
  /** Number of classes; give this, or `classNames`. */
  readonly classes?: number;
  /** Names of the classes by number. */
  readonly classNames?: readonly string[];
  /**
   * Rows of the buffer from which the next one is drawn at random. A row can come at most so much earlier than it was read, so that a
   * source that is sorted by class needs a buffer larger than a class. 0 keeps the order of the source.
   * @defaultValue 8192
   */
  readonly shuffleBuffer?: number;
  /** Rows of an epoch, where they are known. */
  readonly size?: number;
  /** @defaultValue 'rows' */
  readonly name?: string;
}

const keys = [...slabKeys, 'shape', 'classes', 'classNames', 'shuffleBuffer', 'size', 'name'] as const;
// As the streams of shuffling and splitting: far above the ids of operations.
const bufferStream = 0xffff_0004;

interface RowPlan {
  readonly shape: readonly number[];
  readonly length: number;
  readonly classes: number;
}

function checked(row: StreamRow, position: number, { shape, length, classes }: RowPlan): StreamRow {
  const { input, label } = row;
  const type = typedArrayName(input);
  if (type !== 'Uint8Array' && type !== 'Float32Array') {
    const problem = `the input of row ${position} must be a Uint8Array or Float32Array, got ${show(input)}`;
    throw new CugruError('ERR_TYPE', problem, { row: position });
  }
  if (input.length !== length) {
    const problem = `row ${position} must be [${shape.join(', ')}], that is ${length} numbers, got ${input.length}`;
    throw new CugruError('ERR_SHAPE', problem, { row: position, length: input.length });
  }
  if (!Number.isInteger(label) || label < 0 || label >= classes) {
    const problem = `the label of row ${position} must be an integer from 0 to ${classes - 1}, got ${show(label)}`;
    throw new CugruError('ERR_RANGE', problem, { row: position, value: label });
  }
  return { input: type === 'Uint8Array' ? Uint8Array.from(input) : Float32Array.from(input), label };
}

/** Draws each row from a buffer of the next `size` ones. @internal */
export async function* shuffled<T>(
  rows: AsyncIterable<T> | Iterable<T>,
  size: number,
  random: PhiloxStream,
): AsyncGenerator<T, void> {
  const buffer: T[] = [];
  for await (const row of rows) {
    if (size === 0) {
      yield row;
    } else if (buffer.length < size) {
      buffer.push(row);
    } else {
      const i = random.below(size);
      yield buffer[i] as T;
      buffer[i] = row;
    }
  }
  for (const i of random.shuffle(Int32Array.from(buffer.keys()))) yield buffer[i] as T;
}

async function* checkedRows(rows: AsyncIterable<StreamRow> | Iterable<StreamRow>, plan: RowPlan, signal: AbortSignal) {
  const breathe = breather();
  let position = 0;
  for await (const row of rows) {
    if (signal.aborted) return;
    yield checked(row, position++, plan);
    const pause = breathe();
    if (pause) await pause;
  }
}

/** Rows in groups of `count`; the last one may be smaller. */
async function* groups<T>(rows: AsyncIterable<T>, count: number): AsyncGenerator<T[], void> {
  let group: T[] = [];
  for await (const row of rows) {
    group.push(row);
    if (group.length < count) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function pack(rows: readonly StreamRow[], { length, shape }: RowPlan): Uint8Array | Float32Array {
  const type = rows[0]?.input instanceof Uint8Array ? Uint8Array : Float32Array;
  const inputs = new type(rows.length * length);
  rows.forEach(({ input }, i) => {
    if (!(input instanceof type)) {
      throw new CugruError('ERR_TYPE', `rows of [${shape.join(', ')}] must all be bytes, or all be floats`);
    }
    inputs.set(input, i * length);
  });
  return inputs;
}

function checkClasses(options: StreamRowsOptions): number {
  const known = knownClasses(options);
  if (known === undefined) throw new CugruError('ERR_VALUE', 'a stream of rows needs classes, or classNames');
  return known;
}

/**
 * A stream of rows from a function, for data that this package has no reader for. It is called at the beginning of each epoch, and
 * its rows are shuffled through a buffer.
 *
 * @example
 * ```ts
 * const stream = datasets.streamRows(() => rowsOfMyDatabase(), { shape: [32, 32, 3], classNames: ['cat', 'dog'], seed: 1 });
 * ```
 * @throws {@link CugruError} `ERR_TYPE`, `ERR_VALUE`; while the slabs are made `ERR_TYPE`, `ERR_SHAPE` and `ERR_RANGE` naming the row.
 */
export function streamRows(source: RowSource, options: StreamRowsOptions): DatasetStream {
  rejectUnknownKeys('datasets.streamRows', options, keys);
  if (source === undefined)
    throw new CugruError('ERR_TYPE', 'source must be a function that gives rows, got undefined');
  expectCallback('source', source);
  const cut = checkSlabOptions(options);
  const name = expectString('name', options.name ?? 'rows');
  const classes = checkClasses(options);
  const size = options.size === undefined ? undefined : expectInteger('size', options.size, { min: 1, max: 2 ** 40 });
  const buffer = expectInteger('shuffleBuffer', options.shuffleBuffer ?? 8192, { min: 0, max: 2 ** 24 });
  const names = options.classNames === undefined ? {} : { classNames: options.classNames };
  const plan = { ...checkShape(options.shape), classes };
  async function* slabs(epoch: number, slabRows: number, signal: AbortSignal): AsyncGenerator<Dataset, void> {
    const random = new PhiloxStream(cut.seed, bufferStream, epoch);
    const rows = shuffled(checkedRows(source(epoch), plan, signal), buffer, random);
    for await (const group of groups(rows, slabRows)) {
      const labels = group.map(({ label }) => label);
      yield makeDataset({ inputs: pack(group, plan), labels, shape: plan.shape, classes, name, ...names });
    }
  }
  const traits = { name, inputShape: plan.shape, classes, classNames: options.classNames, decoding: undefined, size };
  return new DatasetStream(traits, slabs, cut);
}
