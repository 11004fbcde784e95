/** Dropout on every target: the mask, bit for bit, from Philox 4x32-10. */
import test from 'ava';
import type { GraphSpec } from '../../lib/graph_spec.js';
import { native } from '../../lib/native.js';
import { philox } from '../../lib/philox.js';
import { keptElements, philox4x32 } from '../support/conformance_philox.js';
import { TestProgram, targets, tensor } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';

// Random123, kat_vectors: philox 4x32 10.
const knownAnswers = [
  { counter: [0, 0, 0, 0], key: [0, 0], wanted: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    wanted: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    wanted: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
] as const;

test('Philox gives the known answers of Random123: the reference, and the one of lib/data', (t) => {
  for (const { counter, key, wanted } of knownAnswers) {
    t.deepEqual(philox4x32(counter.map(BigInt), key.map(BigInt)), [...wanted]);
    const words = new Uint32Array(4);
    philox(key, counter, words);
    t.deepEqual([...words], [...wanted]);
  }
});

// Two dropouts after each other, so that their ids are 0 and 1; both outputs can be read.
function graphOf(rates: readonly [number, number], steps: number, features: number): GraphSpec {
  const spec = tensor([features], steps);
  return {
    tensors: [spec, spec, spec],
    nodes: rates.map((rate, i) => ({
      name: `drop${i}`,
      op: 'dropout',
      attrs: { rate },
      inputs: [i],
      outputs: [i + 1],
    })),
    inputs: [{ name: 'x', tensor: 0, kind: 'value', gradient: true }],
    outputs: [
      { name: 'first', tensor: 1, seeded: true },
      { name: 'second', tensor: 2, seeded: true },
    ],
  };
}

// f of (canonical index, index in memory order: steps first).
function eachElement(
  batch: number,
  steps: number,
  features: number,
  f: (at: number, memory: number) => number,
): Float32Array {
  const count = Math.max(steps, 1);
  return Float32Array.from({ length: batch * count * features }, (_, at) => {
    const [row, t, feature] = [Math.floor(at / (count * features)), Math.floor(at / features) % count, at % features];
    return f(at, (t * batch + row) * features + feature);
  });
}

const cases = [
  { batch: 1, steps: 0, features: 1, rate: 0.5, seed: 0, step: 0 },
  { batch: 3, steps: 0, features: 7, rate: 0.5, seed: 1, step: 0 },
  { batch: 4, steps: 5, features: 9, rate: 0.1, seed: 2 ** 32 + 5, step: 3 },
  { batch: 5, steps: 3, features: 33, rate: 0.9, seed: 2 ** 53 - 1, step: 2 ** 32 - 1 },
  { batch: 65, steps: 2, features: 129, rate: 0.25, seed: 42, step: 7 }, // more than one task
  { batch: 2, steps: 0, features: 40, rate: 0, seed: 9, step: 1 },
];

for (const target of targets()) {
  test(`dropout on ${target.name}: mask and scale are exactly those of (seed, op, step, element)`, async (t) => {
    for (const { batch, steps, features, rate, seed, step } of cases) {
      const rates = [rate, 0.3] as const;
      const elements = batch * Math.max(steps, 1) * features;
      const masks = rates.map((r, opId) => keptElements({ seed, opId, step, rate: r, elements }));
      const apply = (values: Float32Array, opId: 0 | 1) => {
        const keep = Math.fround(1 - Math.fround(rates[opId]));
        return eachElement(batch, steps, features, (at, memory) =>
          masks[opId]?.[memory] ? (values[at] as number) / keep : 0,
        );
      };
      const random = new Random(features);
      const [x, dy] = [random.floats(elements), random.floats(elements)];
      const program = await TestProgram.open(target, { graph: graphOf(rates, steps, features), batch });
      await native().storeSetStep(program.store, step);
      const got = await program.run({ inputs: { x }, seeds: { second: dy }, seed });
      program.close();
      t.deepEqual(got.outputs['first'], apply(x, 0));
      t.deepEqual(got.outputs['second'], apply(apply(x, 0), 1));
      t.deepEqual(got.gradients['x'], apply(apply(dy, 1), 0));
    }
  });

  test(`dropout on ${target.name} keeps the share that it should`, async (t) => {
    const program = await TestProgram.open(target, { graph: graphOf([0.3, 0.3], 0, 1000), batch: 100 });
    const got = await program.run({ inputs: { x: new Float32Array(100_000).fill(1) }, seed: 5 });
    program.close();
    const kept = got.outputs['first']?.filter((value) => value !== 0).length ?? 0;
    t.true(Math.abs(kept - 70_000) < 5 * Math.sqrt(100_000 * 0.3 * 0.7)); // five deviations
  });

  test(`dropout on ${target.name} vanishes outside of training`, async (t) => {
    const x = new Random(1).floats(60);
    const program = await TestProgram.open(target, { graph: graphOf([0.5, 0.5], 0, 20), batch: 3, mode: 'predict' });
    t.deepEqual((await program.run({ inputs: { x } })).outputs['second'], x);
    program.close();
  });
}
