/** Dropout of whole rows on every target: the mask, bit for bit, from Philox. */
import test from 'ava';
import { native } from '../../lib/native.js';
import { keptElements } from '../support/conformance_philox.js';
import { opGraph, TestProgram, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { shapes, specOf } from '../support/sequence_cases.js';
import { describe, type Shape, sizeOf } from '../support/sequence_reference.js';

const graphOf = (shape: Shape, rate: number) =>
  opGraph({
    op: 'dropout',
    attrs: { rate, scope: 'row' },
    inputs: [{ name: 'x', spec: specOf(shape), gradient: true }],
    outputs: [{ name: 'y', spec: specOf(shape), seeded: true }],
  });

for (const target of targets()) {
  test(`dropout of rows on ${target.name}: all steps and features of a row have one draw`, async (t) => {
    for (const [step, shape] of [...shapes, { batch: 9000, steps: 0, rows: 1, features: 2 }].entries()) {
      const [rate, seed] = [0.4, 11];
      const kept = keptElements({ seed, opId: 0, step, rate, elements: shape.batch * shape.rows });
      const factor = Math.fround(1 / Math.fround(1 - Math.fround(rate)));
      const apply = (values: Float32Array) =>
        values.map((value, i) => {
          const [b, r] = [
            Math.floor(i / (Math.max(shape.steps, 1) * shape.rows * shape.features)),
            Math.floor(i / shape.features) % shape.rows,
          ];
          return kept[b * shape.rows + r] ? value * factor : 0;
        });
      const random = new Random(shape.features);
      const [x, dy] = [random.floats(sizeOf(shape)), random.floats(sizeOf(shape))];
      const program = await TestProgram.open(target, { graph: graphOf(shape, rate), batch: shape.batch });
      await native().storeSetStep(program.store, step);
      const got = await program.run({ inputs: { x }, seeds: { y: dy }, seed });
      program.close();
      t.deepEqual(got.outputs['y'], apply(x), describe(shape));
      t.deepEqual(got.gradients['x'], apply(dy), describe(shape));
    }
  });

  test(`dropout of rows on ${target.name} vanishes outside of training`, async (t) => {
    const shape = shapes[2] as Shape;
    const x = new Random(1).floats(sizeOf(shape));
    const program = await TestProgram.open(target, { graph: graphOf(shape, 0.5), batch: shape.batch, mode: 'predict' });
    t.deepEqual((await program.run({ inputs: { x } })).outputs['y'], x);
    program.close();
  });
}
