import test from 'ava';
import { GRU, type GRUForwardOptions, type GRUOptions, type Tensor } from '../../lib/index.js';
import { dataOf, largestDifference, refuses, tensor } from '../support/training_models.js';

/** `Σ output · dy + Σ hN · dh`: a loss whose gradients backward gives. */
async function loss(gru: GRU, x: Tensor, options: GRUForwardOptions, dy: Tensor, dh: Tensor): Promise<number> {
  const { output, hN } = await gru.forward(x, options);
  const dot = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
  return dot(output.data, dy.data) + dot(hN.data, dh.data);
}

const cases: Record<string, Omit<GRUOptions, 'inputSize' | 'hiddenSize'> & { readonly lengths?: Int32Array }> = {
  'one layer': {},
  'a stack in both directions': { numLayers: 2, bidirectional: true },
  lengths: { bidirectional: true, lengths: Int32Array.of(4, 2, 1) },
};

for (const [name, { lengths, ...options }] of Object.entries(cases)) {
  test(`${name}: gradients of input, first state and parameters agree with finite differences`, async (t) => {
    const gru = new GRU({ inputSize: 3, hiddenSize: 4, ...options, seed: 2 });
    const states = (options.numLayers ?? 1) * (options.bidirectional === true ? 2 : 1);
    const [x, h0] = [tensor([3, 4, 3], 1), tensor([states, 3, 4], 2)];
    const dy = tensor([3, 4, options.bidirectional === true ? 8 : 4], 3);
    const dh = tensor([states, 3, 4], 4);
    const given = { h0, ...(lengths === undefined ? {} : { lengths }) };
    await gru.forward(x, { ...given, training: true });
    const gradients = await gru.backward({ output: dy, hN: dh });
    const slope = async (data: Float32Array, i: number, changed: () => Promise<unknown>): Promise<number> => {
      const value = data[i] as number;
      const at = async (v: number): Promise<number> => {
        data[i] = v;
        await changed();
        return loss(gru, x, given, dy, dh);
      };
      const result = ((await at(value + 0.01)) - (await at(value - 0.01))) / 0.02;
      data[i] = value;
      await changed();
      return result;
    };
    const near = (a: number, b: number | undefined, what: string): boolean =>
      t.true(Math.abs(a - (b ?? Number.NaN)) < 2e-3, `${what}: ${a}, ${b}`);
    const nothing = async (): Promise<void> => {};
    for (const i of [0, 7, 22, 35]) near(await slope(x.data, i, nothing), gradients.input.data[i], `x[${i}]`);
    for (const i of [0, 5, 11]) near(await slope(h0.data, i, nothing), gradients.h0?.data[i], `h0[${i}]`);
    const dict = await gru.stateDict();
    for (const parameter of Object.keys(dict)) {
      const data = dataOf(dict, parameter);
      const i = data.length - 1;
      near(await slope(data, i, () => gru.loadStateDict(dict)), dataOf(gradients.parameters, parameter)[i], parameter);
    }
  });
}

test('gradients have the shapes of what they belong to', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 4, numLayers: 2, dropout: 0.5 });
  await gru.forward(tensor([2, 5, 3]), { training: true });
  const { input, h0, parameters } = await gru.backward({ output: tensor([2, 5, 4]) });
  t.deepEqual(input.shape, [2, 5, 3]);
  t.is(h0, undefined, 'the forward had none');
  const shapes = (dict: Record<string, Tensor>): unknown =>
    Object.entries(dict).map(([name, { shape }]) => [name, shape]);
  t.deepEqual(shapes(parameters), shapes(await gru.stateDict()));
});

test('backward needs a training forward of its own', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 4 });
  const output = tensor([2, 5, 4]);
  const message = /backward needs a forward with \{ training: true \} before it/;
  await refuses(t, [['first', () => gru.backward({ output }), 'ERR_STATE', message]]);
  await gru.forward(tensor([2, 5, 3]));
  await refuses(t, [['after a prediction', () => gru.backward({ output }), 'ERR_STATE', message]]);
  await gru.forward(tensor([2, 5, 3]), { training: true });
  await refuses(t, [
    [
      'shape',
      () => gru.backward({ output: tensor([2, 4, 4]) }),
      'ERR_SHAPE',
      /^output must be \[batch=2, steps=5, directions \* hiddenSize=4\]/,
    ],
    ['state', () => gru.backward({ hN: tensor([2, 4]) }), 'ERR_SHAPE', /^hN must be/],
    ['option', () => gru.backward({ outputs: output } as never), 'ERR_VALUE', /did you mean 'output'/],
    ['accumulate', () => gru.backward({ output, accumulate: 1 as never }), 'ERR_TYPE', /^accumulate must be a boolean/],
    ['nothing', () => gru.backward(undefined as never), 'ERR_TYPE', /^GRU\.backward takes an options object/],
  ]);
  await t.notThrowsAsync(gru.backward({ output }), 'a refused backward can be made again');
  await refuses(t, [['twice', () => gru.backward({ output }), 'ERR_STATE', message]]);
});

test('gradients that are not given are zero', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 4 });
  await gru.forward(tensor([2, 5, 3]), { training: true });
  const { input, parameters } = await gru.backward({});
  t.true(input.data.every((value) => value === 0));
  t.true(Object.values(parameters).every(({ data }) => data.every((value) => value === 0)));
});

test('accumulated gradients are the sum', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 4 });
  const pass = async (seed: number, accumulate: boolean): Promise<Record<string, Tensor>> => {
    await gru.forward(tensor([2, 5, 3], seed), { training: true });
    return (await gru.backward({ output: tensor([2, 5, 4], seed), accumulate })).parameters;
  };
  const [one, two] = [await pass(1, false), await pass(2, false)];
  await pass(1, false);
  const both = await pass(2, true);
  for (const name of Object.keys(one)) {
    const sum = dataOf(one, name).map((value, i) => value + (dataOf(two, name)[i] as number));
    t.true(largestDifference(dataOf(both, name), sum) < 1e-5, name);
  }
  t.deepEqual(await pass(2, false), two, 'and start anew otherwise');
});

test('other forwards between a forward and its backward change nothing', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 4 });
  const output = tensor([2, 5, 4]);
  await gru.forward(tensor([2, 5, 3]), { training: true });
  const expected = await gru.backward({ output });
  await gru.forward(tensor([2, 5, 3]), { training: true });
  // More shapes than the cache has programs for.
  for (let steps = 1; steps <= 12; steps++) await gru.forward(tensor([2, steps, 3], steps));
  t.deepEqual(await gru.backward({ output }), expected);
});

test('calls that are not awaited run in the order in which they were made', async (t) => {
  const [awaited, not] = [0, 1].map(
    () => new GRU({ inputSize: 3, hiddenSize: 4, numLayers: 2, dropout: 0.3, seed: 5 }),
  ) as [GRU, GRU];
  const output = tensor([2, 5, 4]);
  const dict = await new GRU({ inputSize: 3, hiddenSize: 4, numLayers: 2, dropout: 0.3, seed: 6 }).stateDict();
  const calls = (gru: GRU): (() => Promise<unknown>)[] => [
    () => gru.forward(tensor([2, 5, 3], 1), { training: true }),
    () => gru.backward({ output }),
    () => gru.forward(tensor([2, 5, 3], 2), { training: true }),
    () => gru.forward(tensor([3, 2, 3], 3)),
    () => gru.backward({ output, accumulate: true }),
    () => gru.loadStateDict(dict),
    () => gru.forward(tensor([2, 5, 3], 1)),
    () => gru.stateDict(),
  ];
  const expected: unknown[] = [];
  for (const call of calls(awaited)) expected.push(await call());
  t.deepEqual(await Promise.all(calls(not).map((call) => call())), expected);
});

test('a call that fails does not hold up the next', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 4 });
  const [wrong, right] = [gru.forward(tensor([2, 5, 4])), gru.forward(tensor([2, 5, 3]))];
  await t.throwsAsync(wrong, { code: 'ERR_SHAPE' });
  t.deepEqual((await right).output.shape, [2, 5, 4]);
});
