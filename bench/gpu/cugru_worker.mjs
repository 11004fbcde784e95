// cugru: models on the GPU, trained and evaluated from JavaScript as users do, data resident on the device.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from './serve.mjs';

const near = new URL('../../dist/lib/', import.meta.url);
const from = (file) => new URL(file, near).href;
if (!existsSync(new URL('index.js', near))) throw new Error('dist/lib is not there: build cugru first');
const { datasets, image, layers, native, optimizers, sequential, version } = {
  ...(await import(from('index.js'))),
  ...(await import(from('native.js'))),
};
const { keptChoices } = await import(from('cuda/choices.js'));

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
// Numbers that look random, and are the same each time.
const noise = (length) => {
  let state = 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
};
const labelsOf = (rows, classes) => Int32Array.from({ length: rows }, (_, i) => (i * 7) % classes);

async function sample(call, seconds) {
  const times = [];
  const begin = performance.now();
  while (times.length < 3 || performance.now() - begin < seconds * 1000) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  return times;
}

function recurrent(c) {
  const options = { units: c.units, numLayers: c.layers, bidirectional: c.directions === 2 };
  return c.cell === 'lstm' ? layers.lstm(options) : layers.gru(options);
}

function modelOf(c, classes) {
  const model = sequential([recurrent(c), layers.dense({ units: classes, activation: 'softmax' })], {
    inputShape: [c.steps, c.inputs],
    device: 'cuda',
    seed: 1,
    precision: c.precision,
  });
  model.compile({ optimizer: optimizers.adamw({ learningRate: 1e-4 }), loss: 'categoricalCrossentropy' });
  return model;
}

let open; // the case that is measured
function close() {
  open?.model.dispose();
  open = undefined;
}

async function prepare({ c, classes, batches }) {
  close();
  const rows = c.batch * batches;
  const model = modelOf(c, classes);
  open = { c, model, batches };
  const inputs = noise(rows * c.steps * c.inputs);
  open.data = datasets.fromArrays({ inputs, shape: [c.steps, c.inputs], labels: labelsOf(rows, classes), classes });
  open.row = inputs.subarray(0, c.steps * c.inputs);
  open.labelled = { inputs: open.row, labels: labelsOf(1, classes), classes };
  return {};
}

const passes = {
  train: ({ model, data, c }) => model.fit(data, { epochs: 1, batchSize: c.batch }),
  forward: ({ model, data, c }) => model.evaluate(data, { batchSize: c.batch }),
  latency: ({ model, row }) => model.predict(row),
  'train latency': ({ model, labelled }) => model.trainOnBatch(labelled),
};
const isLatency = (pass) => pass.endsWith('latency');

async function measure({ pass, seconds }) {
  const call = () => passes[pass](open);
  await call(); // algorithms are chosen and steps recorded in the first, and the second has them
  await call();
  const times = await sample(call, seconds);
  const steps = isLatency(pass) ? 1 : open.batches;
  const { layers: all } = await open.model.summary();
  return {
    ms: median(times) / steps,
    least: Math.min(...times) / steps,
    most: Math.max(...times) / steps,
    kernels: all.flatMap((layer) => layer.kernels),
  };
}

// A large product by itself: the dense layer's forward, as the profile has it.
async function peak({ size, precision }) {
  const model = sequential([layers.dense({ units: size, useBias: false })], {
    inputShape: [size],
    device: 'cuda',
    precision,
  });
  try {
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const inputs = noise(size * size);
    const data = datasets.fromArrays({ inputs, shape: [size], labels: inputs });
    const { operations } = await model.profile(data, { batchSize: size, batches: 5 });
    const { forwardMilliseconds: ms } = operations.find(({ operation }) => operation === 'dense');
    return { ms, tflops: (2 * size ** 3) / ms / 1e9 };
  } finally {
    model.dispose();
  }
}

// The main job: images of bytes by rows, two layers of 128, AdamW. The pixels are noise: time does not depend on them.
async function epoch({ images, batch, side, units, precision, epochs }) {
  close();
  const pixels = Uint8Array.from({ length: images * side * side }, (_, i) => (i * 2654435761) >>> 24);
  const model = sequential(
    [
      image.toSequence({ scheme: 'rows' }),
      layers.gru({ units, numLayers: 2 }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
    { inputShape: [side, side, 1], device: 'cuda', seed: 1, precision },
  );
  try {
    model.compile({ optimizer: optimizers.adamw({ learningRate: 1e-4 }), loss: 'categoricalCrossentropy' });
    const data = datasets.fromArrays({
      inputs: pixels,
      shape: [side, side, 1],
      labels: labelsOf(images, 10),
      classes: 10,
    });
    await model.fit(data, { epochs: 1, batchSize: batch });
    const { epochs: logs } = await model.fit(data, { epochs, batchSize: batch });
    const best = logs.reduce((a, b) => (b.seconds < a.seconds ? b : a));
    // In epochs of their own, since the events are work as well.
    const { epochs: timed } = await model.fit(data, { epochs, batchSize: batch, timeReplays: true });
    const idle = timed.map(({ seconds, replaySeconds = 0 }) => ({
      seconds,
      replaySeconds,
      share: 1 - replaySeconds / seconds,
    }));
    return {
      seconds: best.seconds,
      computeSeconds: best.computeSeconds,
      ms: (best.seconds * 1000) / Math.ceil(images / batch),
      outsideOfNativeRuns: 1 - best.computeSeconds / best.seconds,
      idle: idle.sort((a, b) => a.share - b.share)[idle.length >> 1],
    };
  } finally {
    model.dispose();
  }
}

// One step with a cache of its own: what the chooser timed, refused or found wrong is in it.
async function algorithms({ c }) {
  close();
  const cache = mkdtempSync(join(tmpdir(), 'cugru-matrix-'));
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = cache;
  process.env.CUGRU_CUDA_TIMING = 'on';
  process.env.CUGRU_CUDA_TRIAL_LAYOUT = c.layout;
  const model = modelOf(c, 2);
  try {
    const inputs = noise(c.batch * c.steps * c.inputs);
    await model.trainOnBatch({ inputs, labels: labelsOf(c.batch, 2), classes: 2 });
    const choice = keptChoices(join(cache, 'cugru', 'choices')).find(({ kind }) => kind === 'rnn');
    if (choice === undefined) throw new Error('nothing was timed');
    return { chosen: choice.chosen, tried: choice.tried };
  } finally {
    model.dispose();
    delete process.env.CUGRU_CUDA_TRIAL_LAYOUT;
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    rmSync(cache, { recursive: true, force: true });
  }
}

function hello() {
  const { devices, libraries } = native().cudaReport({ ordinal: 0 });
  const versions = Object.fromEntries(libraries.map(({ name, version: v }) => [name, v]));
  const [device] = devices;
  if (device === undefined) throw new Error('there is no GPU');
  return {
    version,
    device: device.name,
    capability: device.computeCapability,
    multiprocessors: device.multiprocessors,
    versions,
  };
}

await serve({ hello, prepare, measure, peak, epoch, algorithms });
