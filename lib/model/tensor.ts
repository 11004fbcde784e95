/** Arrays with a shape, where a shape cannot be guessed. */

import { expectTypedArray } from '../checks.js';
import { CugruError } from '../errors.js';

/** Numbers in row-major order with their shape. */
export interface Tensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** The number of elements of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/**
 * Checks a tensor: `axes` names the axes, `shape` has the wanted sizes (`undefined`: any size from 1 on).
 * @internal
 */
export function expectTensor(
  name: string,
  value: Tensor,
  axes: readonly string[],
  shape: readonly (number | undefined)[],
): Tensor {
  if (typeof value !== 'object' || value === null || !Array.isArray(value.shape)) {
    throw new CugruError('ERR_TYPE', `${name} must be a tensor { data: Float32Array, shape: [${axes.join(', ')}] }`);
  }
  expectTypedArray(`${name}.data`, value.data, Float32Array);
  const wanted = axes.map((axis, i) => (shape[i] === undefined ? axis : `${axis}=${shape[i]}`)).join(', ');
  const fits =
    value.shape.length === axes.length &&
    value.shape.every(
      (dim, i) => Number.isSafeInteger(dim) && dim >= 1 && (shape[i] === undefined || shape[i] === dim),
    );
  if (!fits) {
    throw new CugruError('ERR_SHAPE', `${name} must be [${wanted}], got [${value.shape.join(', ')}]`, {
      expected: shape,
      got: value.shape,
    });
  }
  if (value.data.length !== elements(value.shape)) {
    throw new CugruError(
      'ERR_SHAPE',
      `${name} has shape [${value.shape.join(', ')}], that is ${elements(value.shape)} numbers, but its data has ${value.data.length}`,
      { shape: value.shape, length: value.data.length },
    );
  }
  return value;
}
