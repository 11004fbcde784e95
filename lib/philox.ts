/**
 * Philox 4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
 * (SC 2011). The same as native/core/philox.h, word for word: a number depends only on (seed, stream, step, element).
 */

// Upper 32 bits of the 64-bit product of two unsigned 32-bit integers: Math.imul has only the lower ones.
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const low = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(low / 0x10000)) >>> 0;
}

/**
 * One block: four 32-bit numbers for a 64-bit key and a 128-bit counter.
 * @param key - two words, low first
 * @param counter - four words
 * @param out - receives four words
 * @internal
 */
export function philox(
  key: readonly [number, number],
  counter: readonly [number, number, number, number],
  out: Uint32Array,
): void {
  let [k0, k1] = key;
  let [c0, c1, c2, c3] = counter;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low0 = Math.imul(0xd2511f53, c0) >>> 0;
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** A sequence of 32-bit numbers for one (seed, stream, step). @internal */
export class PhiloxStream {
  readonly #key: readonly [number, number];
  readonly #stream: number;
  readonly #step: number;
  readonly #words = new Uint32Array(4);
  #block = 0;
  #used = 4;

  /**
   * @param seed - from 0 to 2^53 - 1
   * @param stream - the user of the numbers (in native code: an operation's id), 32 bits
   * @param step - for example an epoch, 32 bits
   */
  constructor(seed: number, stream: number, step: number) {
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
    this.#stream = stream >>> 0;
    this.#step = step >>> 0;
  }

  /** The next number, from 0 to 2^32 - 1. */
  next(): number {
    if (this.#used === 4) {
      const block = this.#block++;
      philox(this.#key, [block >>> 0, Math.floor(block / 2 ** 32) >>> 0, this.#stream, this.#step], this.#words);
      this.#used = 0;
    }
    return this.#words[this.#used++] as number;
  }

  /** An integer from 0 to below `bound` (at most 2^32), each as likely as any other. */
  below(bound: number): number {
    // Numbers of the last, incomplete round through 0 .. bound - 1 would favour small results; they are drawn again.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const number = this.next();
      if (number < limit) return number % bound;
    }
  }

  /** Shuffles in place, and returns `items`: Fisher and Yates, from the end, or from `from` down to above `to`. */
  shuffle(items: Int32Array, from: number = items.length - 1, to = 0): Int32Array {
    for (let i = from; i > to; i--) {
      const j = this.below(i + 1);
      const item = items[i] as number;
      items[i] = items[j] as number;
      items[j] = item;
    }
    return items;
  }
}
