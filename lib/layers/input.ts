/** The input of a model that is put together from tensors. */
import { expectInteger, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { expectNormalization, type Normalization } from '../image/index.js';
import { InputSource, type LayerTensor } from './layer_tensor.js';

/** Options of {@link input}. */
export interface InputOptions {
  /** Of one row: `[height, width, channels]` for images, `[steps, features]` for sequences, `[features]` for plain vectors. */
  readonly shape: readonly number[];
  /**
   * Of images that are taken as they are, for `conv2d` and its like; `image.toSequence` has its own.
   * @defaultValue 'dataset' for images: mean and deviation of each channel of the first training set
   */
  readonly normalization?: Normalization;
  /**
   * Rows of every batch, for models with `stateful` layers: only so many are taken at a time.
   * @defaultValue any number
   */
  readonly batchSize?: number;
}

/** @internal Checks the shape of a model's rows. */
export function expectInputShape(name: string, shape: unknown): readonly number[] {
  if (!Array.isArray(shape) || shape.length < 1 || shape.length > 3) {
    throw new CugruError(
      'ERR_SHAPE',
      `${name} must be [height, width, channels], [steps, features] or [features], got ${JSON.stringify(shape)}`,
      { got: shape },
    );
  }
  shape.forEach((dim, i) => void expectInteger(`${name}[${i}]`, dim, { min: 1, max: 2 ** 20 }));
  return Object.freeze([...(shape as number[])]);
}

/** @internal What an input has besides its shape, not checked yet. */
export interface InputDetails {
  readonly normalization?: unknown;
  readonly batchSize?: unknown;
}

/** @internal {@link input}, with the name that the shape has in messages. */
export function makeInput(name: string, shape: unknown, { normalization, batchSize }: InputDetails): LayerTensor {
  const checked = expectInputShape(name, shape);
  const isImage = checked.length === 3;
  if (normalization !== undefined && !isImage) {
    throw new CugruError(
      'ERR_VALUE',
      `normalization is for images, whose ${name} is [height, width, channels]; got [${checked.join(', ')}]`,
    );
  }
  const rows = batchSize === undefined ? undefined : expectInteger('batchSize', batchSize, { min: 1, max: 2 ** 20 });
  const source = new InputSource({ shape: checked, batchSize: rows });
  return source.read({
    toSequence: undefined,
    normalization: isImage ? expectNormalization(normalization ?? 'dataset') : 'none',
  });
}

/**
 * The input of a model: the data's rows, one after the other. Layers are applied to it, and {@link model} makes a model of the way from
 * here to an output. Bytes are scaled to [0, 1].
 *
 * @example
 * ```ts
 * const x = input({ shape: [28, 28, 1] });
 * const rows = layers.gru({ units: 64 }).apply(image.toSequence({ scheme: 'rows' }).apply(x));
 * const columns = layers.gru({ units: 64 }).apply(image.toSequence({ scheme: 'columns' }).apply(x));
 * ```
 * @throws {@link CugruError} `ERR_SHAPE`, `ERR_VALUE`, `ERR_TYPE`.
 */
export function input(options: InputOptions): LayerTensor {
  rejectUnknownKeys('input', options, ['shape', 'normalization', 'batchSize']);
  return makeInput('shape', options.shape, options);
}
