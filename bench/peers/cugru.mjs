// cugru from JavaScript: typed arrays in, typed arrays out.
import { readyModel } from '../../dist/lib/cli/models.js';
import { recipe } from '../../dist/lib/cli/recipe.js';
import { datasets, GRU, setNumThreads, version } from '../../dist/lib/index.js';
import { numbers, serve } from './serve.mjs';

setNumThreads(Number(process.argv[2]));

async function epoch() {
  const { train } = await datasets.mnist();
  const model = readyModel(train, { units: recipe.units }, recipe);
  await model.fit(train.take(1280), { batchSize: recipe.batchSize }); // warm
  return {
    milliseconds: async () => {
      const begin = performance.now();
      await model.fit(train, { epochs: 1, batchSize: recipe.batchSize });
      return performance.now() - begin;
    },
    dispose: () => model.dispose(),
  };
}

async function prepare({ pass, steps, batch, inputs, units, layers, directions }) {
  if (pass === 'gemm') throw new Error('no matrix product by itself');
  if (pass === 'epoch') return epoch();
  const gru = new GRU({
    inputSize: inputs,
    hiddenSize: units,
    numLayers: layers,
    bidirectional: directions === 2,
    device: 'cpu',
  });
  const dispose = () => gru.dispose();
  if (pass === 'step') {
    const stream = await gru.stream();
    const x = numbers(inputs);
    const y = new Float32Array(units);
    return { step: () => stream.step(x, y), dispose };
  }
  const x = { data: numbers(batch * steps * inputs), shape: [batch, steps, inputs] };
  const width = directions * units;
  const out = new Float32Array(batch * steps * width);
  if (pass === 'forward') return { call: () => gru.forward(x, { out }), dispose };
  const output = { data: numbers(batch * steps * width, 2), shape: [batch, steps, width] };
  const call = async () => {
    await gru.forward(x, { training: true, out });
    await gru.backward({ output });
  };
  return { call, dispose };
}

await serve('cugru', version, prepare);
