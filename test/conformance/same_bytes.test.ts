/** The same bytes for any number of threads and at every run. Tests are serial: the number of threads is the process's. */
import test from 'ava';
import { native, segments } from '../../lib/native.js';
import { bits, everything } from '../support/conformance_compare.js';
import { gruParams, gruProgram, parameterCount } from '../support/conformance_gru.js';
import { crossEntropyProgram } from '../support/conformance_losses.js';
import { type ModelShape, model } from '../support/conformance_model.js';
import { opGraph, runOnce, type Target, TestProgram, targets, tensor } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';

const before = native().processInfo().threads;
test.after.always(() => native().setNumThreads(before));

// Runs with each number of threads, each twice; gives the distinct results.
async function distinct(run: () => Promise<string>): Promise<number> {
  const results = new Set<string>();
  for (const threads of [1, 2, 7, 1, 2, 7]) {
    native().setNumThreads(threads);
    if (native().processInfo().threads !== threads) throw new Error(`${threads} threads were asked for`);
    results.add(await run());
  }
  return results.size;
}

const gruShapes = [
  { inputs: 1, units: 1, layers: 1, directions: 1, batch: 1, steps: 1 },
  { inputs: 28, units: 33, layers: 1, directions: 1, batch: 31, steps: 9 },
  { inputs: 7, units: 19, layers: 3, directions: 2, batch: 13, steps: 6 },
  { inputs: 5, units: 24, layers: 2, directions: 2, batch: 333, steps: 4 },
  { inputs: 67, units: 130, layers: 1, directions: 1, batch: 129, steps: 5 },
  { inputs: 3, units: 8, layers: 1, directions: 1, batch: 2050, steps: 2 },
  { inputs: 300, units: 257, layers: 1, directions: 1, batch: 3, steps: 3 },
] as const;

const modelShapes: readonly ModelShape[] = [
  { inputs: 28, units: 40, layers: 1, directions: 1, batch: 32, steps: 7, hidden: 17, classes: 10 },
  { inputs: 5, units: 17, layers: 2, directions: 2, batch: 300, steps: 4, hidden: 65, classes: 3 },
];

async function train(target: Target, shape: ModelShape): Promise<string> {
  const rows = 2 * shape.batch + 3; // three batches, the last with padding
  const { options, inputs } = model(shape, rows, 1);
  const program = await TestProgram.open(target, options);
  await native().storeConfigure(program.store, { kind: 'adamw', weightDecay: 0.01, clipNorm: 0.1 });
  const learningRates = Float32Array.of(0.01, 0.02, 0.01);
  const wanted = segments.forward | segments.loss | segments.backward | segments.update;
  const { loss, result } = await program.run({ inputs, rows, seed: 3, learningRates, segments: wanted });
  const state = [await program.read('parameters'), await program.read('slot0'), await program.read('slot1')];
  program.close();
  return [...state.map(bits), result.gradientNorm, loss?.lossSum, loss?.correct].join(' ');
}

for (const target of targets()) {
  for (const [seed, shape] of gruShapes.entries()) {
    test.serial(`gru on ${target.name}: ${JSON.stringify(shape)}`, async (t) => {
      const random = new Random(seed);
      const states = shape.batch * shape.layers * shape.directions * shape.units;
      const parameters = random.floats(parameterCount(gruParams(shape)), 1 / Math.sqrt(shape.units));
      const feed = {
        inputs: {
          x: random.floats(shape.batch * shape.steps * shape.inputs),
          h0: random.floats(states),
          lengths: random.integers(shape.batch, 1, shape.steps),
        },
        seeds: {
          y: random.floats(shape.batch * shape.steps * shape.directions * shape.units),
          hN: random.floats(states),
        },
      };
      const options = gruProgram({ ...shape, hasState: true, hasLengths: true }, parameters);
      t.is(await distinct(async () => everything(await runOnce(target, options, feed))), 1);
    });
  }

  for (const shape of modelShapes) {
    test.serial(`weights and optimiser after three steps on ${target.name}: batch ${shape.batch}`, async (t) => {
      t.is(await distinct(() => train(target, shape)), 1);
    });
  }

  test.serial(
    `dense, softmax, dropout and cross entropy on ${target.name}, large enough to be shared out`,
    async (t) => {
      const random = new Random(9);
      const [batch, features, units] = [700, 65, 130];
      const x = random.floats(batch * features);
      const softmaxGraph = opGraph({
        op: 'softmax',
        inputs: [{ name: 'x', spec: tensor([features]), gradient: true }],
        outputs: [{ name: 'y', spec: tensor([features]), seeded: true }],
      });
      const dropoutGraph = opGraph({
        op: 'dropout',
        attrs: { rate: 0.5 },
        inputs: [{ name: 'x', spec: tensor([features]), gradient: true }],
        outputs: [{ name: 'y', spec: tensor([features]), seeded: true }],
      });
      const attrs = { units, activation: 'tanh' };
      const denseGraph = opGraph({
        op: 'dense',
        attrs,
        inputs: [{ name: 'x', spec: tensor([features]), gradient: true }],
        outputs: [{ name: 'y', spec: tensor([units]), seeded: true }],
        grouped: true,
      });
      const params = [
        { name: 'weight', shape: [units, features] },
        { name: 'bias', shape: [units] },
      ];
      const dense = {
        graph: denseGraph,
        batch,
        groups: [{ name: 'dense', op: 'dense', attrs, params }],
        parameters: random.floats(units * (features + 1)),
      };
      const seeds = { y: random.floats(batch * features) };
      const labels = random.integers(batch, 0, features - 1);
      t.is(
        await distinct(async () =>
          everything(await runOnce(target, { graph: softmaxGraph, batch }, { inputs: { x }, seeds })),
        ),
        1,
      );
      t.is(
        await distinct(async () =>
          everything(await runOnce(target, { graph: dropoutGraph, batch }, { inputs: { x }, seeds })),
        ),
        1,
      );
      const y = random.floats(batch * units);
      t.is(await distinct(async () => everything(await runOnce(target, dense, { inputs: { x }, seeds: { y } }))), 1);
      const loss = crossEntropyProgram({ batch, classes: features, soft: false, smoothing: 0.1 });
      t.is(await distinct(async () => everything(await runOnce(target, loss, { inputs: { logits: x, labels } }))), 1);
    },
  );
}
