/** The way back from a sequence to an image: for pictures of what a model sees, and the gradient of `toSequence`. */
import { expectOneOf, expectTypedArray, rejectUnknownKeys, show } from '../checks.js';
import { CugruError } from '../errors.js';
import { sequenceMap } from './schemes.js';
import { isToSequence, type ToSequence } from './to_sequence.js';

/** Options of {@link fromSequence}. */
export interface FromSequenceOptions {
  /** Of the image: `[height, width, channels]`. */
  readonly shape: readonly number[];
  /**
   * What becomes of a pixel that was read several times: the `'mean'` of its values, or their `'sum'`, which is the gradient of
   * `toSequence`.
   * @defaultValue 'mean'
   */
  readonly reduce?: 'mean' | 'sum';
}

function expectShape(shape: unknown): [number, number, number] {
  if (Array.isArray(shape) && shape.length === 3) return shape as [number, number, number];
  throw new CugruError('ERR_SHAPE', `shape must be [height, width, channels], got ${show(shape)}`, { shape });
}

/**
 * An image `[height, width, channels]` from one sequence `[steps, features]`: each value goes to where `toSequence` reads it. Pixels
 * that no step reads are 0. Nothing is denormalised; coordinates behind the features are passed over.
 * @throws {@link CugruError} `ERR_SHAPE`, `ERR_TYPE`, `ERR_VALUE`
 */
export function fromSequence(
  sequence: Float32Array,
  toSequence: ToSequence,
  options: FromSequenceOptions,
): Float32Array {
  rejectUnknownKeys('image.fromSequence', options, ['shape', 'reduce']);
  if (!isToSequence(toSequence)) {
    throw new CugruError('ERR_TYPE', `expected what image.toSequence gives, got ${show(toSequence)}`);
  }
  const reduce = expectOneOf('reduce', options.reduce ?? 'mean', ['mean', 'sum'] as const);
  const [height, width, channels] = expectShape(options.shape);
  const { steps, features, map, coordinates } = sequenceMap(toSequence, { height, width, channels });
  expectTypedArray('sequence', sequence, Float32Array);
  const stride = features + (coordinates === undefined ? 0 : 2);
  if (sequence.length !== steps * stride) {
    const problem = `the sequence must be [${steps}, ${stride}], that is ${steps * stride} values, got ${sequence.length}`;
    throw new CugruError('ERR_SHAPE', problem, { length: sequence.length });
  }
  const sums = new Float64Array(height * width * channels);
  const counts = new Uint32Array(sums.length);
  map.forEach((at, i) => {
    if (at < 0) return;
    const from = Math.floor(i / features) * stride + (i % features);
    sums[at] = (sums[at] as number) + (sequence[from] as number);
    counts[at] = (counts[at] as number) + 1;
  });
  if (reduce === 'sum') return Float32Array.from(sums);
  return Float32Array.from(sums, (sum, i) => sum / Math.max(1, counts[i] as number));
}
