/** Seeded choices for the fuzzers of the native door. */

/** See {@link random}. */
export interface Random {
  /** From 0 to below 1. */
  unit(): number;
  /** An integer from 0 to below `bound`. */
  below(bound: number): number;
  pick<T>(from: readonly T[]): T;
  chance(share: number): boolean;
}

/** Mulberry32: small, and the same everywhere. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(unit() * bound);
  return {
    unit,
    below,
    pick: <T>(from: readonly T[]): T => from[below(from.length)] as T,
    chance: (share) => unit() < share,
  };
}
