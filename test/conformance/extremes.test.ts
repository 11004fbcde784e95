/** Saturated, huge, tiny and denormal numbers: nothing turns into NaN by itself, and a NaN that comes in is not hidden. */
import test from 'ava';
import { native } from '../../lib/native.js';
import { largest, relativeError, Worst } from '../support/conformance_compare.js';
import { GruReference, gruParams, gruProgram, parameterCount } from '../support/conformance_gru.js';
import { crossEntropyProgram } from '../support/conformance_losses.js';
import { model } from '../support/conformance_model.js';
import { opGraph, runOnce, type Target, TestProgram, targets, tensor } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { type Activation, activations, crossEntropy, softmax } from '../support/conformance_reference.js';

// act(x) element by element: a dense layer of one unit with weight 1.
async function activate(target: Target, activation: Activation, x: Float32Array): Promise<Float32Array> {
  const attrs = { units: 1, activation, useBias: false };
  const graph = opGraph({
    op: 'dense',
    attrs,
    inputs: [{ name: 'x', spec: tensor([1]) }],
    outputs: [{ name: 'y', spec: tensor([1]) }],
    grouped: true,
  });
  const groups = [{ name: 'one', op: 'dense', attrs, params: [{ name: 'weight', shape: [1, 1] }] }];
  const options = { graph, batch: x.length, mode: 'predict', groups, parameters: Float32Array.of(1) } as const;
  return (await runOnce(target, options, { inputs: { x } })).outputs['y'] ?? new Float32Array(0);
}

// Both signs of every magnitude that a float has, denormals included, and a fine grid where the functions bend.
const sweep = (() => {
  const sizes = Array.from({ length: 2780 }, (_, i) => 2 ** (i / 10 - 149.5));
  const grid = Array.from({ length: 4000 }, (_, i) => (i + 0.5) / 200);
  return Float32Array.from([...sizes, ...grid, 3.4e38, Number.POSITIVE_INFINITY].flatMap((x) => [x, -x]));
})();

// |got - wanted| in units in the last place of a float at `wanted`.
function lastPlaces(got: number, wanted: number): number {
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(wanted))), -126);
  return got === wanted ? 0 : Math.abs(got - wanted) / 2 ** (exponent - 23);
}

for (const target of targets()) {
  test(`tanh and sigmoid on ${target.name}: within 3 units in the last place for any float`, async (t) => {
    const tanh = await activate(target, 'tanh', sweep);
    const sigmoid = await activate(target, 'sigmoid', sweep);
    const worst = new Worst();
    for (const [i, x] of sweep.entries()) {
      worst.note('tanh', lastPlaces(tanh[i] as number, Math.tanh(x)), 3, `x = ${x}`);
      // Below, where the result nears the smallest normal float, it saturates instead of becoming denormal.
      if (x > -87) worst.note('sigmoid', lastPlaces(sigmoid[i] as number, 1 / (1 + Math.exp(-x))), 3, `x = ${x}`);
      else worst.note('sigmoid far below', sigmoid[i] as number, 2e-38, `x = ${x}`);
    }
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures.slice(0, 5), []);
  });

  test(`linear and relu on ${target.name} keep every finite float, denormals too`, async (t) => {
    const finite = sweep.filter(Number.isFinite);
    t.deepEqual(await activate(target, 'linear', finite), finite);
    t.true((await activate(target, 'relu', finite)).every((y, i) => y === Math.max(finite[i] as number, 0)));
  });

  test(`each activation on ${target.name} lets a NaN through`, async (t) => {
    for (const activation of activations) {
      const y = await activate(target, activation, Float32Array.of(1, Number.NaN, 2));
      t.deepEqual([...y].map(Number.isNaN), [false, true, false], activation);
    }
  });

  test(`gru on ${target.name} with inputs, states and weights of any size`, async (t) => {
    const shape = { inputs: 5, units: 19, layers: 2, directions: 2, batch: 6, steps: 7 };
    const states = shape.batch * 4 * shape.units;
    const worst = new Worst();
    for (const [i, [x, h0, weights]] of (
      [
        [1e4, 1, 1],
        [1e30, 1, 1],
        [1, 1, 100],
        [1e3, 1e3, 10],
        [3e-39, 3e-39, 1],
        [1, 1, 1e-39],
        [1e-42, 1e-42, 1e-42],
        [0, 0, 0],
      ] as const
    ).entries()) {
      const random = new Random(i);
      const feed = {
        x: random.floats(shape.batch * shape.steps * shape.inputs, x),
        h0: random.floats(states, h0),
        parameters: random.floats(parameterCount(gruParams(shape)), weights),
      };
      const seeds = { y: random.floats(shape.batch * shape.steps * 2 * shape.units), hN: random.floats(states) };
      const got = await runOnce(target, gruProgram({ ...shape, hasState: true }, feed.parameters), {
        inputs: feed,
        seeds,
      });
      const reference = new GruReference(shape, feed);
      const where = `x ${x} h0 ${h0} weights ${weights}`;
      const wanted = reference.backward(seeds.y, seeds.hN);
      for (const [name, values] of Object.entries({ ...got.gradients, parameters: got.parameterGradients })) {
        t.true(Number.isFinite(largest(values)), `${name} ${where}`);
        // Where all gates are open or shut, what is left of a gradient is the rounding of 1 - n^2 and the like.
        if (x <= 1 && weights <= 1) {
          const exact = wanted[name as keyof typeof wanted];
          worst.note(name, relativeError(values, exact, Math.max(largest(exact), 1e-37)), 1e-5, where);
        }
      }
      for (const name of ['y', 'hN'] as const) {
        const exact = reference.result[name];
        // Sums of large terms that cancel lose what they lose in float.
        const limit = x > 1 || weights > 1 ? 1e-3 : 2e-6;
        worst.note(
          name,
          relativeError(got.outputs[name] ?? feed.x, exact, Math.max(largest(exact), 1e-37)),
          limit,
          where,
        );
      }
    }
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });

  test(`softmax on ${target.name} of logits of any size`, async (t) => {
    const spec = tensor([19]);
    const graph = opGraph({
      op: 'softmax',
      inputs: [{ name: 'x', spec, gradient: true }],
      outputs: [{ name: 'y', spec, seeded: true }],
    });
    for (const size of [1e-40, 88, 104, 1e4, 3.4e38]) {
      const random = new Random(1);
      const [x, dy] = [random.floats(8 * 19, size), random.floats(8 * 19)];
      const got = await runOnce(target, { graph, batch: 8 }, { inputs: { x }, seeds: { y: dy } });
      t.true(relativeError(got.outputs['y'] ?? x, softmax(x, 19)) < 2e-6, `${size}`);
      t.true(Number.isFinite(largest(got.gradients['x'] ?? x)), `${size}`);
    }
  });

  test(`cross entropy on ${target.name} of logits of any size`, async (t) => {
    for (const size of [1e-40, 80, 1e4, 3.4e38]) {
      const random = new Random(2);
      const [logits, labels] = [random.floats(8 * 19, size), random.integers(8, 0, 18)];
      const program = crossEntropyProgram({ batch: 8, classes: 19, soft: false, smoothing: 0.1 });
      const got = await runOnce(target, program, { inputs: { logits, labels } });
      const wanted = crossEntropy({ logits, classes: 19, labels, smoothing: 0.1, validRows: 8 });
      t.true(Math.abs((got.loss?.lossSum ?? Number.NaN) - wanted.lossSum) <= 1e-6 * wanted.lossSum, `${size}`);
      t.true(relativeError(got.gradients['logits'] ?? logits, wanted.gradient) < 1e-5, `${size}`);
    }
  });

  test(`a NaN in the data on ${target.name} shows in the loss`, async (t) => {
    const { options, inputs } = model(
      { inputs: 3, units: 5, layers: 1, directions: 1, batch: 4, steps: 3, hidden: 4, classes: 3, rate: 0 },
      4,
      1,
    );
    const slab = (inputs['slab'] as Float32Array).slice();
    slab[0] = Number.NaN;
    const got = await runOnce(target, options, { inputs: { ...inputs, slab } });
    t.true(Number.isNaN(got.loss?.lossSum));
  });

  test(`sums on ${target.name} keep denormals`, async (t) => {
    const spec = tensor([33]);
    const names = ['a', 'b'];
    const graph = opGraph({
      op: 'add',
      inputs: names.map((name) => ({ name, spec })),
      outputs: [{ name: 'y', spec }],
    });
    const a = new Random(3).floats(33, 1e-40);
    const got = await runOnce(target, { graph, batch: 1, mode: 'predict' }, { inputs: { a, b: a } });
    t.deepEqual(
      got.outputs['y'],
      a.map((value) => 2 * value),
    );
    t.true(a.some((value) => value !== 0));
  });

  test(`optimisers on ${target.name} stand still at a gradient of zero, and take tiny and huge ones`, async (t) => {
    const graph = opGraph({
      op: 'dense',
      attrs: { units: 3, useBias: false },
      inputs: [{ name: 'x', spec: tensor([5]) }],
      outputs: [{ name: 'y', spec: tensor([3]), seeded: true }],
      grouped: true,
    });
    const groups = [
      { name: 'dense', op: 'dense', attrs: { units: 3, useBias: false }, params: [{ name: 'weight', shape: [3, 5] }] },
    ];
    const start = new Random(4).floats(15);
    for (const kind of ['sgd', 'adam', 'adamw'] as const) {
      for (const [size, clipNorm] of [
        [0, 0],
        [0, 1],
        [1e-42, 0],
        [1e-42, 1],
        [1e15, 1],
        [1e30, 1],
      ] as const) {
        const program = await TestProgram.open(target, { graph, batch: 1, groups, parameters: start });
        await native().storeConfigure(program.store, { kind, clipNorm });
        await program.write('gradients', new Float32Array(15).fill(size));
        await program.run({ inputs: {}, segments: 8, learningRates: Float32Array.of(0.1) });
        const after = await program.read('parameters');
        if (size === 0) t.deepEqual(after, start);
        t.true(largest(after) < 2, `${kind} ${size} ${clipNorm}`);
        program.close();
      }
    }
  });
}
