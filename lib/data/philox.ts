/**
 * Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011): the same generator as in the native core, so that one seed rules
 * everything.
 */

/** Four 32-bit numbers for a counter under a key; written to `out`. */
export function philox(key: readonly [number, number], counter: Uint32Array, out: Uint32Array): void {
  let [k0, k1] = key;
  let [c0, c1, c2, c3] = counter as unknown as [number, number, number, number];
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = mulHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1 >>> 0, (high0 ^ c3 ^ k1) >>> 0, low0 >>> 0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

// The high half of a 32 x 32 bit product, by 16-bit parts.
function mulHigh(a: number, b: number): number {
  const [ah, al, bh, bl] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = ah * bl + ((al * bl) >>> 16);
  const carry = al * bh + (middle & 0xffff);
  return (ah * bh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/** A stream of 32-bit numbers from a seed and a place: (seed, domain, part) never overlap. */
export class PhiloxStream {
  readonly #key: readonly [number, number];
  readonly #counter: Uint32Array;
  readonly #block = new Uint32Array(4);
  #used = 4;

  constructor(seed: number, domain: number, part: number) {
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
    this.#counter = Uint32Array.of(0, part >>> 0, domain >>> 0, Math.floor(part / 2 ** 32) >>> 0);
  }

  next(): number {
    if (this.#used === 4) {
      philox(this.#key, this.#counter, this.#block);
      this.#counter[0] = (this.#counter[0] as number) + 1;
      this.#used = 0;
    }
    return this.#block[this.#used++] as number;
  }

  /** An integer in [0, bound), each equally likely (Lemire, 2019, with rejection). */
  below(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let value = this.next();
    while (value >= limit) value = this.next();
    return value % bound;
  }
}
