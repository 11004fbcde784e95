/** addTable, appendTable and trailingLengths on every target, against float64. */
import test from 'ava';
import { relativeError } from '../support/conformance_compare.js';
import { opGraph, type ProgramOptions, runOnce, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { lengthsSpec, runOp, shapes, specOf } from '../support/sequence_cases.js';
import { describe, type Shape, sizeOf, trailingLengths } from '../support/sequence_reference.js';

function addTable(shape: Shape, table: Float32Array): ProgramOptions {
  const graph = opGraph({
    op: 'addTable',
    inputs: [{ name: 'x', spec: specOf(shape), gradient: true }],
    outputs: [{ name: 'y', spec: specOf(shape), seeded: true }],
    grouped: true,
  });
  const params = [{ name: 'table', shape: [shape.steps, shape.features] }];
  return { graph, batch: shape.batch, groups: [{ name: 'positions', op: 'addTable', params }], parameters: table };
}

// The table's element that goes to an element of x.
const entry = ({ steps, rows, features }: Shape, i: number) =>
  (Math.floor(i / (rows * features)) % steps) * features + (i % features);

// Zeros, but for a few elements; some rows are all zero.
function sparse(shape: Shape, seed: number, value: number): Float32Array {
  const random = new Random(seed);
  const x = new Float32Array(sizeOf(shape)).fill(value);
  for (let i = 0; i < shape.batch * shape.rows; i++) x[random.integer(0, x.length - 1)] = random.next() + 1;
  return x;
}

for (const target of targets()) {
  test(`addTable on ${target.name}: each step gets its row; the table's gradient is the sum over rows`, async (t) => {
    for (const shape of shapes) {
      const random = new Random(shape.features);
      const table = random.floats(shape.steps * shape.features);
      const [x, dy] = [random.floats(sizeOf(shape)), random.floats(sizeOf(shape))];
      const got = await runOnce(target, addTable(shape, table), { inputs: { x }, seeds: { y: dy } });
      t.deepEqual(
        got.outputs['y'],
        x.map((value, i) => value + (table[entry(shape, i)] as number)),
      );
      t.deepEqual(got.gradients['x'], dy);
      const wanted = new Float64Array(table.length);
      for (const [i, d] of dy.entries()) wanted[entry(shape, i)] = (wanted[entry(shape, i)] as number) + d;
      t.true(relativeError(got.parameterGradients, wanted) < 2e-6, describe(shape));
    }
  });

  test(`appendTable on ${target.name}: each step has its row behind its features`, async (t) => {
    for (const [i, shape] of shapes.entries()) {
      const [random, width] = [new Random(i), 1 + i];
      const wide = { ...shape, features: shape.features + width };
      const table = random.floats(shape.steps * width);
      const [values, dy] = [random.floats(sizeOf(shape)), random.floats(sizeOf(wide))];
      const inputs = [{ spec: specOf(shape), values }];
      const opCase = {
        op: 'appendTable',
        attrs: { width, table },
        batch: shape.batch,
        inputs,
        output: specOf(wide),
        dy,
      };
      const { y, gradients } = await runOp(target, opCase);
      const own = (e: number) => Math.floor(e / wide.features) * shape.features + (e % wide.features);
      const isTable = (e: number) => e % wide.features >= shape.features;
      const step = (e: number) => Math.floor(e / (wide.features * wide.rows)) % shape.steps;
      const wanted = dy.map((_, e) =>
        isTable(e)
          ? (table[step(e) * width + (e % wide.features) - shape.features] as number)
          : (values[own(e)] as number),
      );
      t.deepEqual(y, wanted);
      t.deepEqual(
        gradients[0],
        dy.filter((_, e) => !isTable(e)),
      );
    }
  });

  test(`trailingLengths on ${target.name}: one step more than the last that is no padding`, async (t) => {
    for (const value of [0, -1.5]) {
      for (const [seed, shape] of shapes.entries()) {
        const x = sparse(shape, seed, value);
        const graph = opGraph({
          op: 'trailingLengths',
          attrs: { value },
          inputs: [{ name: 'x', spec: specOf(shape) }],
          outputs: [{ name: 'lengths', spec: lengthsSpec(shape.rows) }],
        });
        const got = await runOnce(target, { graph, batch: shape.batch, mode: 'predict' }, { inputs: { x } });
        const lengths = new Int32Array((got.outputs['lengths'] ?? new Float32Array(0)).buffer);
        t.deepEqual(lengths, trailingLengths(shape, x, value), describe(shape));
      }
    }
  });

  test(`trailingLengths on ${target.name}: a NaN is no padding`, async (t) => {
    const shape = { batch: 2, steps: 3, rows: 1, features: 1 };
    const graph = opGraph({
      op: 'trailingLengths',
      inputs: [{ name: 'x', spec: specOf(shape) }],
      outputs: [{ name: 'lengths', spec: lengthsSpec(1) }],
    });
    const x = Float32Array.of(1, Number.NaN, 0, 0, 0, 0);
    const got = await runOnce(target, { graph, batch: 2, mode: 'predict' }, { inputs: { x } });
    t.deepEqual(new Int32Array((got.outputs['lengths'] ?? x).buffer), Int32Array.of(2, 1));
  });
}
