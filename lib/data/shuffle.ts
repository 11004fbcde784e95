/** Orders of rows that depend on nothing but their number, a seed and an epoch. */
import { expectInteger } from '../checks.js';
import { PhiloxStream } from '../philox.js';

// Streams far above the ids of operations, which count from 0: shuffling never shares numbers with dropout or first weights.
const shuffleStream = 0xffff_0001;
const splitStream = 0xffff_0002;

/**
 * The order of the rows in an epoch: every one of the n! orders is as likely as another, and the same arguments give the same
 * order on every machine.
 * @param n - number of rows, from 0 to 2^31 - 1
 * @param seed - from 0 to 2^53 - 1
 * @param epoch - from 0 to 2^32 - 1
 * @returns a permutation of 0 .. n - 1
 * @throws {@link CugruError} `ERR_TYPE`, `ERR_VALUE`
 */
export function permutation(n: number, seed: number, epoch: number): Int32Array {
  expectInteger('n', n, { min: 0, max: 2 ** 31 - 1 });
  expectInteger('seed', seed, { min: 0, max: Number.MAX_SAFE_INTEGER });
  expectInteger('epoch', epoch, { min: 0, max: 2 ** 32 - 1 });
  const rows = new Int32Array(n);
  for (let i = 0; i < n; i++) rows[i] = i;
  return new PhiloxStream(seed, shuffleStream, epoch).shuffle(rows);
}

/** Shuffles `positions` in place for a split; `group` keeps the classes of a stratified one independent. @internal */
export function shuffleForSplit(positions: Int32Array, seed: number, group: number): Int32Array {
  return new PhiloxStream(seed, splitStream, group).shuffle(positions);
}
