/** attentionPool on every target, against float64 and differences. */
import test from 'ava';
import { relativeError, Worst } from '../support/conformance_compare.js';
import { opGraph, runOnce, TestProgram, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { compareOp, differences, lengthsOf, lengthsSpec, runOp, shapes, specOf } from '../support/sequence_cases.js';
import { attentionPool, describe, type Shape, sizeOf } from '../support/sequence_reference.js';

function caseOf(shape: Shape, lengths: Int32Array | undefined, scale = 3) {
  const random = new Random(shape.steps);
  const x = random.floats(sizeOf(shape));
  const scores = random.floats(sizeOf({ ...shape, features: 1 }), scale);
  const dy = random.floats(sizeOf({ ...shape, steps: 0 }));
  const inputs = [
    { spec: specOf(shape), values: x },
    { spec: specOf({ ...shape, features: 1 }), values: scores },
    lengths === undefined ? null : { spec: lengthsSpec(shape.rows), values: lengths },
  ];
  return { x, scores, dy, lengths, inputs };
}

// With both outputs; the weights can be left out.
function graphOf(shape: Shape, hasLengths: boolean, gives: 'weights' | 'y') {
  return opGraph({
    op: 'attentionPool',
    inputs: [
      { name: 'x', spec: specOf(shape), gradient: true },
      { name: 'scores', spec: specOf({ ...shape, features: 1 }), gradient: true },
      hasLengths ? { name: 'lengths', spec: lengthsSpec(shape.rows) } : null,
    ],
    outputs: [
      { name: 'y', spec: specOf({ ...shape, steps: 0 }), seeded: gives === 'y' },
      { name: 'weights', spec: specOf({ ...shape, features: 1 }), seeded: gives === 'weights' },
    ],
  });
}

const cases = shapes.flatMap((shape, seed) => [
  { shape, lengths: undefined },
  { shape, lengths: lengthsOf(shape, seed) },
]);

for (const target of targets()) {
  test(`attentionPool on ${target.name} agrees with float64, and with differences`, async (t) => {
    const worst = new Worst();
    for (const { shape, lengths } of cases) {
      const c = caseOf(shape, lengths);
      const opCase = {
        op: 'attentionPool',
        leftOut: 1,
        batch: shape.batch,
        inputs: c.inputs,
        output: specOf({ ...shape, steps: 0 }),
        dy: c.dy,
      };
      const where = `${describe(shape)} ${lengths === undefined ? '' : 'lengths'}`;
      const wanted = attentionPool(shape, c.x, c.scores, c.dy, lengths);
      await compareOp(target, opCase, wanted, worst, { limit: 1e-5, where });
      worst.note('differences', await differences(target, opCase), 1e-3, where);
    }
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });

  test(`attentionPool on ${target.name} gives its weights: their sum is one, and none lies behind the end`, async (t) => {
    for (const { shape, lengths } of cases) {
      const { x, scores, dy } = caseOf(shape, lengths);
      const options = {
        graph: graphOf(shape, lengths !== undefined, 'y'),
        batch: shape.batch,
        mode: 'predict' as const,
      };
      const inputs = { x, scores, ...(lengths === undefined ? {} : { lengths }) };
      const got = await runOnce(target, options, { inputs });
      const wanted = attentionPool(shape, x, scores, dy, lengths);
      t.true(relativeError(got.outputs['weights'] ?? x, wanted.weights) < 1e-6, describe(shape));
      t.true(relativeError(got.outputs['y'] ?? x, wanted.y) < 1e-5, describe(shape));
    }
  });

  test(`attentionPool on ${target.name} is finite for scores as large as floats are`, async (t) => {
    const shape = { batch: 2, steps: 4, rows: 1, features: 3 };
    const c = caseOf(shape, undefined, 3e38);
    const output = specOf({ ...shape, steps: 0 });
    const got = await runOp(target, { op: 'attentionPool', leftOut: 1, batch: 2, inputs: c.inputs, output, dy: c.dy });
    t.true([...got.y, ...got.gradients.flatMap((g) => [...g])].every(Number.isFinite));
  });

  test(`attentionPool on ${target.name}: steps behind the end, and padding rows, have no part`, async (t) => {
    const shape = { batch: 3, steps: 5, rows: 2, features: 7 };
    const lengths = lengthsOf(shape, 4);
    const c = caseOf(shape, lengths);
    const exact = {
      op: 'attentionPool',
      leftOut: 1,
      batch: 3,
      inputs: c.inputs,
      output: specOf({ ...shape, steps: 0 }),
      dy: c.dy,
    };
    const clean = await runOp(target, exact);
    t.deepEqual(await runOp(target, { ...exact, batch: 7, rows: 3 }), clean);
    const spoil = (values: Float32Array, features: number) =>
      values.map((value, i) => {
        const [b, s, r] = [
          Math.floor(i / (10 * features)),
          Math.floor(i / (2 * features)) % 5,
          Math.floor(i / features) % 2,
        ];
        return s < (lengths[b * 2 + r] as number) ? value : Number.NaN;
      });
    const [x, scores, last] = c.inputs;
    const dirty = [
      { spec: specOf(shape), values: spoil(x?.values as Float32Array, 7) },
      { spec: specOf({ ...shape, features: 1 }), values: spoil(scores?.values as Float32Array, 1) },
      last ?? null,
    ];
    t.deepEqual(await runOp(target, { ...exact, inputs: dirty }), clean);
  });

  test(`attentionPool on ${target.name} refuses a gradient of its weights`, async (t) => {
    const shape = shapes[1] as Shape;
    await t.throwsAsync(TestProgram.open(target, { graph: graphOf(shape, false, 'weights'), batch: 2 }), {
      code: 'ERR_GRAPH',
      message: /no gradient comes back through its weights/,
    });
  });
}
