/** Activations by themselves on every target, against float64, and differences. */
import test from 'ava';
import { relativeError, Worst } from '../support/conformance_compare.js';
import { targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { compareOp, differences, runOp, shapes, specOf } from '../support/sequence_cases.js';
import { activation, activationKinds, describe, sizeOf } from '../support/sequence_reference.js';

const line = { batch: 1, steps: 0, rows: 1, features: 4001 };
// From -20 to 20, both ends and zero among them.
const everywhere = Float32Array.from({ length: line.features }, (_, i) => (i - 2000) / 100);

const opOf = (kind: string, shape: typeof line, values: Float32Array, dy: Float32Array) => ({
  op: 'activation',
  attrs: { kind },
  batch: shape.batch,
  inputs: [{ spec: specOf(shape), values }],
  output: specOf(shape),
  dy,
});

for (const target of targets()) {
  for (const kind of activationKinds) {
    test(`${kind} on ${target.name} agrees with float64, and with differences`, async (t) => {
      const worst = new Worst();
      for (const shape of shapes) {
        const random = new Random(shape.features);
        // Away from the edge of relu.
        const x = random.floats(sizeOf(shape), 4).map((value) => value + Math.sign(value) / 8);
        const opCase = opOf(kind, shape, x, random.floats(sizeOf(shape)));
        await compareOp(target, opCase, activation(kind, x, opCase.dy), worst, { limit: 2e-6, where: describe(shape) });
        worst.note('differences', await differences(target, opCase, 1 / 64), 1e-3, describe(shape));
      }
      t.log(`worst errors:\n${worst}`);
      t.deepEqual(worst.failures, []);
    });

    test(`${kind} on ${target.name}: each value from -20 to 20 is right to 2e-5 of itself`, async (t) => {
      const ones = everywhere.map(() => 1);
      const { y, gradients } = await runOp(target, opOf(kind, line, everywhere, ones));
      const wanted = activation(kind, everywhere, ones);
      for (const [i, value] of wanted.y.entries()) {
        if (Math.abs(value) < 1e-30) continue;
        const error = Math.abs((y[i] as number) / value - 1);
        if (!(error < 2e-5)) t.fail(`${kind}(${everywhere[i]}) is ${y[i]}, not ${value}`);
      }
      t.true(relativeError(gradients[0] ?? y, wanted.gradients[0] ?? wanted.y) < 2e-6);
    });
  }

  test(`activations on ${target.name}: a NaN stays one, and very large values have their limits`, async (t) => {
    const shape = { batch: 1, steps: 0, rows: 1, features: 3 };
    const values = Float32Array.of(Number.NaN, -1e30, 1e30);
    const limits = { relu: [0, 1e30], tanh: [-1, 1], sigmoid: [0, 1], gelu: [0, 1e30], silu: [0, 1e30] };
    for (const kind of activationKinds) {
      const { y, gradients } = await runOp(target, opOf(kind, shape, values, Float32Array.of(1, 1, 1)));
      const [low, high] = limits[kind] as [number, number];
      t.is(y[0], Number.NaN, kind);
      t.true(Math.abs((y[1] as number) - low) < 1e-30, `${kind}: ${y[1]}`);
      t.is(y[2], Math.fround(high), kind);
      const slope = kind === 'tanh' || kind === 'sigmoid' ? 0 : 1;
      t.true(Math.abs(gradients[0]?.[1] ?? Number.NaN) < 1e-30, kind);
      t.true(Math.abs((gradients[0]?.[2] ?? Number.NaN) - slope) < 1e-30, kind);
    }
  });
}
