/** LSTM and RNN against PyTorch's nn.LSTM and nn.RNN. */
import test, { type ExecutionContext } from 'ava';
import { LSTM, type LSTMForwardOptions, RNN, type StateDict } from '../../lib/index.js';
import {
  type F32Tensor,
  fixtureNames,
  Golden,
  isas,
  maxError,
  placeOf,
  relativeError,
} from '../support/goldens_fixtures.js';

const cases = fixtureNames.filter((name) => /^(lstm|rnn)_/.test(name));
const tolerance = { forward: 2e-6, gradient: 1e-5 } as const;

function weightsOf(golden: Golden): StateDict {
  const names = golden.names.filter((name) => /^(weight|bias)_/.test(name));
  return Object.fromEntries(names.map((name) => [name, golden.f32(name)]));
}

async function moduleOf(t: ExecutionContext, golden: Golden, isa: string): Promise<LSTM | RNN> {
  const options = {
    inputSize: golden.number('inputSize'),
    hiddenSize: golden.number('hiddenSize'),
    numLayers: golden.number('layers'),
    bidirectional: golden.flag('bidirectional'),
    ...placeOf(isa),
  } as const;
  const nonlinearity = golden.name.startsWith('rnn_relu') ? 'relu' : 'tanh';
  const made = golden.name.startsWith('lstm') ? new LSTM(options) : new RNN({ ...options, nonlinearity });
  t.teardown(() => made.dispose());
  t.deepEqual(
    Object.entries(await made.stateDict()).map(([name, { shape }]) => [name, [...shape]]),
    Object.entries(weightsOf(golden)).map(([name, { shape }]) => [name, [...shape]]),
    "names, order and shapes are PyTorch's",
  );
  await made.loadStateDict(weightsOf(golden));
  return made;
}

function forwardOptions(golden: Golden): LSTMForwardOptions {
  return {
    ...(golden.has('h0') ? { h0: golden.f32('h0') } : {}),
    ...(golden.has('c0') ? { c0: golden.f32('c0') } : {}),
    ...(golden.flag('hasLengths') ? { lengths: golden.i32('lengths') } : {}),
  };
}

function expectForward(t: ExecutionContext, golden: Golden, results: Readonly<Record<string, F32Tensor>>): void {
  for (const [what, got] of Object.entries(results)) {
    t.deepEqual(got.shape, golden.shape(what));
    const error = maxError(got.data, golden.f64(what));
    t.true(error <= tolerance.forward, `${golden.name} ${what}: off by ${error}`);
  }
}

function expectGradients(
  t: ExecutionContext,
  golden: Golden,
  results: Readonly<Record<string, F32Tensor | undefined>>,
): void {
  for (const [what, got] of Object.entries(results)) {
    t.is(got !== undefined, golden.has(what), `${golden.name} ${what} is there when PyTorch has it`);
    if (got === undefined) continue;
    t.deepEqual(got.shape, golden.shape(what));
    const error = relativeError(got.data, golden.f64(what));
    t.true(error <= tolerance.gradient, `${golden.name} ${what}: off by ${error} of its largest value`);
  }
}

const gradNames = (parameters: StateDict) =>
  Object.fromEntries(Object.entries(parameters).map(([name, gradient]) => [`grad.${name}`, gradient]));

for (const isa of isas) {
  for (const name of cases) {
    test(`${name} on ${isa}: forward and backward are PyTorch's`, async (t) => {
      const golden = await Golden.load(name);
      const made = await moduleOf(t, golden, isa);
      const [x, options] = [golden.f32('x'), forwardOptions(golden)];
      const seeds = { output: golden.f32('dy'), hN: golden.f32('dhN') };
      if (made instanceof LSTM) {
        const { output, hN, cN } = await made.forward(x, { ...options, training: true });
        expectForward(t, golden, { y: output, hN, cN });
        const { input, h0, c0, parameters } = await made.backward({ ...seeds, cN: golden.f32('dcN') });
        expectGradients(t, golden, { dx: input, dh0: h0, dc0: c0, ...gradNames(parameters) });
      } else {
        const { output, hN } = await made.forward(x, { ...options, training: true });
        expectForward(t, golden, { y: output, hN });
        const { input, h0, parameters } = await made.backward(seeds);
        expectGradients(t, golden, { dx: input, dh0: h0, ...gradNames(parameters) });
      }
      const { output, hN } = await made.forward(x, options);
      expectForward(t, golden, { y: output, hN });
    });
  }
}

// The sequence of one step of a batch-first tensor.
function stepOf({ data, shape }: F32Tensor, step: number): F32Tensor {
  const [batch, steps, width] = shape as [number, number, number];
  const out = new Float32Array(batch * width);
  for (let row = 0; row < batch; row++) {
    out.set(data.subarray((row * steps + step) * width, (row * steps + step + 1) * width), row * width);
  }
  return { data: out, shape: [batch, width] };
}

for (const name of ['lstm_uni_l2_h0', 'lstm_uni_l1_wide', 'rnn_tanh_uni_l1_h0', 'rnn_relu_uni_l1_h0']) {
  test(`${name}: single steps arrive at PyTorch's final states`, async (t) => {
    const golden = await Golden.load(name);
    const made = await moduleOf(t, golden, isas.at(-1) as string);
    const { h0, c0 } = forwardOptions(golden);
    let [h, c] = [h0, c0];
    for (let step = 0; step < golden.number('steps'); step++) {
      const x = stepOf(golden.f32('x'), step);
      if (made instanceof LSTM) ({ h, c } = await made.step(x, h && c && { h, c }));
      else h = await made.step(x, h);
    }
    if (h === undefined) return t.fail('no step was made');
    expectForward(t, golden, { hN: h, ...(c && { cN: c }) });
  });
}
