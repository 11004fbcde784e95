/** What the recurrent operation refuses, through the native door: cells, their states and their parameters. */
import test from 'ava';
import { type CellName, cells } from '../../lib/layers/cells.js';
import { native } from '../../lib/native.js';
import { paramsOf } from '../support/cells_reference.js';
import { opGraph, tensor } from '../support/conformance_program.js';

const sizes = { inputs: 2, units: 3, layers: 1, directions: 1, batch: 2, steps: 4 };
const states = tensor([3], 1);

interface Change {
  readonly cell?: string;
  readonly params?: CellName;
  readonly places?: number;
  readonly results?: number;
  readonly c0?: typeof states;
}

// A graph of one cell with inputs x, h0, lengths, c0 and outputs y, hN, cN, as many as are asked for.
async function compile(of: CellName, { cell = of, params = of, places, results, c0 = states }: Change): Promise<void> {
  const { hasCellState } = cells[of];
  const session = native().createSession({ device: 'cpu' });
  const attrs = { cell, units: 3 };
  const graph = opGraph({
    op: 'rnn',
    attrs,
    inputs: [{ name: 'x', spec: tensor([2], 4) }, null, null, { name: 'c0', spec: c0 }].slice(
      0,
      places ?? (hasCellState ? 4 : 3),
    ),
    outputs: [
      { name: 'y', spec: tensor([3], 4) },
      { name: 'hN', spec: states },
      { name: 'cN', spec: states },
    ].slice(0, results ?? (hasCellState ? 3 : 2)),
    grouped: true,
  });
  try {
    const group = { name: 'cell', op: 'rnn', attrs, params: paramsOf({ cell: params, ...sizes }) };
    const store = await native().createStore(session, [group]);
    native().dispose(await native().compile(store, graph, { mode: 'predict', batch: 2 }));
  } finally {
    native().closeSession(session);
  }
}

test('every cell is taken with its own states and parameters', async (t) => {
  for (const cell of Object.keys(cells) as CellName[]) await t.notThrowsAsync(compile(cell, {}), cell);
});

test('an unknown cell is refused with a list of those that are known', async (t) => {
  const message =
    /unknown cell 'minimal'; known are gru, gru-reset-before, lstm, cifg-lstm, rnn-tanh, rnn-relu, leaky-cifg/;
  await t.throwsAsync(compile('gru', { cell: 'minimal' }), { code: 'ERR_VALUE', message });
});

test('cells without a cell state take no c0 and give no cN', async (t) => {
  for (const cell of ['gru', 'gru-reset-before', 'rnn-tanh', 'rnn-relu'] as const) {
    await t.throwsAsync(compile(cell, { places: 4 }), { code: 'ERR_GRAPH', message: /takes 1 to 3 inputs, got 4/ });
    await t.throwsAsync(compile(cell, { results: 3 }), { code: 'ERR_GRAPH', message: /has 2 outputs, got 3/ });
  }
});

test('cells with a cell state have three outputs, and c0 has the shape of h0', async (t) => {
  for (const cell of ['lstm', 'cifg-lstm', 'leaky-cifg'] as const) {
    await t.throwsAsync(compile(cell, { results: 2 }), { code: 'ERR_GRAPH', message: /has 3 outputs, got 2/ });
    const c0 = tensor([4], 1);
    await t.throwsAsync(compile(cell, { c0 }), { code: 'ERR_SHAPE', message: /expects c0 \[batch, steps=1, 3\] f32/ });
  }
});

test("another cell's parameters are refused, with the gates of this one", async (t) => {
  for (const [cell, params, gates] of [
    ['lstm', 'cifg-lstm', 'i, f, g, o'],
    ['cifg-lstm', 'leaky-cifg', 'f, g, o'],
    ['gru', 'gru-reset-before', 'r, z, n'],
    ['rnn-tanh', 'lstm', 'h'],
  ] as const) {
    const message = new RegExp(`its parameters are not those of .* cell ${cell} with gates ${gates}`);
    await t.throwsAsync(compile(cell, { params }), { code: 'ERR_SHAPE', message });
  }
});
