/** Rows beside the batch: an operation over [batch, rows] gives, bit for bit, what it gives over a batch of batch * rows. */
import test from 'ava';
import type { AttributeValue, ParamSpec, TensorSpec } from '../../lib/graph_spec.js';
import { cellParams } from '../../lib/layers/cells.js';
import type { NumericArray } from '../../lib/native.js';
import { opGraph, runOnce, type Target, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';

const [batch, rows, steps] = [5, 3, 4];

interface Tensor {
  readonly name: string;
  readonly steps: number;
  readonly dims: readonly number[];
  /** Not f32: lengths from 1 to this many. */
  readonly lengths?: number;
}

interface Operation {
  readonly op: string;
  readonly attrs?: Readonly<Record<string, AttributeValue>>;
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: readonly Tensor[];
  readonly params?: readonly ParamSpec[];
}

const sizeOf = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1);
const specOf = ({ steps: own, dims, lengths }: Tensor, rowsOfOne: number): TensorSpec => ({
  dtype: lengths === undefined ? 'f32' : 'i32',
  steps: own,
  dims,
  rows: rowsOfOne,
});

// From [batch * rows, steps, dims] to [batch, steps, rows, dims], or back.
function regroup<T extends NumericArray>(values: T, { steps: own, dims }: Tensor, to: 'rows' | 'batch'): T {
  const [count, width] = [Math.max(own, 1), sizeOf(dims)];
  const out = values.slice() as T;
  for (let b = 0; b < batch; b++) {
    for (let r = 0; r < rows; r++) {
      for (let t = 0; t < count; t++) {
        const [flat, grouped] = [((b * rows + r) * count + t) * width, ((b * count + t) * rows + r) * width];
        const [from, place] = to === 'rows' ? [flat, grouped] : [grouped, flat];
        out.set(values.subarray(from, from + width) as never, place);
      }
    }
  }
  return out;
}

async function run(target: Target, operation: Operation, how: 'rows' | 'batch') {
  const { op, attrs, inputs, outputs, params } = operation;
  const random = new Random(7);
  const own = how === 'rows' ? rows : 1;
  const given = <T extends NumericArray>(values: T, tensor: Tensor): T =>
    how === 'rows' ? regroup(values, tensor, 'rows') : values;
  const valuesOf = (tensor: Tensor): NumericArray => {
    const length = batch * rows * Math.max(tensor.steps, 1) * sizeOf(tensor.dims);
    if (tensor.lengths !== undefined) return given(random.integers(length, 1, tensor.lengths), tensor);
    return given(random.floats(length), tensor);
  };
  const graph = opGraph({
    op,
    ...(attrs === undefined ? {} : { attrs }),
    inputs: inputs.map((x) =>
      x === null ? null : { name: x.name, spec: specOf(x, own), gradient: x.lengths === undefined },
    ),
    outputs: outputs.map((y) => ({ name: y.name, spec: specOf(y, own), seeded: true })),
    grouped: params !== undefined,
  });
  const group = { name: 'layer', op, ...(attrs === undefined ? {} : { attrs }), params: params ?? [] };
  const parameters = random.floats(
    group.params.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    0.5,
  );
  const options = {
    graph,
    batch: how === 'rows' ? batch : batch * rows,
    ...(params === undefined ? {} : { groups: [group], parameters }),
  };
  const feed = {
    inputs: Object.fromEntries(inputs.flatMap((x) => (x === null ? [] : [[x.name, valuesOf(x)]]))),
    seeds: Object.fromEntries(outputs.map((y) => [y.name, valuesOf(y) as Float32Array])),
    seed: 3,
  };
  const got = await runOnce(target, options, feed);
  const back = (values: Float32Array | undefined, tensor: Tensor) => {
    if (values === undefined) throw new Error(`${tensor.name} is missing`);
    return how === 'rows' ? regroup(values, tensor, 'batch') : values;
  };
  return {
    outputs: outputs.map((y) => back(got.outputs[y.name], y)),
    gradients: inputs.flatMap((x) => (x === null || x.lengths !== undefined ? [] : [back(got.gradients[x.name], x)])),
    parameterGradients: got.parameterGradients,
  };
}

const sequence = (name: string, features: number): Tensor => ({ name, steps, dims: [features] });
const vector = (name: string, features: number): Tensor => ({ name, steps: 0, dims: [features] });
const lengths: Tensor = { name: 'lengths', steps: 0, dims: [], lengths: steps };

const denseParams = [
  { name: 'weight', shape: [9, 7] },
  { name: 'bias', shape: [9] },
];
const operations: readonly Operation[] = [
  {
    op: 'dense',
    attrs: { units: 9, activation: 'tanh' },
    inputs: [sequence('x', 7)],
    outputs: [sequence('y', 9)],
    params: denseParams,
  },
  { op: 'softmax', inputs: [sequence('x', 7)], outputs: [sequence('y', 7)] },
  { op: 'dropout', attrs: { rate: 0.4 }, inputs: [sequence('x', 7)], outputs: [sequence('y', 7)] },
  { op: 'dropout', attrs: { rate: 0.4, scope: 'row' }, inputs: [sequence('x', 7)], outputs: [sequence('y', 7)] },
  { op: 'add', inputs: [vector('a', 7), vector('b', 7)], outputs: [vector('y', 7)] },
  { op: 'lastState', attrs: { directions: 2 }, inputs: [sequence('hN', 7)], outputs: [vector('y', 14)] },
  { op: 'concat', inputs: [sequence('a', 7), sequence('b', 2)], outputs: [sequence('y', 9)] },
  { op: 'multiply', inputs: [sequence('a', 7), sequence('b', 7)], outputs: [sequence('y', 7)] },
  { op: 'activation', attrs: { kind: 'gelu' }, inputs: [sequence('x', 7)], outputs: [sequence('y', 7)] },
  { op: 'reverse', inputs: [sequence('x', 7), lengths], outputs: [sequence('y', 7)] },
  ...['mean', 'max', 'first', 'last'].map((kind) => ({
    op: 'reduceSteps',
    attrs: { kind },
    inputs: [sequence('x', 7), lengths],
    outputs: [vector('y', 7)],
  })),
  {
    op: 'addTable',
    inputs: [sequence('x', 7)],
    outputs: [sequence('y', 7)],
    params: [{ name: 'table', shape: [steps, 7] }],
  },
];

const cells = ['gru', 'gru-reset-before', 'lstm', 'cifg-lstm', 'rnn-tanh', 'rnn-relu', 'leaky-cifg'] as const;

function cellOperation(cell: (typeof cells)[number]): Operation {
  const [inputs, units, layers] = [7, 6, 2];
  const state = (name: string): Tensor => ({ name, steps: 2 * layers, dims: [units] });
  const hasCell = cell.includes('lstm') || cell === 'leaky-cifg';
  const params = [0, 1].flatMap((layer) =>
    ['', '_reverse'].flatMap((suffix) =>
      cellParams(cell, layer === 0 ? inputs : 2 * units, units, `_l${layer}${suffix}`),
    ),
  );
  return {
    op: 'rnn',
    attrs: { cell, units, layers, bidirectional: true },
    inputs: [sequence('x', inputs), state('h0'), lengths, ...(hasCell ? [state('c0')] : [])],
    outputs: [sequence('y', 2 * units), state('hN'), ...(hasCell ? [state('cN')] : [])],
    params,
  };
}

for (const target of targets()) {
  for (const operation of operations) {
    const what = `${operation.op} ${Object.values(operation.attrs ?? {}).join(' ')}`;
    test(`${what} on ${target.name}: rows are as more of the batch`, async (t) => {
      t.deepEqual(await run(target, operation, 'rows'), await run(target, operation, 'batch'));
    });
  }
}

for (const cell of cells) {
  for (const target of targets()) {
    test(`rnn ${cell} on ${target.name}: rows are as more of the batch`, async (t) => {
      const operation = cellOperation(cell);
      t.deepEqual(await run(target, operation, 'rows'), await run(target, operation, 'batch'));
    });
  }
}
