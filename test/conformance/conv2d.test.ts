/** Convolution on every target: against float64, its gradients against differences of its own outputs, refusals, threads. */
import test from 'ava';
import { native, segments } from '../../lib/native.js';
import { bits, dot, relativeError, Worst } from '../support/conformance_compare.js';
import { directionalError } from '../support/conformance_differences.js';
import { type Outcome, runOnce, someOf, type Target, TestProgram, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { activations } from '../support/conformance_reference.js';
import { convProgram, type Placement, randomWindow } from '../support/vision_programs.js';
import { type ConvCase, conv2d, conv2dGradients, outputSize } from '../support/vision_reference.js';

type Case = ConvCase & Placement & { readonly seed: number };

const describe = ({ seed, ...c }: Case) => `${seed}: ${JSON.stringify(c)}`;

function randomCase(seed: number): Case {
  const random = new Random(seed);
  return {
    ...randomWindow(random, true),
    filters: random.pick(1, 2, 5, 15, 16, 17, 32, 33, 40),
    activation: activations[seed % 4] ?? 'linear',
    useBias: seed % 8 < 4,
    batch: random.pick(1, 2, 3),
    steps: random.pick(0, 0, 2),
    seed,
  };
}

const plain = { strides: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], activation: 'linear', useBias: true } as const;
const larger: readonly Case[] = [
  { ...plain, height: 28, width: 28, channels: 1, filters: 32, size: [3, 3], batch: 9, steps: 0, seed: 1001 },
  {
    ...plain,
    height: 14,
    width: 14,
    channels: 32,
    filters: 64,
    size: [3, 3],
    pads: [1, 1, 1, 1],
    batch: 5,
    steps: 0,
    seed: 1002,
  },
  {
    ...plain,
    height: 40,
    width: 50,
    channels: 24,
    filters: 7,
    size: [5, 2],
    strides: [2, 3],
    pads: [2, 2, 0, 1],
    batch: 2,
    steps: 0,
    seed: 1003,
  },
  { ...plain, height: 9, width: 9, channels: 40, filters: 300, size: [1, 1], batch: 2, steps: 0, seed: 1004 },
];
const cases = [...Array.from({ length: 120 }, (_, seed) => randomCase(seed)), ...larger];

function dataOf(c: Case) {
  const random = new Random(c.seed);
  const images = c.batch * Math.max(c.steps, 1);
  const [outHeight, outWidth] = outputSize(c);
  const depth = c.channels * c.size[0] * c.size[1];
  const weight = random.floats(c.filters * depth, 1 / Math.sqrt(depth));
  const bias = c.useBias ? random.floats(c.filters) : undefined;
  return {
    x: random.floats(images * c.height * c.width * c.channels, 2),
    weight,
    bias,
    parameters: Float32Array.of(...weight, ...(bias ?? [])),
    dy: random.floats(images * outHeight * outWidth * c.filters),
  };
}

async function compare(target: Target, c: Case, worst: Worst): Promise<void> {
  const { x, weight, bias, parameters, dy } = dataOf(c);
  const got = await runOnce(target, convProgram(c, c, parameters), { inputs: { x }, seeds: { y: dy } });
  const wanted = conv2dGradients(c, { x, weight, bias }, dy);
  const note = (what: string, values: Float32Array | undefined, reference: Float64Array, limit: number) =>
    worst.note(what, relativeError(values ?? new Float32Array(0), reference), limit, describe(c));
  note('y', got.outputs['y'], conv2d(c, { x, weight, bias }), 2e-6);
  note('dx', got.gradients['x'], wanted.x, 1e-5);
  note('dweight', got.parameterGradients.subarray(0, weight.length), wanted.weight, 1e-5);
  if (bias) note('dbias', got.parameterGradients.subarray(weight.length), wanted.bias, 1e-5);
}

async function differences(target: Target, c: Case, worst: Worst): Promise<void> {
  const { x, parameters, dy } = dataOf(c);
  const open = await TestProgram.open(target, convProgram(c, c, parameters));
  const run = (values: Float32Array) => open.run({ inputs: { x: values }, seeds: { y: dy } });
  const scalar = async (values: Float32Array) => dot((await run(values)).outputs['y'] ?? [], dy);
  const got = await run(x);
  const gradient = got.gradients['x'] ?? new Float32Array(0);
  worst.note('x', await directionalError({ at: x, gradient, scalar, seed: c.seed }), 5e-4, describe(c));
  const moved = async (values: Float32Array) => {
    await open.write('parameters', values);
    return scalar(x);
  };
  const check = { at: parameters, gradient: got.parameterGradients, scalar: moved, seed: c.seed };
  worst.note('parameters', await directionalError(check), 5e-4, describe(c));
  open.close();
}

const everything = ({ outputs, gradients, parameterGradients }: Outcome) =>
  [...Object.values(outputs), ...Object.values(gradients), parameterGradients].map(bits).join(' ');

const before = native().processInfo().threads;
test.after.always(() => native().setNumThreads(before));

for (const target of targets()) {
  const some = someOf(cases, 4);
  test.serial(`conv2d on ${target.name}: ${some.length} shapes with each activation agree with float64`, async (t) => {
    const worst = new Worst();
    for (const c of some) await compare(target, c, worst);
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });

  test.serial(`conv2d on ${target.name}: differences agree with its gradients`, async (t) => {
    const worst = new Worst();
    const smooth = cases.slice(0, 60).filter(({ activation }) => activation !== 'relu');
    for (const c of someOf(smooth, 6)) await differences(target, c, worst);
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });

  test.serial(`conv2d on ${target.name}: the same bytes for any number of threads`, async (t) => {
    for (const c of larger) {
      const { x, parameters, dy } = dataOf(c);
      const results = new Set<string>();
      for (const threads of [1, 2, 7, 2]) {
        native().setNumThreads(threads);
        results.add(
          everything(await runOnce(target, convProgram(c, c, parameters), { inputs: { x }, seeds: { y: dy } })),
        );
      }
      t.is(results.size, 1, describe(c));
    }
  });

  test.serial(`conv2d on ${target.name}: gradients add up over passes, and weights come back as written`, async (t) => {
    const c = randomCase(3);
    const { x, parameters, dy } = dataOf(c);
    const open = await TestProgram.open(target, convProgram(c, c, parameters));
    t.deepEqual(await open.read('parameters'), parameters);
    const pass = segments.forward | segments.backward;
    const feed = { inputs: { x }, seeds: { y: dy }, segments: pass };
    const once = (await open.run(feed)).parameterGradients;
    const twice = (await open.run(feed)).parameterGradients;
    t.true(
      relativeError(
        twice,
        Float64Array.from(once, (value) => 2 * value),
      ) < 1e-6,
    );
    open.close();
  });

  test.serial(`conv2d on ${target.name}: a window larger than the image is refused with both shapes`, async (t) => {
    const c = { ...randomCase(0), height: 4, width: 5, channels: 1, size: [5, 3], dilation: [1, 1] } as const;
    const open = () => TestProgram.open(target, convProgram({ ...c, pads: [0, 0, 0, 0] }, c));
    const message = /a window of 5 x 3 pixels is larger than the image of 4 x 5 .*\[batch.*4, 5, 1\] f32/;
    await t.throwsAsync(open(), { code: 'ERR_SHAPE', message });
  });
}
