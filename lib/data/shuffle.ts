/** Orders of rows that depend on nothing but their number, a seed and an epoch. */
import { setImmediate as turn } from 'node:timers/promises';
import { expectInteger } from '../checks.js';
import { PhiloxStream } from './philox.js';

// Streams far above the ids of operations, which count from 0: shuffling never shares numbers with dropout or first weights.
const shuffleStream = 0xffff_0001;
const splitStream = 0xffff_0002;

// Items that are swapped between two turns of the event loop: about a millisecond's work before it is optimised.
const itemsOfTurn = 4096;

/** Shuffles in place: Fisher and Yates, from the end, or from `from` down to above `to`. */
function shuffle(items: Int32Array, random: PhiloxStream, from: number = items.length - 1, to = 0): Int32Array {
  for (let i = from; i > to; i--) {
    const j = random.below(i + 1);
    const item = items[i] as number;
    items[i] = items[j] as number;
    items[j] = item;
  }
  return items;
}

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
  return shuffle(rows, new PhiloxStream(seed, shuffleStream, epoch));
}

/**
 * Puts `rows` into the order of {@link permutation}, in place, with turns of the event loop in between.
 * @internal
 */
export async function shuffleRows(rows: Int32Array, seed: number, epoch: number): Promise<Int32Array> {
  const random = new PhiloxStream(seed, shuffleStream, epoch);
  for (let from = rows.length - 1; from > 0; from -= itemsOfTurn) {
    shuffle(rows, random, from, Math.max(0, from - itemsOfTurn));
    await turn();
  }
  return rows;
}

/** Shuffles `positions` in place for a split; `group` keeps the classes of a stratified one independent. @internal */
export function shuffleForSplit(positions: Int32Array, seed: number, group: number): Int32Array {
  return shuffle(positions, new PhiloxStream(seed, splitStream, group));
}
