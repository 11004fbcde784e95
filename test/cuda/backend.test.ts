/** The CUDA backend's host side, on the simulated device: it agrees with the CPU, gives all back, and refuses plainly. */
import test from 'ava';
import { layers, type StateDict } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { relativeError } from '../support/conformance_compare.js';
import { type OpGraph, opGraph, runOnce, TestProgram, tensor } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { leavesNothing } from '../support/cuda_leftovers.js';
import '../support/cuda_simulated.js';
import { type ClassifierOptions, classifier, waves } from '../support/training_models.js';

const cpu = { name: 'cpu', device: 'cpu' };
const cuda = { name: 'cuda simulated', device: 'cuda' };

const recurrents: Readonly<Record<string, NonNullable<ClassifierOptions['recurrent']>>> = {
  gru: layers.gru,
  'gru that resets before': (options) => layers.gru({ ...options, resetAfter: false }),
  cifgLstm: layers.cifgLstm,
  leakyCifg: layers.leakyCifg,
};

async function trained(device: 'cpu' | 'cuda', options: ClassifierOptions) {
  const model = classifier({ device, dropout: 0.25, ...options });
  const lengths = Array.from({ length: 30 }, (_, i) => 1 + (i % 6));
  const { epochs } = await model.fit(waves(30, { lengths }), { epochs: 3, batchSize: 8 });
  const weights = await model.getWeights();
  model.dispose();
  return { losses: epochs.map(({ loss }) => loss), weights };
}

for (const [name, recurrent] of Object.entries(recurrents)) {
  for (const bidirectional of [false, true]) {
    const kind = `${bidirectional ? 'bidirectional ' : ''}${name}`;
    test.serial(`a model of ${kind} with lengths and dropout trains as on the CPU`, async (t) => {
      const here = await trained('cuda', { recurrent, bidirectional });
      const there = await trained('cpu', { recurrent, bidirectional });
      t.true(relativeError(Float32Array.from(here.losses), Float64Array.from(there.losses)) < 1e-4);
      for (const [parameter, { data }] of Object.entries(there.weights as StateDict)) {
        const got = here.weights[parameter]?.data ?? new Float32Array(0);
        t.true(relativeError(got, Float64Array.from(data)) < 1e-3, parameter);
      }
    });
  }
}

test.serial("dropout's masks are the CPU's to the bit", async (t) => {
  const spec = tensor([37], 5);
  const graph = opGraph({
    op: 'dropout',
    attrs: { rate: 0.4 },
    inputs: [{ name: 'x', spec, gradient: true }],
    outputs: [{ name: 'y', spec, seeded: true }],
  });
  const x = new Random(1).floats(5 * 7 * 37);
  const run = (target: typeof cpu) => runOnce(target, { graph, batch: 7 }, { inputs: { x }, seeds: { y: x }, seed: 9 });
  const [here, there] = [await run(cuda), await run(cpu)];
  t.deepEqual(here.outputs, there.outputs);
  t.deepEqual(here.gradients, there.gradients);
});

const big: OpGraph = {
  op: 'softmax',
  inputs: [{ name: 'x', spec: tensor([1000]) }],
  outputs: [{ name: 'y', spec: tensor([1000]) }],
};

test.serial(
  'memory that is not there is told with what was wanted and what is free, and the session goes on',
  async (t) => {
    process.env['CUGRU_CUDA_MEMORY_LIMIT'] = String(1 << 20);
    t.teardown(() => {
      delete process.env['CUGRU_CUDA_MEMORY_LIMIT'];
    });
    const program = await TestProgram.open(cuda, { graph: opGraph(big), batch: 2, mode: 'predict' });
    const error = await t.throwsAsync(native().compile(program.store, opGraph(big), { mode: 'predict', batch: 4096 }), {
      code: 'ERR_OUT_OF_MEMORY',
    });
    t.regex(
      error.message,
      /has no \d+ bytes for this: \d+ are free of \d+, and CUGRU_CUDA_MEMORY_LIMIT allows 1048576/,
    );
    const { outputs } = await program.run({ inputs: { x: new Float32Array(2000) } });
    t.is(outputs['y']?.[0], Math.fround(1 / 1000));
    program.close();
  },
);

test.serial('a limit that is no number of bytes is refused', (t) => {
  process.env['CUGRU_CUDA_MEMORY_LIMIT'] = 'much';
  t.teardown(() => {
    delete process.env['CUGRU_CUDA_MEMORY_LIMIT'];
  });
  t.throws(() => native().createSession({ device: 'cuda' }), {
    code: 'ERR_VALUE',
    message: /number of bytes, got 'much'/,
  });
});

for (const device of ['cuda:x', 'cuda:', 'cuda:1234', 'cudart']) {
  test.serial(`'${device}' is no device`, (t) => {
    t.throws(() => native().createSession({ device }), { code: 'ERR_VALUE' });
  });
}

test.serial('a device that is not there is told', (t) => {
  t.throws(() => native().createSession({ device: 'cuda:7' }), {
    code: 'ERR_CUDA_UNAVAILABLE',
    message: "there is no device 'cuda:7': the driver has 1",
  });
});

test.serial('a training leaves nothing behind, and does nothing that the device forbids', async (t) => {
  await leavesNothing(t, {
    layers: `[layers.gru({ units: 5, returnSequences: true }), layers.leakyCifg({ units: 3, bidirectional: true }),
      layers.dense({ units: 2, activation: 'softmax' })]`,
  });
});
