/** The padding of a last batch has no part in loss, counts, gradients or weights, whatever was there before. */
import test from 'ava';
import type { GraphSpec } from '../../lib/graph_spec.js';
import { native, segments } from '../../lib/native.js';
import { crossEntropyProgram } from '../support/conformance_losses.js';
import { type ModelShape, model } from '../support/conformance_model.js';
import { type Outcome, runOnce, TestProgram, targets, tensor } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';

const shape: ModelShape = { inputs: 5, units: 9, layers: 2, directions: 2, batch: 16, steps: 6, hidden: 7, classes: 4 };
const rows = 11;

const counted = ({ loss, parameterGradients }: Outcome) => ({ loss, parameterGradients });

for (const target of targets()) {
  test(`a batch with padding on ${target.name} gives what a batch of that size gives`, async (t) => {
    const { options, inputs } = model(shape, rows, 1);
    const padded = await runOnce(target, options, { inputs, rows, seed: 2 });
    const exact = await runOnce(target, { ...options, batch: rows }, { inputs, rows, seed: 2 });
    t.is(padded.loss?.rows, rows);
    t.deepEqual(counted(padded), counted(exact));
  });

  test(`what a batch before left on ${target.name} does not matter`, async (t) => {
    const { options, inputs } = model(shape, rows, 3);
    const fresh = await runOnce(target, options, { inputs, rows });
    const program = await TestProgram.open(target, options);
    const other = model(shape, shape.batch, 4).inputs;
    const slab = (other['slab'] as Float32Array).map((value) => value * 1e6);
    await program.run({ inputs: { ...other, slab }, seed: 5 });
    t.deepEqual(counted(await program.run({ inputs, rows })), counted(fresh));
    program.close();
  });

  test(`rows of the dataset that are not asked for are not read on ${target.name}`, async (t) => {
    const { options, inputs } = model(shape, rows + 1, 6);
    const row = shape.steps * shape.inputs;
    const slab = (inputs['slab'] as Float32Array).slice();
    slab.fill(Number.NaN, 0, row);
    const indices = Int32Array.from({ length: rows }, (_, i) => i + 1);
    const clean = await runOnce(target, options, { inputs, indices, rows });
    const dirty = await runOnce(target, options, { inputs: { ...inputs, slab }, indices, rows });
    t.deepEqual(counted(dirty), counted(clean));
    t.true(Number.isFinite(dirty.loss?.lossSum));
  });

  test(`an epoch with a padded last batch on ${target.name} counts each row once and trains alike`, async (t) => {
    const wanted = segments.forward | segments.loss | segments.backward | segments.update;
    const { options, inputs } = model({ ...shape, rate: 0 }, 2 * shape.batch + rows, 7);
    const train = async (sizes: readonly number[]) => {
      const program = await TestProgram.open(target, options);
      await native().storeConfigure(program.store, { kind: 'sgd', momentum: 0.9 });
      let [first, lossSum, counts] = [0, 0, new Float64Array(16)];
      for (const size of sizes) {
        const indices = Int32Array.from({ length: size }, (_, i) => first + i);
        const learningRates = new Float32Array(Math.ceil(size / shape.batch)).fill(0.1);
        const { loss } = await program.run({ inputs, indices, rows: size, learningRates, segments: wanted });
        first += size;
        lossSum += loss?.lossSum ?? Number.NaN;
        counts = counts.map((count, i) => count + (loss?.confusion[i] ?? Number.NaN));
      }
      const weights = await program.read('parameters');
      program.close();
      return { lossSum, counts, weights };
    };
    const whole = await train([2 * shape.batch + rows]);
    const apart = await train([shape.batch, shape.batch, rows]);
    t.is(
      whole.counts.reduce((a, b) => a + b, 0),
      2 * shape.batch + rows,
    );
    t.deepEqual(whole.counts, apart.counts);
    t.deepEqual(whole.weights, apart.weights);
    t.true(Math.abs(whole.lossSum - apart.lossSum) < 1e-12 * whole.lossSum);
  });

  test(`padding rows of logits get no gradient on ${target.name}, and evaluation does not count them`, async (t) => {
    const random = new Random(8);
    const [logits, labels] = [random.floats(3 * 4, 4), Int32Array.of(0, 1, 2)];
    const options = { classes: 4, soft: false } as const;
    for (const mode of ['train', 'evaluate'] as const) {
      const padded = await runOnce(target, crossEntropyProgram({ ...options, batch: 8, mode }), {
        inputs: { logits, labels },
        rows: 3,
      });
      const exact = await runOnce(target, crossEntropyProgram({ ...options, batch: 3, mode }), {
        inputs: { logits, labels },
      });
      t.deepEqual(padded.loss, exact.loss);
      t.deepEqual(padded.gradients, exact.gradients);
    }
  });

  test(`a squared error over steps does not see padding on ${target.name}`, async (t) => {
    const attrs = { units: 3, activation: 'sigmoid' };
    const graph: GraphSpec = {
      tensors: [tensor([5 * 2]), tensor([], 0, 'i32'), tensor([2], 5), tensor([3], 5), tensor([5 * 3])],
      nodes: [
        { name: 'gather', op: 'gather', inputs: [0, 1], outputs: [2] },
        { name: 'dense', op: 'dense', attrs, inputs: [2], outputs: [3], group: 0 },
        { name: 'loss', op: 'meanSquaredError', inputs: [3, 4, 1], outputs: [] },
      ],
      inputs: [
        { name: 'x', tensor: 0, kind: 'slab' },
        { name: 'indices', tensor: 1, kind: 'indices' },
        { name: 'targets', tensor: 4, kind: 'slab' },
      ],
      outputs: [],
    };
    const params = [
      { name: 'weight', shape: [3, 2] },
      { name: 'bias', shape: [3] },
    ];
    const groups = [{ name: 'dense', op: 'dense', attrs, params }];
    const random = new Random(9);
    const options = { graph, groups, parameters: random.floats(9) };
    const inputs = { x: random.floats(4 * 10), targets: random.floats(4 * 15) };
    const padded = await runOnce(target, { ...options, batch: 7 }, { inputs, rows: 4 });
    const exact = await runOnce(target, { ...options, batch: 4 }, { inputs, rows: 4 });
    t.deepEqual(padded.loss, exact.loss);
    // Padding lies between the rows of one step and the next, as zeros that change no sum.
    t.deepEqual(padded.parameterGradients, exact.parameterGradients);
  });
}
