/** Layer and batch normalisation on every target: against float64, differences, padding, running statistics, threads. */
import test from 'ava';
import { native, segments } from '../../lib/native.js';
import { bits, dot, relativeError, Worst } from '../support/conformance_compare.js';
import { directionalError } from '../support/conformance_differences.js';
import { type Outcome, runOnce, someOf, type Target, TestProgram, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { type NormCase, normProgram } from '../support/vision_programs.js';
import { batchNorm, batchNormBy, layerNorm, movedStatistics, type NormFeed } from '../support/vision_reference.js';

type Case = NormCase & { readonly seed: number; readonly shift: number };

function randomCase(op: NormCase['op'], seed: number): Case {
  const random = new Random(seed);
  return {
    op,
    dims: [...random.pick<readonly number[]>([], [], [3], [5, 4]), random.pick(1, 2, 3, 15, 16, 17, 33, 70)],
    steps: random.pick(0, 0, 1, 3),
    rows: random.pick(1, 1, 2),
    batch: random.pick(2, 3, 9, 40),
    epsilon: random.pick(1e-5, 1e-3),
    momentum: random.pick(0.1, 0.01, 1),
    shift: random.pick(0, 0, 5, -50),
    seed,
  };
}

const elementsOf = ({ dims, steps, rows = 1, batch }: NormCase) =>
  dims.reduce((product, dim) => product * dim, batch * rows * Math.max(steps, 1));

function dataOf(c: Case) {
  const random = new Random(c.seed + 1e6);
  const width = c.dims.at(-1) ?? 0;
  const [weight, bias] = [random.floats(width, 2), random.floats(width)];
  const running = Float32Array.of(...random.floats(width), ...random.floats(width).map((value) => value + 1.5));
  const x = random.floats(elementsOf(c), 2).map((value) => value + c.shift);
  const dy = random.floats(elementsOf(c));
  const feed: NormFeed = { width, epsilon: c.epsilon, x, weight, bias, dy };
  const keeps = c.op === 'batchNorm';
  return { feed, running, parameters: Float32Array.of(...weight, ...bias, ...(keeps ? running : [])) };
}

const empty = new Float32Array(0);

async function compare(target: Target, c: Case, worst: Worst): Promise<void> {
  const { feed, running, parameters } = dataOf(c);
  const open = await TestProgram.open(target, normProgram(c, parameters));
  const got = await open.run({ inputs: { x: feed.x as Float32Array }, seeds: { y: feed.dy as Float32Array } });
  const state = await open.read('parameters');
  open.close();
  const wanted = c.op === 'layerNorm' ? layerNorm(feed) : batchNorm(feed);
  const { width } = feed;
  const limit = 2e-6 + 2e-7 * wanted.condition;
  const where = JSON.stringify(c);
  // A single feature is its own mean: then everything but the bias vanishes, and nothing is left to compare errors with.
  const scale = (values: Float64Array) => Math.max(1e-2, ...values.map(Math.abs));
  const note = (what: string, values: Float32Array, reference: Float64Array) =>
    worst.note(what, relativeError(values, reference, scale(reference)), limit, where);
  note('y', got.outputs['y'] ?? empty, wanted.y);
  worst.note('dx', relativeError(got.gradients['x'] ?? empty, wanted.dx, wanted.terms), 2 * limit, where);
  note('dweight', got.parameterGradients.subarray(0, width), wanted.weight);
  note('dbias', got.parameterGradients.subarray(width), wanted.bias);
  if (c.op === 'batchNorm') {
    note('running', state.subarray(2 * width), movedStatistics(feed, running, c.momentum ?? 0.1));
  }
}

async function differences(target: Target, c: Case, worst: Worst): Promise<void> {
  const { feed, parameters } = dataOf(c);
  const open = await TestProgram.open(target, normProgram(c, parameters));
  const seeds = { y: feed.dy as Float32Array };
  const scalar = async (x: Float32Array) => dot((await open.run({ inputs: { x }, seeds })).outputs['y'] ?? [], feed.dy);
  const x = feed.x as Float32Array;
  const got = await open.run({ inputs: { x }, seeds });
  const gradient = got.gradients['x'] ?? empty;
  const check = { at: x, gradient, scalar, seed: c.seed, step: 1 / 64 };
  worst.note('x', await directionalError(check), 2e-3, JSON.stringify(c));
  open.close();
}

const everything = ({ outputs, gradients, parameterGradients }: Outcome, state: Float32Array) =>
  [...Object.values(outputs), ...Object.values(gradients), parameterGradients, state].map(bits).join(' ');

const before = native().processInfo().threads;
test.after.always(() => native().setNumThreads(before));

const images: Case = {
  op: 'batchNorm',
  dims: [4, 3, 5],
  steps: 2,
  rows: 2,
  batch: 6,
  epsilon: 1e-5,
  momentum: 0.1,
  shift: 1,
  seed: 77,
};

for (const target of targets()) {
  for (const op of ['layerNorm', 'batchNorm'] as const) {
    const cases = someOf(
      Array.from({ length: 60 }, (_, seed) => randomCase(op, seed)),
      4,
    );
    test.serial(`${op} on ${target.name}: ${cases.length} shapes agree with float64`, async (t) => {
      const worst = new Worst();
      for (const c of cases) await compare(target, c, worst);
      t.log(`worst errors:\n${worst}`);
      t.deepEqual(worst.failures, []);
    });

    test.serial(`${op} on ${target.name}: differences agree with its gradient`, async (t) => {
      const worst = new Worst();
      for (let seed = 100; seed < 110; seed++) {
        await differences(target, { ...randomCase(op, seed), batch: 9, dims: [6], shift: 0 }, worst);
      }
      t.log(`worst errors:\n${worst}`);
      t.deepEqual(worst.failures, []);
    });

    test.serial(`${op} on ${target.name}: the same bytes for any number of threads`, async (t) => {
      const c = { ...randomCase(op, 5), dims: [20, 33], batch: 100, steps: 3, rows: 1 };
      const { feed, parameters } = dataOf(c);
      const results = new Set<string>();
      for (const threads of [1, 2, 7, 2]) {
        native().setNumThreads(threads);
        const open = await TestProgram.open(target, normProgram(c, parameters));
        const got = await open.run({ inputs: { x: feed.x as Float32Array }, seeds: { y: feed.dy as Float32Array } });
        results.add(everything(got, await open.read('parameters')));
        open.close();
      }
      t.is(results.size, 1);
    });
  }

  test.serial(`batchNorm on ${target.name}: padding rows have no part in statistics and gradients`, async (t) => {
    const { feed, running, parameters } = dataOf(images);
    const open = await TestProgram.open(target, normProgram({ ...images, batch: 9 }, parameters));
    const noise = new Random(1).floats(elementsOf({ ...images, batch: 9 }), 1e6);
    await open.run({ inputs: { x: noise }, segments: segments.forward }); // leaves something where padding will be
    await open.write('parameters', parameters);
    const got = await open.run({
      inputs: { x: feed.x as Float32Array },
      seeds: { y: feed.dy as Float32Array },
      rows: images.batch,
    });
    const state = (await open.read('parameters')).subarray(2 * feed.width);
    open.close();
    const wanted = batchNorm(feed);
    t.true(relativeError(got.outputs['y'] ?? empty, wanted.y) < 1e-5);
    t.true(relativeError(got.gradients['x'] ?? empty, wanted.dx) < 1e-5);
    t.true(relativeError(got.parameterGradients.subarray(0, feed.width), wanted.weight) < 1e-5);
    t.true(relativeError(state, movedStatistics(feed, running, 0.1)) < 1e-6);
  });

  test.serial(`batchNorm on ${target.name}: other modes take the running statistics, and leave them`, async (t) => {
    const { feed, running, parameters } = dataOf(images);
    const open = await TestProgram.open(target, normProgram({ ...images, mode: 'predict' }, parameters));
    const got = await open.run({ inputs: { x: feed.x as Float32Array } });
    t.true(relativeError(got.outputs['y'] ?? empty, batchNormBy(feed, running).y) < 1e-6);
    t.deepEqual(await open.read('parameters'), parameters);
    open.close();
  });

  test.serial(`batchNorm on ${target.name}: what is not finite stays out of the running statistics`, async (t) => {
    const { feed, running, parameters } = dataOf(images);
    const open = await TestProgram.open(target, normProgram(images, parameters));
    for (const poison of [Number.NaN, Infinity, 3e38]) {
      const x = Float32Array.from(feed.x);
      for (const [i] of x.entries()) if (i % feed.width === 1) x[i] = poison * (i % 2 === 0 ? 1 : -1);
      await open.write('parameters', parameters);
      await open.run({ inputs: { x }, segments: segments.forward });
      const state = (await open.read('parameters')).subarray(2 * feed.width);
      const [mean, variance] = [state.subarray(0, feed.width), state.subarray(feed.width)];
      t.true(state.every(Number.isFinite), `${poison}`);
      t.is(mean[1], running[1]);
      t.is(variance[1], running[feed.width + 1]);
      t.not(mean[0], running[0]);
    }
    open.close();
  });

  test.serial(`batchNorm on ${target.name}: a single position has variance zero`, async (t) => {
    const c = { ...images, dims: [3], steps: 0, rows: 1, batch: 1, seed: 5 };
    const { feed, parameters } = dataOf(c);
    const { outputs } = await runOnce(target, normProgram(c, parameters), { inputs: { x: feed.x as Float32Array } });
    t.deepEqual(outputs['y'], feed.bias);
  });
}
