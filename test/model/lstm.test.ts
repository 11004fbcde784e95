/** LSTM and RNN on their own: what they add to what the GRU's tests say of all recurrent modules. */
import test from 'ava';
import { LSTM, RNN, type Tensor } from '../../lib/index.js';
import { dataOf, dictBytes, largestDifference, noise, refuses, tensor } from '../support/training_models.js';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** One step of one layer, as the documentation has it, in float64. */
function lstmStep(
  weights: Record<string, Tensor>,
  x: number[],
  h: number[],
  c: number[],
): { h: number[]; c: number[] } {
  const units = h.length;
  const sum = (gate: number, u: number): number => {
    const row = gate * units + u;
    const part = (name: string, values: number[]) =>
      values.reduce(
        (total, value, k) => total + value * (dataOf(weights, `weight_${name}_l0`)[row * values.length + k] as number),
        dataOf(weights, `bias_${name}_l0`)[row] as number,
      );
    return part('ih', x) + part('hh', h);
  };
  const next = c.map((old, u) => sigmoid(sum(1, u)) * old + sigmoid(sum(0, u)) * Math.tanh(sum(2, u)));
  return { h: next.map((value, u) => sigmoid(sum(3, u)) * Math.tanh(value)), c: next };
}

test('LSTM: forward follows the equations', async (t) => {
  const lstm = new LSTM({ inputSize: 3, hiddenSize: 5, seed: 2 });
  const [x, h0, c0] = [tensor([1, 4, 3]), tensor([1, 1, 5], 2), tensor([1, 1, 5], 3)];
  const { output, hN, cN } = await lstm.forward(x, { h0, c0 });
  const weights = await lstm.stateDict();
  let states = { h: [...h0.data], c: [...c0.data] };
  for (let s = 0; s < 4; s++) {
    states = lstmStep(weights, [...x.data.subarray(3 * s, 3 * s + 3)], states.h, states.c);
    t.true(largestDifference(output.data.slice(5 * s, 5 * s + 5), Float32Array.from(states.h)) < 1e-6);
  }
  t.true(largestDifference(hN.data, Float32Array.from(states.h)) < 1e-6);
  t.true(largestDifference(cN.data, Float32Array.from(states.c)) < 1e-6);
});

test('LSTM: either state may be left out, and is zero then; its gradient comes only when it was given', async (t) => {
  const lstm = new LSTM({ inputSize: 3, hiddenSize: 4, numLayers: 2, bidirectional: true });
  const x = tensor([2, 3, 3]);
  const [zeros, some] = [{ data: new Float32Array(32), shape: [4, 2, 4] }, tensor([4, 2, 4], 5)];
  t.deepEqual(await lstm.forward(x, { h0: some }), await lstm.forward(x, { h0: some, c0: zeros }));
  t.deepEqual(await lstm.forward(x, { c0: some }), await lstm.forward(x, { h0: zeros, c0: some }));
  for (const [options, given] of [
    [{}, [false, false]],
    [{ h0: some }, [true, false]],
    [{ c0: some }, [false, true]],
    [{ h0: some, c0: some }, [true, true]],
  ] as const) {
    await lstm.forward(x, { ...options, training: true });
    const { h0, c0 } = await lstm.backward({ cN: some });
    t.deepEqual([h0 !== undefined, c0 !== undefined], [...given]);
    for (const gradient of [h0, c0]) if (gradient !== undefined) t.deepEqual([...gradient.shape], [4, 2, 4]);
  }
});

test('LSTM: dropout between layers leaves states and gradients in their places', async (t) => {
  const options = { inputSize: 3, hiddenSize: 4, numLayers: 3 };
  const [plain, dropping] = [new LSTM(options), new LSTM({ ...options, dropout: 0.5 })];
  await dropping.loadStateDict(await plain.stateDict());
  const [x, h0, c0] = [tensor([2, 5, 3]), tensor([3, 2, 4], 2), tensor([3, 2, 4], 3)];
  const [one, other] = [await plain.forward(x, { h0, c0 }), await dropping.forward(x, { h0, c0 })];
  for (const name of ['output', 'hN', 'cN'] as const) {
    t.true(largestDifference(one[name].data, other[name].data) < 1e-6, name);
  }
  const trained = await dropping.forward(x, { h0, c0, training: true });
  t.true(largestDifference(trained.output.data, other.output.data) > 1e-3, 'training drops units');
  const gradients = await dropping.backward({ output: tensor([2, 5, 4]), cN: tensor([3, 2, 4], 7) });
  t.deepEqual(
    [gradients.h0?.shape, gradients.c0?.shape],
    [
      [3, 2, 4],
      [3, 2, 4],
    ],
  );
  t.deepEqual(Object.keys(gradients.parameters), Object.keys(await plain.stateDict()));
});

test('LSTM: steps and a stream carry both states', async (t) => {
  const lstm = new LSTM({ inputSize: 3, hiddenSize: 4, numLayers: 2, seed: 4 });
  const x = tensor([1, 6, 3]);
  const { output, hN, cN } = await lstm.forward(x);
  const stream = await lstm.stream();
  t.is(stream.stateLength, 2 * 2 * 4);
  let states: { h: Tensor; c: Tensor } | undefined;
  for (let s = 0; s < 6; s++) {
    const step = x.data.slice(3 * s, 3 * s + 3);
    states = await lstm.step({ data: step, shape: [1, 3] }, states);
    const wanted = output.data.slice(4 * s, 4 * s + 4);
    t.true(largestDifference(stream.step(step), wanted) < 1e-6);
    t.true(largestDifference(states.h.data.slice(4), wanted) < 1e-6);
  }
  t.true(largestDifference(states?.h.data ?? noise(8), hN.data) < 1e-6);
  t.true(largestDifference(states?.c.data ?? noise(8), cN.data) < 1e-6);
  t.true(
    largestDifference(stream.getState(), Float32Array.of(...hN.data, ...cN.data)) < 1e-6,
    'h of all layers, then c',
  );
});

test('RNN: forward follows the equation, with tanh and relu', async (t) => {
  for (const [nonlinearity, f] of [
    ['tanh', Math.tanh],
    ['relu', (a: number) => Math.max(a, 0)],
  ] as const) {
    const rnn = new RNN({ inputSize: 2, hiddenSize: 3, nonlinearity, seed: 6 });
    const [x, h0] = [tensor([1, 1, 2]), tensor([1, 1, 3], 2)];
    const { output } = await rnn.forward(x, { h0 });
    const weights = await rnn.stateDict();
    const wanted = Float32Array.from({ length: 3 }, (_, u) => {
      const w = (name: string, i: number) => dataOf(weights, name)[i] as number;
      const fromX = [0, 1].reduce(
        (sum, k) => sum + w('weight_ih_l0', u * 2 + k) * (x.data[k] as number),
        w('bias_ih_l0', u),
      );
      const fromH = [0, 1, 2].reduce(
        (sum, k) => sum + w('weight_hh_l0', u * 3 + k) * (h0.data[k] as number),
        w('bias_hh_l0', u),
      );
      return f(fromX + fromH);
    });
    t.true(largestDifference(output.data, wanted) < 1e-6, nonlinearity);
  }
});

test('gradients add up on request, and calls run in their order', async (t) => {
  const lstm = new LSTM({ inputSize: 2, hiddenSize: 3 });
  const x = tensor([2, 4, 2]);
  const seeds = { output: tensor([2, 4, 3], 9) };
  const [, once, , twice] = await Promise.all([
    lstm.forward(x, { training: true }),
    lstm.backward(seeds),
    lstm.forward(x, { training: true }),
    lstm.backward({ ...seeds, accumulate: true }),
  ]);
  for (const [name, { data }] of Object.entries(once.parameters)) {
    t.true(
      largestDifference(
        dataOf(twice.parameters, name),
        data.map((value) => 2 * value),
      ) < 1e-5,
      name,
    );
  }
});

test('first weights come from the seed alone', async (t) => {
  const make = (seed: number) => new LSTM({ inputSize: 2, hiddenSize: 9, seed }).stateDict();
  const [one, same, other] = [await make(1), await make(1), await make(2)];
  t.true(dictBytes(one).equals(dictBytes(same)));
  t.false(dictBytes(one).equals(dictBytes(other)));
  t.true(Object.values(one).every(({ data }) => data.every((value) => Math.abs(value) <= 1 / 3)));
});

test('what makes no sense is refused by name', async (t) => {
  const [lstm, rnn] = [new LSTM({ inputSize: 2, hiddenSize: 3 }), new RNN({ inputSize: 2, hiddenSize: 3 })];
  const x = tensor([2, 4, 2]);
  await refuses(t, [
    [
      'option',
      () => new LSTM({ inputSize: 1, hiddenSize: 1, projSize: 2 } as never),
      'ERR_VALUE',
      /^LSTM has no option 'projSize'/,
    ],
    [
      'nonlinearity',
      () => new RNN({ inputSize: 1, hiddenSize: 1, nonlinearity: 'sin' as never }),
      'ERR_VALUE',
      /^nonlinearity must be one of 'tanh', 'relu'/,
    ],
    ['null', () => new RNN(null as never), 'ERR_TYPE', /^RNN takes an options object/],
    [
      'c0 of an RNN',
      () => rnn.forward(x, { c0: tensor([1, 2, 3]) } as never),
      'ERR_VALUE',
      /^RNN\.forward has no option 'c0'/,
    ],
    ['c0 shape', () => lstm.forward(x, { c0: tensor([1, 3, 3]) }), 'ERR_SHAPE', /^c0 must be/],
    ['backward first', () => lstm.backward({}), 'ERR_STATE', /^backward needs a forward with \{ training: true \}/],
    [
      'cN of an RNN',
      () => rnn.backward({ cN: tensor([1, 2, 3]) } as never),
      'ERR_VALUE',
      /^RNN\.backward has no option 'cN'/,
    ],
  ]);
  await lstm.forward(x, { training: true });
  await refuses(t, [['cN shape', () => lstm.backward({ cN: tensor([1, 1, 3]) }), 'ERR_SHAPE', /^cN must be/]]);
  lstm.dispose();
  await refuses(t, [['disposed', () => lstm.forward(x), 'ERR_DISPOSED', /LSTM/]]);
});
