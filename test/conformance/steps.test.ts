/** Operations over the steps of a sequence on every target, against float64. */
import test from 'ava';
import { Worst } from '../support/conformance_compare.js';
import { targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import {
  compareOp,
  differences,
  lengthsOf,
  lengthsSpec,
  type OpCase,
  runOp,
  shapes,
  specOf,
} from '../support/sequence_cases.js';
import {
  describe,
  place,
  reduceSteps,
  reductions,
  reverse,
  type Shape,
  sizeOf,
} from '../support/sequence_reference.js';

// Values that differ by more than any difference is wide, so that the largest stays the largest.
function apart(random: Random, length: number): Float32Array {
  const order = Array.from({ length }, (_, i) => ({ i, key: random.next() })).sort((a, b) => a.key - b.key);
  const values = new Float32Array(length);
  for (const [rank, { i }] of order.entries()) values[i] = (rank - length / 2) / 4;
  return values;
}

interface Case {
  readonly shape: Shape;
  readonly lengths: Int32Array | undefined;
  readonly where: string;
}
const cases: readonly Case[] = shapes.flatMap((shape, seed) => [
  { shape, lengths: undefined, where: describe(shape) },
  { shape, lengths: lengthsOf(shape, seed), where: `${describe(shape)} lengths` },
]);

function caseOf(op: string, { shape, lengths }: Case, kind?: string): OpCase & { x: Float32Array } {
  const random = new Random(shape.features);
  const x = kind === 'max' ? apart(random, sizeOf(shape)) : random.floats(sizeOf(shape));
  const out = kind === undefined ? shape : { ...shape, steps: 0 };
  return {
    op,
    ...(kind === undefined ? {} : { attrs: { kind } }),
    batch: shape.batch,
    inputs: [
      { spec: specOf(shape), values: x },
      lengths === undefined ? null : { spec: lengthsSpec(shape.rows), values: lengths },
    ],
    output: specOf(out),
    dy: random.floats(sizeOf(out)),
    x,
  };
}

for (const target of targets()) {
  test(`reverse on ${target.name}: valid steps backwards, zeros behind them`, async (t) => {
    const worst = new Worst();
    for (const c of cases) {
      const opCase = caseOf('reverse', c);
      const wanted = reverse(c.shape, opCase.x, opCase.dy, c.lengths);
      await compareOp(target, opCase, wanted, worst, { limit: 0, where: c.where });
    }
    t.deepEqual(worst.failures, []);
  });

  for (const kind of reductions) {
    test(`reduceSteps ${kind} on ${target.name} agrees with float64, and with differences`, async (t) => {
      const worst = new Worst();
      for (const c of cases) {
        const opCase = caseOf('reduceSteps', c, kind);
        const wanted = reduceSteps(c.shape, kind, opCase.x, opCase.dy, c.lengths);
        const limit = kind === 'mean' ? 5e-7 : 0;
        await compareOp(target, opCase, wanted, worst, { limit, where: c.where });
        worst.note('differences', await differences(target, opCase, 1 / 64), 1e-3, c.where);
      }
      t.log(`worst errors:\n${worst}`);
      t.deepEqual(worst.failures, []);
    });
  }

  test(`reduceSteps max on ${target.name}: of equal steps the first has the gradient; a NaN shows`, async (t) => {
    const shape = { batch: 1, steps: 4, rows: 1, features: 3 };
    const values = Float32Array.of(1, 0, 1, 3, 0, Number.NaN, 3, 0, 9, 2, -1, Number.NaN); // columns: 1 3 3 2, 0 0 0 -1, 1 NaN 9 NaN
    const inputs = [{ spec: specOf(shape), values }];
    const output = specOf({ ...shape, steps: 0 });
    const dy = Float32Array.of(5, 6, 7);
    const got = await runOp(target, { op: 'reduceSteps', attrs: { kind: 'max' }, batch: 1, inputs, output, dy });
    t.deepEqual(got.y, Float32Array.of(3, 0, Number.NaN));
    t.deepEqual(got.gradients[0], Float32Array.of(0, 6, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0));
  });

  test(`steps behind a row's end have no part on ${target.name}, whatever they hold`, async (t) => {
    const shape = shapes[2] as Shape;
    const lengths = lengthsOf(shape, 3);
    const spoil = (x: Float32Array) => {
      const spoilt = x.slice();
      for (let b = 0; b < shape.batch; b++) {
        for (let r = 0; r < shape.rows; r++) {
          for (let s = lengths[b * shape.rows + r] as number; s < shape.steps; s++) {
            const first = place(shape, b, s, r, 0);
            spoilt.fill(Number.NaN, first, first + shape.features);
          }
        }
      }
      return spoilt;
    };
    for (const [op, kind] of [['reverse'], ...reductions.map((name) => ['reduceSteps', name])] as const) {
      const clean = caseOf(op as string, { shape, lengths, where: '' }, kind);
      const [x, ...rest] = clean.inputs;
      const dirty = { ...clean, inputs: [{ spec: specOf(shape), values: spoil(x?.values as Float32Array) }, ...rest] };
      t.deepEqual(await runOp(target, dirty), await runOp(target, clean), `${op} ${kind}`);
    }
  });

  test(`a batch with padding on ${target.name} gives what a batch of that size gives`, async (t) => {
    const shape = { batch: 3, steps: 5, rows: 2, features: 7 };
    for (const [op, kind] of [['reverse'], ...reductions.map((name) => ['reduceSteps', name])] as const) {
      const exact = caseOf(op as string, { shape, lengths: lengthsOf(shape, 1), where: '' }, kind);
      t.deepEqual(await runOp(target, { ...exact, batch: 8, rows: 3 }), await runOp(target, exact), `${op} ${kind}`);
    }
  });
}
