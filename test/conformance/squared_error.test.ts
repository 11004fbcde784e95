/** The squared error between two tensors of a graph, on every target. */
import test from 'ava';
import { relativeError, Worst } from '../support/conformance_compare.js';
import { directionalError } from '../support/conformance_differences.js';
import { opGraph, runOnce, someOf, TestProgram, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { lengthsOf, lengthsSpec, shapes, specOf } from '../support/sequence_cases.js';
import { describe, eachColumn, place, type Shape, sizeOf } from '../support/sequence_reference.js';

const graphOf = (shape: Shape, hasLengths: boolean) =>
  opGraph({
    op: 'squaredError',
    inputs: [
      { name: 'prediction', spec: specOf(shape), gradient: true },
      { name: 'target', spec: specOf(shape), gradient: true },
      hasLengths ? { name: 'lengths', spec: lengthsSpec(shape.rows) } : null,
    ],
  });

// The mean over a batch row's valid elements; the loss is their sum, the gradient that of the mean over batch rows.
function reference(shape: Shape, prediction: Float32Array, wanted: Float32Array, lengths?: Int32Array) {
  const counts = new Float64Array(shape.batch);
  eachColumn(shape, lengths, ({ b, length }) => {
    counts[b] = (counts[b] as number) + length;
  });
  const gradient = new Float64Array(prediction.length);
  let lossSum = 0;
  eachColumn(shape, lengths, ({ b, r, f, length }) => {
    for (let t = 0; t < length; t++) {
      const i = place(shape, b, t, r, f);
      const difference = (prediction[i] as number) - (wanted[i] as number);
      lossSum += difference ** 2 / (counts[b] as number);
      gradient[i] = (2 * difference) / (counts[b] as number) / shape.batch;
    }
  });
  return { lossSum, gradient };
}

const cases = [...shapes, { batch: 5, steps: 0, rows: 1, features: 9 }, { batch: 300, steps: 3, rows: 1, features: 40 }]
  .flatMap((shape, seed) => [
    { shape, lengths: undefined },
    { shape, lengths: lengthsOf(shape, seed) },
  ])
  .filter(({ shape, lengths }) => shape.steps > 0 || lengths === undefined);

function dataOf(shape: Shape, lengths: Int32Array | undefined) {
  const random = new Random(shape.features);
  const [prediction, wanted] = [random.floats(sizeOf(shape), 2), random.floats(sizeOf(shape), 2)];
  return { prediction, target: wanted, ...(lengths === undefined ? {} : { lengths }) };
}

for (const target of targets()) {
  test(`squaredError on ${target.name} agrees with float64, and with differences; targets get no gradient`, async (t) => {
    const worst = new Worst();
    for (const { shape, lengths } of someOf(cases, 3)) {
      const where = `${describe(shape)} ${lengths === undefined ? '' : 'lengths'}`;
      const data = dataOf(shape, lengths);
      const wanted = reference(shape, data.prediction, data.target, lengths);
      const program = await TestProgram.open(target, {
        graph: graphOf(shape, lengths !== undefined),
        batch: shape.batch,
      });
      const run = (prediction: Float32Array) => program.run({ inputs: { ...data, prediction } });
      const got = await run(data.prediction);
      const gradient = got.gradients['prediction'] ?? data.prediction;
      t.is(got.loss?.rows, shape.batch);
      t.true(got.gradients['target']?.every((value) => value === 0));
      worst.note('loss', Math.abs((got.loss?.lossSum ?? Number.NaN) / wanted.lossSum - 1), 1e-9, where);
      worst.note('gradient', relativeError(gradient, wanted.gradient), 1e-6, where);
      const error = await directionalError({
        at: data.prediction,
        gradient,
        scalar: async (values) => ((await run(values)).loss?.lossSum ?? Number.NaN) / shape.batch,
        seed: 5,
      });
      worst.note('differences', error, 1e-4, where);
      program.close();
    }
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });

  test(`squaredError on ${target.name}: padding rows and steps have no part`, async (t) => {
    const shape = { batch: 3, steps: 4, rows: 2, features: 5 };
    const lengths = lengthsOf(shape, 2);
    const inputs = dataOf(shape, lengths);
    const graph = graphOf(shape, true);
    const exact = await runOnce(target, { graph, batch: 3 }, { inputs });
    const padded = await runOnce(target, { graph, batch: 8 }, { inputs, rows: 3 });
    const spoil = (values: Float32Array) =>
      values.map((value, i) => {
        const [b, s, r] = [Math.floor(i / 40), Math.floor(i / 10) % 4, Math.floor(i / 5) % 2];
        return s < (lengths[b * 2 + r] as number) ? value : Number.NaN;
      });
    const spoilt = { ...inputs, prediction: spoil(inputs.prediction), target: spoil(inputs.target) };
    const dirty = await runOnce(target, { graph, batch: 3 }, { inputs: spoilt });
    for (const other of [padded, dirty]) {
      t.deepEqual(other.loss, exact.loss);
      t.deepEqual(other.gradients, exact.gradients);
    }
  });
}
