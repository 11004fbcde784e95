/** The cells' float64 references: gradients by central differences, one unit by hand, and the GRU that was written apart. */
import test from 'ava';
import { type CellName, cells } from '../../lib/layers/cells.js';
import { CellReference, paramsOf } from '../support/cells_reference.js';
import { dot, relativeError } from '../support/conformance_compare.js';
import { centralDifferences } from '../support/conformance_differences.js';
import { GruReference, gruParams, parameterCount } from '../support/conformance_gru.js';
import { Random } from '../support/conformance_random.js';

const doubles = (random: Random, length: number, size = 1) => Float64Array.from(random.floats(length, size));

const shapes = [
  { inputs: 1, units: 1, layers: 1, directions: 1, batch: 1, steps: 1, lengths: undefined },
  { inputs: 3, units: 4, layers: 1, directions: 1, batch: 2, steps: 5, lengths: undefined },
  { inputs: 2, units: 3, layers: 3, directions: 1, batch: 2, steps: 4, lengths: Int32Array.of(4, 1) },
  { inputs: 3, units: 2, layers: 2, directions: 2, batch: 3, steps: 4, lengths: Int32Array.of(2, 4, 1) },
];

for (const cell of Object.keys(cells) as CellName[]) {
  test(`${cell}: gradients are what differences of its values give`, (t) => {
    for (const { lengths, ...sizes } of shapes) {
      const shape = { cell, ...sizes };
      const { units, layers, directions, batch, steps, inputs } = shape;
      const random = new Random(7);
      const states = batch * layers * directions * units;
      const at = {
        x: doubles(random, batch * steps * inputs, 2),
        h0: doubles(random, states),
        c0: doubles(random, states),
        parameters: doubles(random, parameterCount(paramsOf(shape))),
      };
      const [dy, dhN, dcN] = [
        random.floats(batch * steps * directions * units),
        random.floats(states),
        random.floats(states),
      ];
      const scalar = () => {
        const { y, hN, cN } = new CellReference(shape, { ...at, lengths }).result;
        return dot(y, dy) + dot(hN, dhN) + dot(cN, dcN);
      };
      const gradients = new CellReference(shape, { ...at, lengths }).backward(dy, dhN, dcN);
      for (const name of ['x', 'h0', 'c0', 'parameters'] as const) {
        t.true(
          relativeError(centralDifferences(scalar, at[name]), gradients[name]) < 1e-8,
          `${name} ${JSON.stringify(sizes)}`,
        );
      }
    }
  });
}

test('gru: this reference and the one of the GRU, written apart, agree', (t) => {
  for (const { lengths, ...sizes } of shapes) {
    const shape = { cell: 'gru', ...sizes } as const;
    const { units, layers, directions, batch, steps, inputs } = shape;
    t.deepEqual(paramsOf(shape), gruParams(shape));
    const random = new Random(9);
    const states = batch * layers * directions * units;
    const feed = {
      x: random.floats(batch * steps * inputs),
      h0: random.floats(states),
      lengths,
      parameters: random.floats(parameterCount(gruParams(shape))),
    };
    const [dy, dhN] = [random.floats(batch * steps * directions * units), random.floats(states)];
    const [one, other] = [new CellReference(shape, feed), new GruReference(shape, feed)];
    for (const name of ['y', 'hN'] as const) t.true(relativeError(one.result[name], other.result[name]) < 1e-14);
    const [a, b] = [one.backward(dy, dhN), other.backward(dy, dhN)];
    for (const name of ['x', 'h0', 'parameters'] as const) t.true(relativeError(a[name], b[name]) < 1e-13, name);
  }
});

// One unit of one input, from x = 2, h0 = -1, c0 = 0.5. Parameters: 0.1, 0.2, ... for W, then U, then the biases.
function oneUnit(cell: CellName): { readonly h: number; readonly c: number; readonly sum: (gate: number) => number } {
  const shape = { cell, inputs: 1, units: 1, layers: 1, directions: 1, batch: 1, steps: 1 };
  const count = parameterCount(paramsOf(shape));
  const p = Float64Array.from({ length: count }, (_, i) => (i + 1) / 10);
  const feed = { x: Float64Array.of(2), h0: Float64Array.of(-1), c0: Float64Array.of(0.5), parameters: p };
  const { hN, cN } = new CellReference(shape, feed).result;
  const { gates, biases } = cells[cell];
  const n = gates.length;
  const at = (i: number) => p[i] as number;
  const sum = (gate: number) => at(gate) * 2 - at(n + gate) + at(2 * n + gate) + (biases === 2 ? at(3 * n + gate) : 0);
  return { h: hN[0] as number, c: cN[0] as number, sum };
}
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const near = (a: number, b: number) => Math.abs(a - b) < 1e-15;

test('one unit of each cell by hand', (t) => {
  const lstm = oneUnit('lstm');
  const c = sigmoid(lstm.sum(1)) * 0.5 + sigmoid(lstm.sum(0)) * Math.tanh(lstm.sum(2));
  t.true(near(lstm.c, c));
  t.true(near(lstm.h, sigmoid(lstm.sum(3)) * Math.tanh(c)));

  const cifg = oneUnit('cifg-lstm');
  const f = sigmoid(cifg.sum(0));
  t.true(near(cifg.c, f * 0.5 + (1 - f) * Math.tanh(cifg.sum(1))));
  t.true(near(cifg.h, sigmoid(cifg.sum(2)) * Math.tanh(cifg.c)));

  const leaky = oneUnit('leaky-cifg');
  const [z, r] = [sigmoid(leaky.sum(0)), sigmoid(leaky.sum(1))];
  t.true(near(leaky.c, z * 0.5 + (1 - z) * Math.tanh(leaky.sum(2))));
  t.true(near(leaky.h, -(1 - r) + r * Math.tanh(leaky.c)));

  t.true(near(oneUnit('rnn-tanh').h, Math.tanh(oneUnit('rnn-tanh').sum(0))));
  t.true(near(oneUnit('rnn-relu').h, Math.max(oneUnit('rnn-relu').sum(0), 0)));

  const before = oneUnit('gru-reset-before');
  const [reset, update] = [sigmoid(before.sum(0)), sigmoid(before.sum(1))];
  const n = Math.tanh(0.3 * 2 + 0.6 * (reset * -1) + 0.9);
  t.true(near(before.h, (1 - update) * n - update));
});
