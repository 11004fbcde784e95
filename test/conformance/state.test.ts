/** States that one run leaves to the next, on every target. */
import test from 'ava';
import type { GraphSpec } from '../../lib/graph_spec.js';
import type { Mode } from '../../lib/native.js';
import { runOnce, type Target, TestProgram, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { specOf } from '../support/sequence_cases.js';
import { type Shape, sizeOf } from '../support/sequence_reference.js';

const shape: Shape = { batch: 4, steps: 2, rows: 3, features: 5 };

// y = x + the state, which then becomes x. The writer comes first in the list: it must run last all the same.
function graphOf(): GraphSpec {
  const spec = specOf(shape);
  return {
    tensors: [spec, spec, spec],
    nodes: [
      { name: 'keep', op: 'state', attrs: { write: true }, inputs: [0], outputs: [], buffers: 0 },
      { name: 'carry', op: 'state', inputs: [], outputs: [1], buffers: 0 },
      { name: 'sum', op: 'add', inputs: [0, 1], outputs: [2] },
    ],
    inputs: [{ name: 'x', tensor: 0, kind: 'value', gradient: true }],
    outputs: [{ name: 'y', tensor: 2, seeded: true }],
  };
}

const params = [{ name: 'state', shape: [shape.steps, shape.batch * shape.rows, shape.features] }];
const open = (target: Target, mode: Mode) =>
  TestProgram.open(target, {
    graph: graphOf(),
    batch: shape.batch,
    mode,
    groups: [{ name: 'states', op: 'state', params, buffer: true }],
  });

const sum = (a: Float32Array, b: Float32Array) => a.map((value, i) => value + (b[i] ?? 0));

for (const target of targets()) {
  for (const mode of ['train', 'predict'] as const) {
    test(`a state on ${target.name} in mode ${mode} is what the run before left, zeros at first`, async (t) => {
      const random = new Random(1);
      const program = await open(target, mode);
      let before: Float32Array = new Float32Array(sizeOf(shape));
      for (let i = 0; i < 3; i++) {
        const x = random.floats(sizeOf(shape));
        const dy = random.floats(sizeOf(shape));
        const got = await program.run({ inputs: { x }, ...(mode === 'train' ? { seeds: { y: dy } } : {}) });
        t.deepEqual(got.outputs['y'], sum(x, before));
        if (mode === 'train') t.deepEqual(got.gradients['x'], dy); // none comes from what was kept
        before = x;
      }
      program.close();
    });
  }

  test(`a state on ${target.name} goes from batch to batch of one run; padding rows keep what they had`, async (t) => {
    const random = new Random(2);
    const program = await open(target, 'predict');
    const [one, row] = [sizeOf(shape), sizeOf({ ...shape, batch: 1 })];
    const x = random.floats(2 * one - row); // a batch of four rows, then one of three
    const got = await program.run({ inputs: { x }, rows: 7 });
    const [first, second] = [x.subarray(0, one), x.subarray(one)];
    t.deepEqual(got.outputs['y']?.slice(0, one), first.slice());
    t.deepEqual(got.outputs['y']?.slice(one), sum(second, first));
    const next = random.floats(one);
    const wanted = sum(next, Float32Array.of(...second, ...first.subarray(3 * row)));
    t.deepEqual((await program.run({ inputs: { x: next } })).outputs['y'], wanted);
    program.close();
  });

  test(`a state on ${target.name} can be read and written as a buffer is`, async (t) => {
    const random = new Random(3);
    const program = await open(target, 'predict');
    const state = random.floats(sizeOf(shape));
    await program.write('parameters', state);
    const zeros = new Float32Array(sizeOf(shape));
    const got = await program.run({ inputs: { x: zeros } });
    // Canonical order of a buffer is that of memory: steps are outside of the batch.
    const { steps, batch, rows, features } = shape;
    const wanted = zeros.map((_, i) => {
      const [b, s, rest] = [
        Math.floor(i / (steps * rows * features)),
        Math.floor(i / (rows * features)) % steps,
        i % (rows * features),
      ];
      return state[(s * batch + b) * rows * features + rest] as number;
    });
    t.deepEqual(got.outputs['y'], wanted);
    t.deepEqual(await program.read('parameters'), zeros); // x was kept
    program.close();
  });

  test(`a state's group on ${target.name} must be a buffer of its shape`, async (t) => {
    const options = { graph: graphOf(), batch: shape.batch + 1, mode: 'predict' as const };
    const groups = [{ name: 'states', op: 'state', params, buffer: true }];
    await t.throwsAsync(runOnce(target, { ...options, groups }, { inputs: {} }), {
      code: 'ERR_SHAPE',
      message: /needs the buffers state \(2, 15, 5\)/,
    });
  });
}
