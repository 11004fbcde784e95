import test from 'ava';
import { GRU, type Tensor } from '../../lib/index.js';
import { dataOf, dictBytes, largestDifference, noise, refuses, tensor } from '../support/training_models.js';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** One layer in one direction, as the documentation has it, in float64. */
function reference(gru: GRU, weights: Record<string, Tensor>, x: Tensor): number[] {
  const [batch, steps, inputs] = x.shape as [number, number, number];
  const units = gru.hiddenSize;
  const sum = (name: string, row: number, values: readonly number[]): number => {
    const w = dataOf(weights, `weight_${name}_l0`);
    const bias = dataOf(weights, `bias_${name}_l0`)[row] as number;
    return values.reduce((total, value, k) => total + value * (w[row * values.length + k] as number), bias);
  };
  const out: number[] = [];
  for (let b = 0; b < batch; b++) {
    let h: number[] = Array(units).fill(0);
    for (let s = 0; s < steps; s++) {
      const row = [...x.data.subarray((b * steps + s) * inputs, (b * steps + s + 1) * inputs)];
      const state = h;
      h = state.map((old, u) => {
        const r = sigmoid(sum('ih', u, row) + sum('hh', u, state));
        const z = sigmoid(sum('ih', units + u, row) + sum('hh', units + u, state));
        const n = Math.tanh(sum('ih', 2 * units + u, row) + r * sum('hh', 2 * units + u, state));
        return (1 - z) * n + z * old;
      });
      out.push(...h);
    }
  }
  return out;
}

test('forward follows the equations', async (t) => {
  const gru = new GRU({ inputSize: 5, hiddenSize: 7, seed: 3 });
  const x = tensor([4, 6, 5]);
  const { output, hN } = await gru.forward(x);
  t.deepEqual(output.shape, [4, 6, 7]);
  t.deepEqual(hN.shape, [1, 4, 7]);
  t.true(largestDifference(output.data, Float32Array.from(reference(gru, await gru.stateDict(), x))) < 1e-6);
  for (let b = 0; b < 4; b++) {
    t.deepEqual(hN.data.slice(b * 7, (b + 1) * 7), output.data.slice((b * 6 + 5) * 7, (b + 1) * 42));
  }
});

test("parameters have PyTorch's names, order and shapes", async (t) => {
  for (const dropout of [0, 0.5]) {
    const gru = new GRU({ inputSize: 3, hiddenSize: 4, numLayers: 2, bidirectional: true, dropout });
    const dict = await gru.stateDict();
    const expected: [string, number[]][] = [];
    for (const layer of [0, 1]) {
      for (const direction of ['', '_reverse']) {
        const width = layer === 0 ? 3 : 8;
        expected.push([`weight_ih_l${layer}${direction}`, [12, width]], [`weight_hh_l${layer}${direction}`, [12, 4]]);
        expected.push([`bias_ih_l${layer}${direction}`, [12]], [`bias_hh_l${layer}${direction}`, [12]]);
      }
    }
    t.deepEqual(
      Object.entries(dict).map(([name, { shape }]) => [name, [...shape]]),
      expected,
    );
    const limit = 1 / Math.sqrt(4);
    t.true(Object.values(dict).every(({ data }) => data.every((w) => Math.abs(w) <= limit)));
  }
});

test('a state dict that is loaded is read back; one that does not fit changes nothing', async (t) => {
  const options = { inputSize: 3, hiddenSize: 4, numLayers: 2 };
  const [a, b] = [new GRU({ ...options, seed: 1 }), new GRU({ ...options, seed: 2 })];
  const dict = await a.stateDict();
  await b.loadStateDict(dict);
  t.deepEqual(await b.stateDict(), dict);
  t.deepEqual(await b.forward(tensor([2, 3, 3])), await a.forward(tensor([2, 3, 3])));
  const { bias_hh_l1: _, ...fewer } = dict;
  const bias = { data: new Float32Array(11), shape: [11] };
  const nan = { data: new Float32Array(12).fill(Number.NaN), shape: [12] };
  await refuses(t, [
    ['missing', () => b.loadStateDict(fewer), 'ERR_VALUE', /missing: bias_hh_l1/],
    [
      'prefixed',
      () => b.loadStateDict({ ...dict, 'gru.bias_hh_l1': bias }),
      'ERR_VALUE',
      /not of this model: gru\.bias_hh_l1/,
    ],
    [
      'shape',
      () => b.loadStateDict({ ...dict, bias_hh_l1: bias }),
      'ERR_SHAPE',
      /bias_hh_l1 must be \[dim0=12\], got \[11\]/,
    ],
    ['NaN', () => b.loadStateDict({ ...dict, bias_hh_l1: nan }), 'ERR_NOT_FINITE', /bias_hh_l1 has nan at index 0/],
  ]);
  t.deepEqual(dictBytes(await b.stateDict()), dictBytes(dict));
});

test('a first state is where a sequence goes on', async (t) => {
  for (const dropout of [0, 0.5]) {
    const gru = new GRU({ inputSize: 3, hiddenSize: 4, numLayers: 3, dropout });
    const whole = tensor([2, 6, 3]);
    const half = (from: number): Tensor => ({
      data: Float32Array.from(
        [0, 1].flatMap((b) => [...whole.data.subarray((b * 6 + from) * 3, (b * 6 + from + 3) * 3)]),
      ),
      shape: [2, 3, 3],
    });
    const first = await gru.forward(half(0));
    const second = await gru.forward(half(3), { h0: first.hN });
    const all = await gru.forward(whole);
    t.true(largestDifference(second.hN.data, all.hN.data) < 1e-6);
    const zeros = { data: new Float32Array(24), shape: [3, 2, 4] };
    t.deepEqual(await gru.forward(whole, { h0: zeros }), all, 'zeros are the default');
  }
});

test('the output goes where it is asked to', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 4, bidirectional: true, device: 'cpu' });
  const x = { data: Float32Array.from({ length: 30 }, (_, i) => i / 30), shape: [2, 5, 3] };
  const fresh = await gru.forward(x);
  const out = new Float32Array(2 * 5 * 8).fill(9);
  const { output } = await gru.forward(x, { out });
  t.is(output.data, out);
  t.deepEqual(out, fresh.output.data);
  await t.throwsAsync(gru.forward(x, { out: new Float32Array(79) }), {
    code: 'ERR_SHAPE',
    message: /80 numbers, got 79/,
  });
  await t.throwsAsync(gru.forward(x, { out: new Float64Array(80) as never }), { code: 'ERR_TYPE' });
});

test('an output that loses its memory while the forward runs is an error', async (t) => {
  const gru = new GRU({ inputSize: 64, hiddenSize: 256, device: 'cpu' });
  const x = { data: new Float32Array(64 * 100 * 64), shape: [64, 100, 64] };
  const out = new Float32Array(64 * 100 * 256);
  const running = gru.forward(x, { out });
  await new Promise((turn) => setImmediate(turn));
  structuredClone(out, { transfer: [out.buffer] });
  await t.throwsAsync(running, { code: 'ERR_DETACHED_BUFFER' });
});

test('a tensor that is undefined is missing', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 4, device: 'cpu' });
  const dict = await gru.stateDict();
  await t.throwsAsync(gru.loadStateDict({ ...dict, weight_ih_l0: undefined as never }), {
    code: 'ERR_VALUE',
    message: /missing: weight_ih_l0/,
  });
  t.deepEqual(await gru.stateDict(), dict);
});

test('step by step is the same as forward', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 5, numLayers: 2 });
  const x = tensor([2, 7, 3]);
  const { output, hN } = await gru.forward(x);
  let h: Tensor | undefined;
  for (let s = 0; s < 7; s++) {
    const data = Float32Array.from([0, 1].flatMap((b) => [...x.data.subarray((b * 7 + s) * 3, (b * 7 + s + 1) * 3)]));
    h = await gru.step({ data, shape: [2, 3] }, h);
    t.deepEqual(h.shape, [2, 2, 5]);
    for (const b of [0, 1]) {
      const last = h.data.slice((2 + b) * 5, (3 + b) * 5);
      t.true(largestDifference(last, output.data.slice((b * 7 + s) * 5, (b * 7 + s + 1) * 5)) < 1e-6);
    }
  }
  t.true(largestDifference(h?.data ?? new Float32Array(0), hN.data) < 1e-6);
});

test('lengths end each row where it ends', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 4, bidirectional: true });
  const x = tensor([3, 5, 3]);
  const { output, hN } = await gru.forward(x, { lengths: Int32Array.of(5, 2, 1) });
  t.true(
    output.data.slice((5 + 2) * 8, 10 * 8).every((value) => value === 0),
    "0 beyond a row's length",
  );
  const alone = await gru.forward({ data: x.data.slice(15, 21), shape: [1, 2, 3] });
  t.true(largestDifference(alone.output.data, output.data.slice(40, 56)) < 1e-6);
  t.true(largestDifference(alone.hN.data.slice(0, 4), hN.data.slice(4, 8)) < 1e-6);
  t.true(largestDifference(alone.hN.data.slice(4, 8), hN.data.slice(16, 20)) < 1e-6);
});

test('dropout is for training only, changes from call to call, and follows the seed', async (t) => {
  const build = (seed: number): GRU => new GRU({ inputSize: 3, hiddenSize: 16, numLayers: 2, dropout: 0.5, seed });
  const gru = build(1);
  const x = tensor([2, 3, 3]);
  const plain = await gru.forward(x);
  t.deepEqual(await gru.forward(x), plain);
  const [first, second] = [await gru.forward(x, { training: true }), await gru.forward(x, { training: true })];
  t.notDeepEqual(first.output.data, plain.output.data);
  t.notDeepEqual(second.output.data, first.output.data);
  const again = build(1);
  await again.forward(x);
  await again.forward(x);
  t.deepEqual(await again.forward(x, { training: true }), first);
});

test('a stream is the forward, one step at a time', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 5, numLayers: 2, dropout: 0.3 });
  const stream = await gru.stream();
  t.deepEqual([stream.features, stream.outputLength, stream.stateLength], [3, 5, 10]);
  const x = tensor([1, 6, 3]);
  const { output } = await gru.forward(x);
  for (let s = 0; s < 6; s++) {
    const h = stream.step(x.data.slice(s * 3, s * 3 + 3));
    t.true(largestDifference(h, output.data.slice(s * 5, s * 5 + 5)) < 1e-6);
  }
  await t.throwsAsync(new GRU({ inputSize: 3, hiddenSize: 5, bidirectional: true }).stream(), {
    code: 'ERR_UNSUPPORTED',
    message: /is bidirectional: it needs the whole sequence, and cannot stream/,
  });
});

test('options are checked', async (t) => {
  const build = (options: object) => () => new GRU({ inputSize: 3, hiddenSize: 4, ...options });
  await refuses(t, [
    ['nothing', () => new GRU(undefined as never), 'ERR_TYPE', /^GRU takes an options object/],
    ['inputSize', build({ inputSize: 0 }), 'ERR_VALUE', /^inputSize must be an integer from 1/],
    ['hiddenSize', build({ hiddenSize: 2.5 }), 'ERR_VALUE', /^hiddenSize must be an integer/],
    ['huge', build({ hiddenSize: 2 ** 30 }), 'ERR_VALUE', /^hiddenSize must be an integer from 1 to 1048576/],
    ['numLayers', build({ numLayers: -1 }), 'ERR_VALUE', /^numLayers must be/],
    ['bidirectional', build({ bidirectional: 1 }), 'ERR_TYPE', /^bidirectional must be a boolean/],
    ['dropout', build({ dropout: 1, numLayers: 2 }), 'ERR_VALUE', /^dropout must be a number from 0 to below 1/],
    ['dropout of one layer', build({ dropout: 5 }), 'ERR_VALUE', /^dropout must be/],
    ['seed', build({ seed: -1 }), 'ERR_VALUE', /^seed must be/],
    ['device', build({ device: 'tpu' }), 'ERR_VALUE', /^device must be/],
    ['unknown', build({ hidden_size: 4 }), 'ERR_VALUE', /did you mean 'hiddenSize'/],
  ]);
});

test('tensors are checked by axis', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 4, numLayers: 2 });
  const forward = (x: unknown, options?: object) => () => gru.forward(x as Tensor, options);
  const x = tensor([2, 5, 3]);
  const lengths = (...values: number[]): object => ({ lengths: Int32Array.from(values) });
  await refuses(t, [
    [
      'array',
      forward(noise(30)),
      'ERR_TYPE',
      /^x must be a tensor \{ data: Float32Array, shape: \[batch, steps, inputSize\]/,
    ],
    ['rank', forward(tensor([2, 3])), 'ERR_SHAPE', /^x must be \[batch, steps, inputSize=3\], got \[2, 3\]/],
    ['width', forward(tensor([2, 5, 4])), 'ERR_SHAPE', /^x must be \[batch, steps, inputSize=3\], got \[2, 5, 4\]/],
    ['no rows', forward({ data: new Float32Array(0), shape: [0, 5, 3] }), 'ERR_SHAPE', /got \[0, 5, 3\]/],
    ['no steps', forward({ data: new Float32Array(0), shape: [2, 0, 3] }), 'ERR_SHAPE', /got \[2, 0, 3\]/],
    ['negative', forward({ data: x.data, shape: [-2, -5, 3] }), 'ERR_SHAPE', /got \[-2, -5, 3\]/],
    [
      'short',
      forward({ data: x.data.subarray(1), shape: x.shape }),
      'ERR_SHAPE',
      /that is 30 numbers, but its data has 29/,
    ],
    [
      'doubles',
      forward({ data: Float64Array.from(x.data), shape: x.shape }),
      'ERR_TYPE',
      /x\.data must be a Float32Array, got a Float64Array/,
    ],
    [
      'h0',
      forward(x, { h0: tensor([1, 2, 4]) }),
      'ERR_SHAPE',
      /^h0 must be \[numLayers \* directions=2, batch=2, hiddenSize=4\], got \[1, 2, 4\]/,
    ],
    ['lengths', forward(x, { lengths: [1, 2] }), 'ERR_TYPE', /^lengths must be a Int32Array, got an array; convert/],
    ['count', forward(x, lengths(1)), 'ERR_SHAPE', /^lengths must be \[batch=2\], got \[1\]/],
    ['length 0', forward(x, lengths(0, 1)), 'ERR_RANGE', /^lengths must be from 1 to 5 steps, got 0 at row 0/],
    ['length 6', forward(x, lengths(5, 6)), 'ERR_RANGE', /got 6 at row 1/],
    ['training', forward(x, { training: 1 }), 'ERR_TYPE', /^training must be a boolean/],
    ['option', forward(x, { length: 3 }), 'ERR_VALUE', /did you mean 'lengths'/],
    ['step', () => gru.step(tensor([2, 5, 3])), 'ERR_SHAPE', /^x must be \[batch, inputSize=3\]/],
    ['step state', () => gru.step(tensor([2, 3]), tensor([2, 1, 4])), 'ERR_SHAPE', /^h0 must be/],
  ]);
});

test('what cannot fit in memory is refused', async (t) => {
  const gru = new GRU({ inputSize: 1, hiddenSize: 1024 });
  const huge = { data: new Float32Array(2 ** 24), shape: [2 ** 4, 2 ** 20, 1] };
  await t.throwsAsync(gru.forward(huge, { training: true }), { code: 'ERR_OUT_OF_MEMORY' });
  await t.throwsAsync(new GRU({ inputSize: 2 ** 20, hiddenSize: 2 ** 20 }).stateDict(), { code: 'ERR_OUT_OF_MEMORY' });
});

test('a disposed GRU refuses every call', async (t) => {
  const gru = new GRU({ inputSize: 3, hiddenSize: 4 });
  const running = gru.forward(tensor([64, 200, 3]));
  gru.dispose();
  gru.dispose();
  const message = /this GRU was disposed/;
  await t.throwsAsync(running, { code: 'ERR_DISPOSED' });
  await refuses(t, [
    ['forward', () => gru.forward(tensor([1, 1, 3])), 'ERR_DISPOSED', message],
    ['step', () => gru.step(tensor([1, 3])), 'ERR_DISPOSED', message],
    ['stateDict', () => gru.stateDict(), 'ERR_DISPOSED', message],
    ['loadStateDict', () => gru.loadStateDict({}), 'ERR_DISPOSED', message],
    ['stream', () => gru.stream(), 'ERR_DISPOSED', message],
  ]);
});
