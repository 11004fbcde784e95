// onnxruntime-node: inference only.
import { createRequire } from 'node:module';
import { onnxGru } from './onnx_gru.mjs';
import { numbers, serve } from './serve.mjs';

const [, , threads, folder] = process.argv;
const require = createRequire(`${folder}/`);
const ort = require('onnxruntime-node');

async function prepare(axes) {
  const { pass, steps, batch, inputs } = axes;
  if (pass !== 'forward' && pass !== 'step') throw new Error('inference only');
  const model = onnxGru(axes, (count) => numbers(count).map((value) => value * 0.1));
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const x = new ort.Tensor('float32', numbers(steps * batch * inputs), [steps, batch, inputs]);
  const { units, directions } = axes;
  const y = new ort.Tensor('float32', new Float32Array(steps * batch * directions * units), [
    steps,
    batch,
    directions * units,
  ]);
  return { call: () => session.run({ x }, { y }), dispose: () => session.release() };
}

await serve('onnxruntime-node', require('onnxruntime-node/package.json').version, prepare);
