/** The one error class, with a stable code for each cause. */

/**
 * Why an operation was refused or failed. Codes are stable; messages may change.
 * - `ERR_SHAPE`: axes or sizes do not fit; the message names them and both shapes
 * - `ERR_TYPE`: a value of the wrong type
 * - `ERR_VALUE`: a value that is not allowed, an unknown option
 * - `ERR_RANGE`: an index or label outside of its range
 * - `ERR_GRAPH`: layers that cannot be put together, a cycle
 * - `ERR_UNSUPPORTED`: this device, or this version, cannot do it
 * - `ERR_OUT_OF_MEMORY`: it does not fit; nothing was allocated
 * - `ERR_DISPOSED`: used after dispose
 * - `ERR_BUSY`: another call uses the model or buffer
 * - `ERR_STATE`: a call that needs another one before it
 * - `ERR_NOT_FINITE`: NaN or infinity in weights, data or loss
 * - `ERR_DETACHED_BUFFER`: an ArrayBuffer was transferred or resized away
 * - `ERR_CUDA_UNAVAILABLE`: no GPU can be had; the message says why
 * - `ERR_CUDA_INSTALL`: `cugru cuda install` failed, and changed nothing
 * - `ERR_ABORTED`: a call that was ended before it was done
 * - `ERR_CHECKPOINT_CORRUPT`: a model file that cannot be read, or is not what it should be
 * - `ERR_CHECKPOINT_VERSION`: a model folder of a version that this one does not know
 * - `ERR_DATASET_MISSING`: data that is not there; the message lists where it was looked for
 * - `ERR_DATASET_CORRUPT`: data that is not what it should be
 * - `ERR_IMAGE`: an image that cannot be read or decoded
 * - `ERR_NATIVE_LOAD`: the native addon cannot be loaded; the message says what to do
 * - `ERR_USAGE`: a command line that cannot be understood
 * - `ERR_INTERNAL`: a bug of cugru
 */
export type ErrorCode =
  | 'ERR_SHAPE'
  | 'ERR_TYPE'
  | 'ERR_VALUE'
  | 'ERR_RANGE'
  | 'ERR_GRAPH'
  | 'ERR_UNSUPPORTED'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_DISPOSED'
  | 'ERR_BUSY'
  | 'ERR_STATE'
  | 'ERR_NOT_FINITE'
  | 'ERR_DETACHED_BUFFER'
  | 'ERR_CUDA_UNAVAILABLE'
  | 'ERR_CUDA_INSTALL'
  | 'ERR_ABORTED'
  | 'ERR_CHECKPOINT_CORRUPT'
  | 'ERR_CHECKPOINT_VERSION'
  | 'ERR_DATASET_MISSING'
  | 'ERR_DATASET_CORRUPT'
  | 'ERR_IMAGE'
  | 'ERR_NATIVE_LOAD'
  | 'ERR_USAGE'
  | 'ERR_INTERNAL';

/** Every error that cugru makes. Errors of the file system pass through as Node made them. */
export class CugruError extends Error {
  override readonly name = 'CugruError';
  /** What went wrong, for programs to branch on. */
  readonly code: ErrorCode;
  /** Facts for programs: shapes, paths, indices. */
  readonly details: Readonly<Record<string, unknown>>;

  /**
   * @param code - the stable code
   * @param message - what was expected, what came, what to do
   * @param details - facts for programs
   * @param options - `cause`: the error behind this one
   */
  constructor(
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.details = details;
  }
}
