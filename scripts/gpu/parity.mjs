// How far a GPU's float32 is from the CPU's: cells alone, forward and gradients, and whole models. Prints JSON.
import { datasets, GRU, LSTM, layers, RNN, sequential } from '../../dist/lib/index.js';

const limits = { forward: 1e-5, gradients: 1e-4 };
const cells = { gru: GRU, lstm: LSTM, rnn: RNN };
const shapes = [
  { steps: 1, batch: 5, inputSize: 7, hiddenSize: 12 },
  { steps: 16, batch: 8, inputSize: 28, hiddenSize: 64, numLayers: 2 },
  { steps: 28, batch: 32, inputSize: 28, hiddenSize: 128 },
  { steps: 64, batch: 8, inputSize: 16, hiddenSize: 48, bidirectional: true },
  { steps: 64, batch: 6, inputSize: 16, hiddenSize: 48, lengths: true },
];

// mulberry32, from -1 to 1
function noise(count, seed) {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 31 - 1;
  });
}
const tensor = (shape, seed) => ({
  data: noise(
    shape.reduce((a, b) => a * b),
    seed,
  ),
  shape,
});

/** The largest difference, by the largest value of the reference. */
function relativeError(got, want) {
  let difference = 0;
  let size = 0;
  want.forEach((value, i) => {
    // A NaN anywhere must not pass.
    difference = Math.max(difference, Number.isFinite(got[i]) ? Math.abs(got[i] - value) : Infinity);
    size = Math.max(size, Math.abs(value));
  });
  return size === 0 ? difference : difference / size;
}

function compare(name, here, there) {
  const worst = (part) =>
    Math.max(...Object.keys(there[part]).map((key) => relativeError(here[part][key], there[part][key])));
  const errors = { forward: worst('forward'), gradients: worst('gradients') };
  return { name, ...errors, ok: errors.forward < limits.forward && errors.gradients < limits.gradients };
}

const dataOf = (dict) => Object.fromEntries(Object.entries(dict).map(([name, { data }]) => [name, data]));

async function runCell(Cell, { steps, batch, lengths, ...options }, device) {
  const cell = new Cell({ ...options, seed: 3, device });
  try {
    const rows = lengths ? { lengths: Int32Array.from({ length: batch }, (_, i) => 1 + ((i * 13) % steps)) } : {};
    const { output, hN } = await cell.forward(tensor([batch, steps, options.inputSize], 1), {
      training: true,
      ...rows,
    });
    const { input, parameters } = await cell.backward({ output: tensor(output.shape, 2), hN: tensor(hN.shape, 4) });
    return { forward: { output: output.data, hN: hN.data }, gradients: { input: input.data, ...dataOf(parameters) } };
  } finally {
    cell.dispose();
  }
}

const models = {
  'gru 32 over bytes, dense, cross-entropy': [layers.gru({ units: 32 })],
  'lstm 24 with sequences, gru 24, dropout, dense': [
    layers.lstm({ units: 24, returnSequences: true }),
    layers.gru({ units: 24 }),
    layers.dropout({ rate: 0.3 }),
  ],
};

async function runModel(body, device) {
  const shape = [28, 28];
  const rows = 32;
  const inputs = Uint8Array.from(noise(rows * 28 * 28, 5), (value) => (value + 1) * 127);
  const data = datasets.fromArrays({
    inputs,
    shape,
    labels: Int32Array.from({ length: rows }, (_, i) => i % 10),
    classes: 10,
  });
  const last = layers.dense({ units: 10, activation: 'softmax' });
  const model = sequential([...body, last], { inputShape: shape, seed: 7, device });
  try {
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
    const probabilities = await model.predict(data);
    const { loss } = await model.computeGradients(data);
    const forward = { probabilities, loss: Float64Array.of(loss) };
    return { result: { forward, gradients: dataOf(await model.getGradients()) }, device: model.runtime.description };
  } finally {
    model.dispose();
  }
}

const cases = [];
let device = '';
for (const [name, Cell] of Object.entries(cells)) {
  for (const shape of shapes) {
    const there = await runCell(Cell, shape, 'cpu');
    cases.push(compare(`${name} ${JSON.stringify(shape)}`, await runCell(Cell, shape, 'cuda'), there));
  }
}
for (const [name, body] of Object.entries(models)) {
  const [here, there] = [await runModel(body, 'cuda'), await runModel(body, 'cpu')];
  device = here.device;
  cases.push(compare(name, here.result, there.result));
}
const ok = cases.every((one) => one.ok);
console.log(JSON.stringify({ ok, device, precision: process.env.CUGRU_CUDA_PRECISION, limits, cases }, null, 1));
process.exitCode = ok ? 0 : 1;
