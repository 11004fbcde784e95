/** What the operations over sequences refuse, with both shapes in the message. */
import test from 'ava';
import type { AttributeValue, GraphSpec, TensorSpec } from '../../lib/graph_spec.js';
import { opGraph, TestProgram } from '../support/conformance_program.js';

const target = { name: 'cpu', device: 'cpu' };
const f32 = (steps: number, dims: readonly number[], rows = 1): TensorSpec => ({ dtype: 'f32', steps, dims, rows });
const i32 = (rows = 1): TensorSpec => ({ dtype: 'i32', steps: 0, dims: [], rows });

interface Refused {
  readonly what: string;
  readonly op: string;
  readonly attrs?: Readonly<Record<string, AttributeValue>>;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly code: string;
  readonly message: RegExp;
}

const x = f32(4, [3]);
const refusals: readonly Refused[] = [
  {
    what: 'another number of elements',
    op: 'rearrange',
    inputs: [x],
    outputs: [f32(0, [11])],
    code: 'ERR_SHAPE',
    message: /\[batch, steps=4, 3\] f32 has 12 elements a row, \[batch, 11\] f32 has 11/,
  },
  {
    what: 'a short map',
    op: 'rearrange',
    attrs: { map: Int32Array.of(0, 1) },
    inputs: [x],
    outputs: [f32(0, [3])],
    code: 'ERR_SHAPE',
    message: /the map has 2 entries, a row of \[batch, 3\] f32 has 3/,
  },
  {
    what: 'a map outside of the row',
    op: 'rearrange',
    attrs: { map: Int32Array.of(0, 12) },
    inputs: [x],
    outputs: [f32(0, [2])],
    code: 'ERR_RANGE',
    message: /map entry 12 is outside of a row of \[batch, steps=4, 3\] f32, which has 12/,
  },
  {
    what: 'a map below -1',
    op: 'rearrange',
    attrs: { map: Int32Array.of(-2) },
    inputs: [x],
    outputs: [f32(0, [1])],
    code: 'ERR_RANGE',
    message: /map entry -2/,
  },
  {
    what: 'integers',
    op: 'rearrange',
    inputs: [i32()],
    outputs: [f32(0, [1])],
    code: 'ERR_TYPE',
    message: /expects f32, got \[batch\] i32/,
  },
  {
    what: 'one part',
    op: 'concat',
    inputs: [x],
    outputs: [x],
    code: 'ERR_GRAPH',
    message: /takes 2 to 8 inputs, got 1/,
  },
  {
    what: 'other steps',
    op: 'concat',
    inputs: [x, f32(5, [3])],
    outputs: [f32(4, [6])],
    code: 'ERR_SHAPE',
    message: /\[batch, steps=4, 3\] f32, got \[batch, steps=5, 3\] f32/,
  },
  {
    what: 'other rows',
    op: 'concat',
    inputs: [x, f32(4, [3], 2)],
    outputs: [f32(4, [6])],
    code: 'ERR_SHAPE',
    message: /got \[batch, steps=4, rows=2, 3\]/,
  },
  {
    what: 'a wrong width',
    op: 'concat',
    inputs: [x, x],
    outputs: [f32(4, [5])],
    code: 'ERR_SHAPE',
    message: /expects output \[batch, steps=4, 6\] f32, got \[batch, steps=4, 5\]/,
  },
  {
    what: 'factors apart',
    op: 'multiply',
    inputs: [x, f32(4, [2])],
    outputs: [x],
    code: 'ERR_SHAPE',
    message: /\[batch, steps=4, 3\] f32, got \[batch, steps=4, 2\]/,
  },
  {
    what: 'an unknown activation',
    op: 'activation',
    attrs: { kind: 'swish' },
    inputs: [x],
    outputs: [x],
    code: 'ERR_VALUE',
    message: /unknown kind 'swish'; known are relu, tanh, sigmoid, gelu, silu/,
  },
  {
    what: 'no steps',
    op: 'reverse',
    inputs: [f32(0, [3])],
    outputs: [f32(0, [3])],
    code: 'ERR_SHAPE',
    message: /expects x \[batch, steps, \.\.\.\] f32, got \[batch, 3\]/,
  },
  {
    what: 'lengths of other rows',
    op: 'reverse',
    inputs: [f32(4, [3], 2), i32()],
    outputs: [f32(4, [3], 2)],
    code: 'ERR_SHAPE',
    message: /lengths \[batch, rows=2\] i32, got \[batch\] i32/,
  },
  {
    what: 'an unknown reduction',
    op: 'reduceSteps',
    attrs: { kind: 'sum' },
    inputs: [x],
    outputs: [f32(0, [3])],
    code: 'ERR_VALUE',
    message: /unknown kind 'sum'; known are mean, max, first, last/,
  },
  {
    what: 'steps that stay',
    op: 'reduceSteps',
    attrs: { kind: 'mean' },
    inputs: [x],
    outputs: [x],
    code: 'ERR_SHAPE',
    message: /expects output \[batch, 3\] f32, got \[batch, steps=4, 3\]/,
  },
  {
    what: 'wide scores',
    op: 'attentionPool',
    inputs: [x, x],
    outputs: [f32(0, [3]), f32(4, [1])],
    code: 'ERR_SHAPE',
    message: /scores \[batch, steps=4, 1\] f32, got \[batch, steps=4, 3\]/,
  },
  {
    what: 'a short table',
    op: 'appendTable',
    attrs: { width: 2, table: new Float32Array(6) },
    inputs: [x],
    outputs: [f32(4, [5])],
    code: 'ERR_SHAPE',
    message: /the table has 6 floats, 4 steps x 2 need 8/,
  },
  {
    what: 'a table that is not finite',
    op: 'appendTable',
    attrs: { width: 1, table: Float32Array.of(0, Number.NaN, 0, 0) },
    inputs: [x],
    outputs: [f32(4, [4])],
    code: 'ERR_NOT_FINITE',
    message: /the table holds nan/,
  },
  {
    what: 'an unknown scope',
    op: 'dropout',
    attrs: { rate: 0.1, scope: 'step' },
    inputs: [x],
    outputs: [x],
    code: 'ERR_VALUE',
    message: /unknown scope 'step'; known are element, row/,
  },
  {
    what: 'float lengths',
    op: 'trailingLengths',
    inputs: [x],
    outputs: [f32(0, [])],
    code: 'ERR_SHAPE',
    message: /lengths \[batch\] i32, got \[batch\] f32/,
  },
];

for (const { what, op, attrs, inputs, outputs, code, message } of refusals) {
  test(`${op} refuses ${what}`, async (t) => {
    const graph = opGraph({
      op,
      ...(attrs === undefined ? {} : { attrs }),
      inputs: inputs.map((spec, i) => ({ name: `x${i}`, spec })),
      outputs: outputs.map((spec, i) => ({ name: `y${i}`, spec, seeded: i === 0 })),
    });
    await t.throwsAsync(TestProgram.open(target, { graph, batch: 2 }), { code, message });
  });
}

test('lengths from the outside are bounded by the steps of what they are read with', async (t) => {
  const graph = opGraph({
    op: 'reverse',
    inputs: [
      { name: 'x', spec: x },
      { name: 'lengths', spec: i32() },
    ],
    outputs: [{ name: 'y', spec: x }],
  });
  const program = await TestProgram.open(target, { graph, batch: 2, mode: 'predict' });
  for (const wrong of [0, 5, -1]) {
    const inputs = { x: new Float32Array(24), lengths: Int32Array.of(4, wrong) };
    const message = new RegExp(`'lengths' must be from 1 to 4, got ${wrong}`);
    await t.throwsAsync(program.run({ inputs }), { code: 'ERR_RANGE', message });
  }
  program.close();
});

test('lengths that a graph makes itself must fit all of their readers', async (t) => {
  const graph: GraphSpec = {
    tensors: [f32(6, [3]), i32(), f32(4, [3]), f32(0, [3])],
    nodes: [
      { name: 'masking', op: 'trailingLengths', inputs: [0], outputs: [1] },
      { name: 'mean', op: 'reduceSteps', attrs: { kind: 'mean' }, inputs: [2, 1], outputs: [3] },
    ],
    inputs: [
      { name: 'x', tensor: 0, kind: 'value' },
      { name: 'shorter', tensor: 2, kind: 'value' },
    ],
    outputs: [{ name: 'y', tensor: 3 }],
  };
  await t.throwsAsync(TestProgram.open(target, { graph, batch: 2, mode: 'predict' }), {
    code: 'ERR_SHAPE',
    message: /masking \(trailingLengths\) gives lengths of up to 6 steps, of \[batch, steps=6, 3\] f32; .*takes 1 to 4/,
  });
});
