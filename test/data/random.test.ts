import test from 'ava';
import { permutation } from '../../lib/data/index.js';
import { PhiloxStream, philox } from '../../lib/philox.js';
import fc from '../support/edges_fc.js';

const ascending = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

test("Philox gives the authors' known answers", (t) => {
  // Random123, kat_vectors, philox4x32 with 10 rounds: counter, key, result.
  const known = [
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const;
  for (const [counter, key, expected] of known) {
    const out = new Uint32Array(4);
    philox(key, counter, out);
    t.deepEqual([...out], [...expected]);
  }
});

test('numbers below a bound do not favour small ones', (t) => {
  // 2^32 is 1 1/3 of this bound: the remainder alone would give the lowest third half of all draws.
  const bound = 3 * 2 ** 30;
  const stream = new PhiloxStream(1, 2, 3);
  const draws = Array.from({ length: 20_000 }, () => stream.below(bound));
  const low = draws.filter((draw) => draw < 2 ** 30).length / draws.length;
  t.true(Math.abs(low - 1 / 3) < 0.015, `share of the lowest third: ${low}`);
  t.true(draws.every((draw) => draw < bound));
});

test('an order is a permutation, for any size, seed and epoch', (t) => {
  const epochs = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), fc.maxSafeNat(), epochs, (n, seed, epoch) => {
      const order = permutation(n, seed, epoch);
      t.deepEqual(
        [...order].sort((a, b) => a - b),
        ascending(n),
      );
      t.deepEqual(permutation(n, seed, epoch), order);
    }),
    { numRuns: 100 },
  );
});

test('orders differ between epochs and between seeds, in all bits of both', (t) => {
  const orders = [
    [1, 0],
    [1, 1],
    [2, 0],
    [1 + 2 ** 32, 0],
    [1, 2 ** 31],
  ].map(([seed, epoch]) => permutation(50, seed as number, epoch as number).join());
  t.is(new Set(orders).size, orders.length);
});

test('every order is as likely as another', (t) => {
  const counts = new Map<string, number>();
  const draws = 12_000;
  for (let epoch = 0; epoch < draws; epoch++) {
    const order = permutation(5, 7, epoch).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  t.is(counts.size, 120);
  const expected = draws / 120;
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // 119 degrees of freedom: mean 119, deviation 15.4; four deviations to each side.
  t.true(chiSquare > 57 && chiSquare < 181, `chi square ${chiSquare}`);
});

test('every row comes to every place equally often', (t) => {
  const n = 16;
  const draws = 4000;
  const counts = new Float64Array(n * n);
  for (let epoch = 0; epoch < draws; epoch++) {
    permutation(n, 11, epoch).forEach((row, place) => {
      counts[row * n + place] = (counts[row * n + place] as number) + 1;
    });
  }
  const expected = draws / n;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // (n - 1)^2 = 225 degrees of freedom: deviation 21.2.
  t.true(chiSquare > 140 && chiSquare < 310, `chi square ${chiSquare}`);
});

test('sizes, seeds and epochs that are none are refused', (t) => {
  for (const [n, seed, epoch] of [
    [-1, 0, 0],
    [1.5, 0, 0],
    [2 ** 31, 0, 0],
    [1, -1, 0],
    [1, 2 ** 53, 0],
    [1, 0, 2 ** 32],
  ]) {
    t.throws(() => permutation(n as number, seed as number, epoch as number), { code: 'ERR_VALUE' });
  }
  t.throws(() => permutation('3' as unknown as number, 0, 0), { code: 'ERR_TYPE' });
});
