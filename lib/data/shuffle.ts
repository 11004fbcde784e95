/** Seeded orders of rows. */
import { PhiloxStream } from './philox.js';

// Keeps shuffling apart from other uses of the seed.
const shuffleDomain = 0x5a0ff1e;

/** The numbers 0 to n − 1 in an order that depends on seed and epoch only (Fisher and Yates). */
export function permutation(n: number, seed: number, epoch: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const random = new PhiloxStream(seed, shuffleDomain, epoch);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
  return order;
}
