/** Softmax, add and lastState on every target. */
import test from 'ava';
import { dot, relativeError, Worst } from '../support/conformance_compare.js';
import { directionalError } from '../support/conformance_differences.js';
import { opGraph, runOnce, TestProgram, targets, tensor } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { softmax, softmaxGradient } from '../support/conformance_reference.js';

const shapes = [
  { batch: 1, steps: 0, features: 1 },
  { batch: 3, steps: 0, features: 2 },
  { batch: 5, steps: 0, features: 10 },
  { batch: 4, steps: 3, features: 7 },
  { batch: 2, steps: 2, features: 16 },
  { batch: 33, steps: 0, features: 33 },
  { batch: 300, steps: 2, features: 31 },
  { batch: 3, steps: 0, features: 3000 },
];
type Shape = (typeof shapes)[number];
const describe = ({ batch, steps, features }: Shape) => `[${batch}, ${steps}, ${features}]`;
const sizeOf = ({ batch, steps, features }: Shape) => batch * Math.max(steps, 1) * features;

function softmaxProgram({ batch, steps, features }: Shape) {
  const spec = tensor([features], steps);
  return {
    graph: opGraph({
      op: 'softmax',
      inputs: [{ name: 'x', spec, gradient: true }],
      outputs: [{ name: 'y', spec, seeded: true }],
    }),
    batch,
  };
}

for (const target of targets()) {
  test(`softmax on ${target.name} agrees with float64`, async (t) => {
    const worst = new Worst();
    for (const shape of shapes) {
      const random = new Random(shape.features);
      const [x, dy] = [random.floats(sizeOf(shape), 6), random.floats(sizeOf(shape))];
      const got = await runOnce(target, softmaxProgram(shape), { inputs: { x }, seeds: { y: dy } });
      const y = got.outputs['y'] ?? new Float32Array(0);
      worst.note('y', relativeError(y, softmax(x, shape.features)), 2e-6, describe(shape));
      // One class alone has no gradient; the scale is that of what is subtracted.
      const error = relativeError(
        got.gradients['x'] ?? y,
        softmaxGradient(x, dy, shape.features),
        shape.features === 1 ? 1 : undefined,
      );
      worst.note('dx', error, 1e-5, describe(shape));
    }
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });

  test(`softmax on ${target.name}: differences agree with its gradient`, async (t) => {
    for (const shape of shapes.slice(1, 6)) {
      const random = new Random(shape.features);
      const [x, dy] = [random.floats(sizeOf(shape), 2), random.floats(sizeOf(shape))];
      const program = await TestProgram.open(target, softmaxProgram(shape));
      const run = (values: Float32Array) => program.run({ inputs: { x: values }, seeds: { y: dy } });
      const scalar = async (values: Float32Array) => dot((await run(values)).outputs['y'] ?? [], dy);
      const gradient = (await run(x)).gradients['x'] ?? new Float32Array(0);
      t.true((await directionalError({ at: x, gradient, scalar, seed: 3 })) < 1e-4, describe(shape));
      program.close();
    }
  });

  test(`add on ${target.name}: two to eight terms, from the first to the last; each gets the gradient`, async (t) => {
    for (const [i, shape] of shapes.entries()) {
      const terms = 2 + (i % 7);
      const random = new Random(i);
      const spec = tensor([shape.features], shape.steps);
      const names = Array.from({ length: terms }, (_, term) => `x${term}`);
      const inputs = Object.fromEntries(names.map((name) => [name, random.floats(sizeOf(shape), 10)]));
      const dy = random.floats(sizeOf(shape));
      const graph = opGraph({
        op: 'add',
        inputs: names.map((name) => ({ name, spec, gradient: true })),
        outputs: [{ name: 'y', spec, seeded: true }],
      });
      const got = await runOnce(target, { graph, batch: shape.batch }, { inputs, seeds: { y: dy } });
      const sums = names.slice(1).reduce(
        (sum, name) => sum.map((value, e) => value + (inputs[name]?.[e] ?? Number.NaN)), // rounded to float at each term
        inputs['x0'] ?? new Float32Array(0),
      );
      t.deepEqual(got.outputs['y'], sums);
      for (const name of names) t.deepEqual(got.gradients[name], dy);
    }
  });

  test(`lastState on ${target.name} puts the last layer's directions side by side; lower layers get no gradient`, async (t) => {
    for (const { layers, directions, batch, units } of [
      { layers: 1, directions: 1, batch: 3, units: 5 },
      { layers: 3, directions: 1, batch: 4, units: 17 },
      { layers: 2, directions: 2, batch: 5, units: 3 },
      { layers: 1, directions: 2, batch: 70, units: 33 },
    ]) {
      const states = layers * directions;
      const graph = opGraph({
        op: 'lastState',
        attrs: { directions },
        inputs: [{ name: 'hN', spec: tensor([units], states), gradient: true }],
        outputs: [{ name: 'y', spec: tensor([directions * units]), seeded: true }],
      });
      const random = new Random(units);
      const [hN, dy] = [random.floats(batch * states * units), random.floats(batch * directions * units)];
      const got = await runOnce(target, { graph, batch }, { inputs: { hN }, seeds: { y: dy } });
      const width = directions * units;
      const wanted = new Float32Array(hN.length);
      for (let row = 0; row < batch; row++) {
        const last = ((row + 1) * states - directions) * units; // rows first: the last states of a row are neighbours
        t.deepEqual(got.outputs['y']?.slice(row * width, (row + 1) * width), hN.slice(last, last + width));
        wanted.set(dy.subarray(row * width, (row + 1) * width), last);
      }
      t.deepEqual(got.gradients['hN'], wanted);
    }
  });
}
