/** Datasets from arrays, with every check at the door. */
import {
  expectInteger,
  expectReadable,
  expectString,
  expectTypedArray,
  rejectUnknownKeys,
  show,
  typedArrayName,
} from '../checks.js';
import { CugruError } from '../errors.js';
import type { Decoding } from '../image/index.js';
import { Dataset } from './dataset.js';

/** Options of {@link fromArrays}. */
export interface ArraysOptions {
  /**
   * `[rows, ...shape]`, row-major: bytes from 0 to 255, or floats (pixels from 0 to 1, sequences). Kept, not copied: it must not
   * change as long as the dataset is used.
   */
  readonly inputs?: Uint8Array | Float32Array;
  /** Another name for `inputs`; give one of both. */
  readonly images?: Uint8Array | Float32Array;
  /**
   * Class numbers from 0, `[rows]`, in a `Uint8Array`, `Int32Array` or plain array; or, in a `Float32Array` `[rows, width]`,
   * distributions over classes or the targets of a regression. Copied. Left out for prediction.
   */
  readonly labels?: Uint8Array | Int32Array | Float32Array | readonly number[];
  /** Of one row: `[height, width, channels]` for images, `[steps, features]` for sequences, `[features]` for vectors. */
  readonly shape?: readonly number[];
  /**
   * Number of classes.
   * @defaultValue the number of `classNames`; without them, for class numbers, the largest plus one
   */
  readonly classes?: number;
  /** Names of the classes by number. */
  readonly classNames?: readonly string[];
  /** `[rows]`, for sequences: the valid steps of each, from 1 to the number of steps. */
  readonly lengths?: Int32Array | readonly number[];
  /** @defaultValue 'arrays' */
  readonly name?: string;
}

const keys = ['inputs', 'images', 'labels', 'shape', 'classes', 'classNames', 'lengths', 'name'] as const;
const maxClasses = 2 ** 20;
// Rows are numbered by 32-bit integers, and so are the numbers within a row.
const maxCount = 2 ** 31 - 1;

/** @internal */
export function checkShape(shape: unknown): { readonly shape: readonly number[]; readonly length: number } {
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > 8) {
    const wanted = '[height, width, channels] for images, [steps, features] for sequences, or [features]';
    throw new CugruError('ERR_SHAPE', `shape must be that of one row, ${wanted}, got ${JSON.stringify(shape)}`, {
      shape,
    });
  }
  let length = 1;
  shape.forEach((dim, i) => {
    length *= expectInteger(`shape[${i}]`, dim, { min: 1, max: maxCount });
  });
  if (length > maxCount) {
    throw new CugruError(
      'ERR_SHAPE',
      `a row of [${shape.join(', ')}] has ${length} numbers, at most ${maxCount} can be used`,
      { shape },
    );
  }
  return { shape: Object.freeze([...(shape as number[])]), length };
}

function checkInputs({ inputs, images }: ArraysOptions): Uint8Array | Float32Array {
  if (inputs !== undefined && images !== undefined) {
    throw new CugruError('ERR_VALUE', 'inputs and images are two names of one option; give one of them');
  }
  const name = images === undefined ? 'inputs' : 'images';
  const given = inputs ?? images;
  // Plain views: slices of a Buffer would share its memory, and arrays of another realm fail `instanceof`.
  if (typedArrayName(given) === 'Uint8Array') {
    const bytes = expectTypedArray(name, given, Uint8Array);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  if (typedArrayName(given) === 'Float32Array') {
    const floats = expectTypedArray(name, given, Float32Array);
    return new Float32Array(floats.buffer, floats.byteOffset, floats.length);
  }
  const hint =
    typedArrayName(given) !== undefined || Array.isArray(given) ? '; convert it with Float32Array.from(...)' : '';
  throw new CugruError('ERR_TYPE', `${name} must be a Uint8Array or Float32Array, got ${show(given)}${hint}`);
}

function countRows(inputs: Uint8Array | Float32Array, shape: readonly number[], length: number): number {
  if (inputs.length === 0) throw new CugruError('ERR_VALUE', 'a dataset needs at least one row, the inputs are empty');
  if (inputs.length % length !== 0) {
    throw new CugruError(
      'ERR_SHAPE',
      `inputs must hold whole rows of [${shape.join(', ')}], that is ${length} numbers each, got ${inputs.length} numbers: ` +
        `${Math.floor(inputs.length / length)} rows and ${inputs.length % length} numbers`,
      { shape, length: inputs.length },
    );
  }
  const rows = inputs.length / length;
  if (rows > maxCount)
    throw new CugruError('ERR_RANGE', `a dataset has at most ${maxCount} rows, got ${rows}`, { rows });
  return rows;
}

function expectRows(name: string, length: number, rows: number): void {
  if (length === rows) return;
  throw new CugruError('ERR_SHAPE', `${name} must have one entry for each of the ${rows} rows, got ${length}`, {
    rows,
    length,
  });
}

function checkClassNames(names: unknown): readonly string[] | undefined {
  if (names === undefined) return undefined;
  if (!Array.isArray(names))
    throw new CugruError('ERR_TYPE', `classNames must be an array of strings, got ${show(names)}`);
  return Object.freeze(names.map((name, i) => expectString(`classNames[${i}]`, name)));
}

/** Checks `classes` against `classNames`. @internal */
export function knownClasses(options: Pick<ArraysOptions, 'classes' | 'classNames'>): number | undefined {
  const { classes, classNames } = options;
  const known = classes ?? classNames?.length;
  if (known === undefined) return undefined;
  expectInteger(classes === undefined ? 'the number of classNames' : 'classes', known, { min: 1, max: maxClasses });
  if (classNames !== undefined && classNames.length !== known) {
    const problem = `classNames must have one name for each of the ${known} classes, got ${classNames.length}`;
    throw new CugruError('ERR_SHAPE', problem, { classes: known, names: classNames.length });
  }
  return known;
}

// Converted entry by entry: Int32Array.from would turn NaN to 0 and cut fractions, and the row of the culprit is worth knowing.
function integers(name: string, values: ArrayLike<number>, min: number, max: number, hint = ''): Int32Array {
  const result = new Int32Array(values.length);
  for (let i = 0; i < result.length; i++) {
    const value = values[i] as unknown;
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      const expected = `${name}[${i}] must be an integer from ${min} to ${max}`;
      throw new CugruError('ERR_RANGE', `${expected}${hint}, got ${show(value)}`, { index: i, value, min, max });
    }
    result[i] = value as number;
  }
  return result;
}

interface Labels {
  readonly labels: Int32Array | Float32Array | undefined;
  readonly classes: number | undefined;
}

function classLabels(values: ArrayLike<number>, rows: number, classes: number | undefined): Labels {
  expectRows('labels', values.length, rows);
  const hint = classes === undefined ? '' : ` (there are ${classes} classes)`;
  const labels = integers('labels', values, 0, (classes ?? maxClasses) - 1, hint);
  const largest = labels.reduce((most, label) => Math.max(most, label), 0);
  return { labels, classes: classes ?? largest + 1 };
}

function valueLabels(values: Float32Array, rows: number, classes: number | undefined): Labels {
  const width = classes ?? values.length / rows;
  if (width < 1 || !Number.isInteger(width) || values.length !== rows * width) {
    const wanted = classes === undefined ? 'the same number of values' : `${classes} values, one for each class,`;
    const hint = values.length === rows ? '; for class numbers, use an Int32Array' : '';
    throw new CugruError(
      'ERR_SHAPE',
      `labels in a Float32Array must have ${wanted} for each of the ${rows} rows, got ${values.length}${hint}`,
      { rows, classes, length: values.length },
    );
  }
  const bad = values.findIndex((value) => !Number.isFinite(value) || (classes !== undefined && value < 0));
  if (bad >= 0) {
    const expected = classes === undefined ? 'a finite number' : 'a share of a class, finite and not negative';
    const message = `labels[${bad}], in row ${Math.floor(bad / width)}, must be ${expected}, got ${values[bad]}`;
    throw new CugruError('ERR_RANGE', message, { index: bad, value: values[bad] });
  }
  return { labels: values.slice(), classes };
}

function checkLabels({ labels }: ArraysOptions, rows: number, classes: number | undefined): Labels {
  if (labels === undefined) return { labels: undefined, classes };
  if (Array.isArray(labels)) return classLabels(labels, rows, classes);
  const type = typedArrayName(labels);
  if (type !== 'Uint8Array' && type !== 'Int32Array' && type !== 'Float32Array') {
    const hint =
      type === undefined
        ? ''
        : '; convert it with Int32Array.from(...) for classes, Float32Array.from(...) for targets';
    const expected =
      'a Uint8Array, Int32Array or plain array of class numbers, or a Float32Array of distributions or targets';
    throw new CugruError('ERR_TYPE', `labels must be ${expected}, got ${show(labels)}${hint}`);
  }
  const values = labels as Uint8Array | Int32Array | Float32Array;
  expectReadable('labels', values);
  return type === 'Float32Array'
    ? valueLabels(values as Float32Array, rows, classes)
    : classLabels(values, rows, classes);
}

function checkLengths({ lengths }: ArraysOptions, rows: number, shape: readonly number[]): Int32Array | undefined {
  if (lengths === undefined) return undefined;
  const [steps] = shape;
  if (steps === undefined || shape.length !== 2) {
    const problem = `lengths are for sequences, whose shape is [steps, features], got rows of [${shape.join(', ')}]`;
    throw new CugruError('ERR_SHAPE', problem, { shape });
  }
  if (!Array.isArray(lengths)) expectTypedArray('lengths', lengths, Int32Array);
  expectRows('lengths', lengths.length, rows);
  return integers('lengths', lengths, 1, steps, ' (the number of steps)');
}

/**
 * A dataset from rows that lie one after the other.
 *
 * @example
 * ```ts
 * const dataset = datasets.fromArrays({ images: pixels, labels: [3, 1, 4], shape: [28, 28, 1], classes: 10 });
 * ```
 * @throws {@link CugruError} `ERR_TYPE` (another typed array, with how to convert), `ERR_SHAPE` (sizes that do not fit, a buffer that
 * ends within a row), `ERR_RANGE` (a label or length, with its row), `ERR_VALUE` (no rows, unknown options),
 * `ERR_DETACHED_BUFFER`.
 */
export function fromArrays(options: ArraysOptions): Dataset {
  rejectUnknownKeys('fromArrays', options, keys);
  return makeDataset(options);
}

/** {@link fromArrays}, for rows that were image files. @internal */
export function makeDataset(options: ArraysOptions, decoding?: Decoding): Dataset {
  const { shape, length } = checkShape(options.shape);
  const inputs = checkInputs(options);
  const rows = countRows(inputs, shape, length);
  const classNames = checkClassNames(options.classNames);
  const { labels, classes } = checkLabels(options, rows, knownClasses(options));
  const lengths = checkLengths(options, rows, shape);
  const name = expectString('name', options.name ?? 'arrays');
  const storage = Object.freeze({ inputs, labels, lengths, rows });
  return new Dataset(storage, { name, inputShape: shape, classes, classNames, decoding });
}
