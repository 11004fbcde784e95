// TensorFlow.js on its WebAssembly backend. It refuses the reset-after GRU, so it runs the other one, which costs the same.
import { createRequire } from 'node:module';
import { numbers, serve } from './serve.mjs';

const [, , threads, folder] = process.argv;
const require = createRequire(`${folder}/`);
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
wasm.setThreadsCount(Number(threads));
wasm.setWasmPaths(`${require.resolve('@tensorflow/tfjs-backend-wasm').replace(/[^/]*$/, '')}`);
await tf.setBackend('wasm');
await tf.ready();

async function prepare({ pass, steps, batch, inputs, units, layers, directions }) {
  if (!['forward', 'train'].includes(pass) || directions !== 1 || batch * steps * units > 2 ** 20) {
    throw new Error('left out: it would take minutes');
  }
  const model = tf.sequential({
    layers: Array.from({ length: layers }, (_, i) =>
      tf.layers.gru({
        units,
        returnSequences: true,
        recurrentActivation: 'sigmoid',
        ...(i === 0 ? { batchInputShape: [batch, steps, inputs] } : {}),
      }),
    ),
  });
  const x = tf.tensor3d(numbers(batch * steps * inputs), [batch, steps, inputs]);
  const dy = tf.tensor3d(numbers(batch * steps * units, 2), [batch, steps, units]);
  const forward = async () => {
    const y = model.predict(x);
    await y.data();
    y.dispose();
  };
  const train = async () => {
    const { value, grads } = tf.variableGrads(() => tf.sum(tf.mul(model.apply(x, { training: true }), dy)));
    await value.data();
    tf.dispose([value, grads]);
  };
  return { call: pass === 'forward' ? forward : train, dispose: () => tf.dispose([x, dy, model]) };
}

await serve('tfjs-wasm', tf.version.tfjs, prepare);
