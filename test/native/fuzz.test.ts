/** Wrong calls are refused: thousands of seeded ones in child processes, where a crash is a failed test. */
import test from 'ava';
import { describeChild, runChild } from '../support/door_child.js';
import type { Tally } from '../support/door_fuzz.js';

for (const seed of ['1', '2']) {
  test(`every function refuses wrong values and handles, seed ${seed}`, async (t) => {
    const child = await runChild('fuzz_values_child', [seed, '150'], { timeout: 120_000 });
    t.is(child.code, 0, describeChild(child));
    const { done, refused } = JSON.parse(child.stdout) as Tally;
    t.is(done + refused, 150 * 32);
    t.true(done > 500);
    t.true(refused > 2000);
  });

  test(`changed graphs, groups, runs and streams are refused, or work, seed ${seed}`, async (t) => {
    const child = await runChild('fuzz_graphs_child', [seed, '800'], { timeout: 120_000 });
    t.is(child.code, 0, describeChild(child));
    const { done, refused } = JSON.parse(child.stdout) as Tally;
    t.true(done > 500, child.stdout);
    t.true(refused > 500, child.stdout);
  });
}
