/** Augmentation on every target: exact where whole pixels move, near float64 elsewhere, and drawn by seed, epoch and sample alone. */
import test from 'ava';
import {
  type AugmentOptions,
  augmented,
  augmentProgram,
  beta,
  mixed,
  type SampleKey,
  type Step,
  sourceOf,
} from '../support/augment_reference.js';
import { bits, relativeError, Worst } from '../support/conformance_compare.js';
import { runOnce, type Target, TestProgram, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';

const shape = { height: 7, width: 9, channels: 1 };
const step = (kind: Step['kind'], ...values: number[]): Step => ({ kind, values });

function slabOf({ height, width, channels, dtype = 'u8' }: AugmentOptions, rows: number): Uint8Array | Float32Array {
  const random = new Random(height * width);
  const length = rows * height * width * channels;
  return dtype === 'u8'
    ? Uint8Array.from(random.integers(length, 0, 255))
    : Float32Array.from({ length }, () => random.next());
}

// A row as the operation reads it, in [0, 1].
function rowOf(options: AugmentOptions, slab: Uint8Array | Float32Array, row: number): Float64Array {
  const size = options.height * options.width * options.channels;
  const values = Float64Array.from(slab.subarray(row * size, (row + 1) * size));
  return slab instanceof Uint8Array ? values.map((byte) => Math.fround(byte * Math.fround(1 / 255))) : values;
}

interface Draw {
  readonly seed?: number;
  readonly epoch?: number;
  readonly indices: Int32Array;
  readonly samples?: Int32Array;
}

async function run(target: Target, options: AugmentOptions, draw: Draw) {
  const { seed = 5, epoch = 2, indices, samples } = draw;
  const inputs = { slab: slabOf(options, 12), ...(samples && { samples }) };
  const { outputs } = await runOnce(target, augmentProgram(options), {
    inputs,
    seed,
    epoch,
    indices,
    rows: indices.length,
  });
  const { image = new Float32Array(0), lambda = new Float32Array(0), partners = new Float32Array(0) } = outputs;
  return { image, lambda, partners: new Int32Array(partners.buffer, partners.byteOffset, partners.length) };
}

// Image, partner and share of each row, in float64.
function wanted(options: AugmentOptions, { seed = 5, epoch = 2, indices, samples }: Draw) {
  const slab = slabOf(options, 12);
  const keys = [...indices].map((index, i): SampleKey => ({ seed, epoch, sample: samples?.[i] ?? index }));
  const images = keys.map((key, i) => augmented(options, key, rowOf(options, slab, indices[i] as number)));
  const mixes = options.steps.some(({ kind }) => kind === 'mixup' || kind === 'cutmix');
  return keys.map((key, i) => {
    const first = i - (i % options.batch);
    const valid = Math.min(options.batch, indices.length - first);
    const partner = mixes ? (i - first + 1) % valid : i - first;
    const { image, lambda } = mixed(options, key, images[i] as Float64Array, images[first + partner] as Float64Array);
    return { image, lambda, partner };
  });
}

const indices = Int32Array.of(3, 0, 11, 5, 3, 7, 1);
const whole: readonly (readonly Step[])[] = [
  [],
  [step('shift', 2, 3)],
  [step('flip', 0.5, 0)],
  [step('flip', 0.5, 0.5), step('shift', 0, 4), step('flip', 0, 1), step('shift', 30, 1)],
];
const turned: readonly (readonly Step[])[] = [
  [step('rotate', 30)],
  [step('scale', 0.5, 2)],
  [step('shift', 1, 1), step('rotate', 180), step('flip', 0.5, 0.5), step('scale', 0.8, 1.3), step('rotate', 10)],
];
const valued: readonly (readonly Step[])[] = [
  [step('erase', 0.7, 0.02, 0.4, 0.3, 3.3, 0.25)],
  [step('erase', 1, 0.9, 1, 0.001, 1000, 1)],
  [step('brightness', 0, 2)],
  [step('contrast', 0, 3)],
  [step('rotate', 20), step('contrast', 0.5, 2), step('erase', 1, 0.1, 0.2, 1, 1, 0), step('brightness', 0.5, 1.5)],
];
const mixing: readonly (readonly Step[])[] = [
  [step('mixup', 0.4)],
  [step('cutmix', 1)],
  [step('shift', 1, 1), step('cutmix', 2), step('brightness', 0.5, 1), step('mixup', 1)],
];

for (const target of targets()) {
  test(`augment on ${target.name}: whole pixels are copied exactly`, async (t) => {
    for (const steps of whole) {
      for (const more of [{}, { channels: 3 }, { dtype: 'f32' as const, fill: 0.5 }, { height: 1, width: 1 }]) {
        const options = { ...shape, steps, batch: 4, ...more };
        const got = await run(target, options, { indices });
        const exact = wanted(options, { indices }).flatMap(({ image }) => [...image]);
        t.deepEqual(got.image, Float32Array.from(exact), JSON.stringify(options));
      }
    }
  });

  test(`augment on ${target.name}: turned, zoomed, erased and mixed images agree with float64`, async (t) => {
    const worst = new Worst();
    for (const steps of [...turned, ...valued, ...mixing]) {
      for (const more of [{}, { height: 32, width: 5, channels: 3, fill: 1 }, { dtype: 'f32' as const }]) {
        const options = { ...shape, steps, batch: 4, ...more };
        const got = await run(target, options, { indices });
        const rows = wanted(options, { indices });
        const image = Float64Array.from(rows.flatMap((row) => [...row.image]));
        const lambda = Float64Array.from(rows, (row) => row.lambda);
        const where = JSON.stringify(options);
        worst.note('image', relativeError(got.image, image, 1), 2e-5, where);
        worst.note('lambda', relativeError(got.lambda, lambda, 1), 1e-7, where);
        t.deepEqual(
          [...got.partners],
          rows.map(({ partner }) => partner),
          where,
        );
      }
    }
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });

  test(`augment on ${target.name}: a sample's draws come of seed, epoch and sample, wherever it is in a batch`, async (t) => {
    const steps = [
      step('shift', 2, 2),
      step('rotate', 20),
      step('erase', 0.5, 0.1, 0.3, 0.5, 2, 0),
      step('contrast', 0.5, 1.5),
    ];
    const options = { ...shape, steps };
    const at = async (batch: number, draw: Draw) => bits((await run(target, { ...options, batch }, draw)).image);
    const usual = await at(7, { indices });
    for (const batch of [1, 3, 7]) t.is(await at(batch, { indices }), usual);
    t.not(await at(7, { indices, epoch: 3 }), usual);
    t.not(await at(7, { indices, seed: 6 }), usual);
    const { image } = await run(target, { ...options, batch: 7 }, { indices });
    t.deepEqual(image.subarray(4 * 63, 5 * 63), image.subarray(0, 63), 'rows 0 and 4 are the same sample');
    const numbered = { ...options, batch: 7, numbered: true };
    t.is(bits((await run(target, numbered, { indices, samples: indices })).image), usual);
    t.not(bits((await run(target, numbered, { indices, samples: indices.map((i) => i + 1) })).image), usual);
  });

  test(`augment on ${target.name}: a step at the end of the list changes no draw of those before it`, async (t) => {
    const steps = [step('shift', 2, 2), step('rotate', 20)];
    const options = { ...shape, batch: 7, steps };
    const more = { ...options, steps: [...steps, step('erase', 0, 0.1, 0.3, 0.5, 2, 0), step('flip', 0, 0)] };
    t.deepEqual((await run(target, more, { indices })).image, (await run(target, options, { indices })).image);
  });

  test(`augment on ${target.name}: padding rows are 0, and take no part in the mixing`, async (t) => {
    const options = { ...shape, steps: [step('mixup', 1)], batch: 8 };
    const two = await run(target, options, { indices: Int32Array.of(4, 9) });
    t.deepEqual([...two.partners], [1, 0]);
    const one = await run(target, options, { indices: Int32Array.of(4) });
    t.deepEqual([...one.partners], [0], 'a row alone is its own partner');
    const plain = rowOf(options, slabOf(options, 12), 4);
    t.true(relativeError(one.image, plain, 1) < 1e-6);
  });

  test(`augment on ${target.name}: what it cannot do is refused when it is compiled`, async (t) => {
    const refuses = async (steps: readonly Step[], code: string, more: Partial<AugmentOptions> = {}) => {
      const options = augmentProgram({ ...shape, steps, batch: 2, ...more });
      await t.throwsAsync(TestProgram.open(target, options), { code }, JSON.stringify({ steps, more }));
    };
    await refuses([step('shift', -1, 0)], 'ERR_VALUE');
    await refuses([step('shift', Number.NaN, 0)], 'ERR_VALUE');
    await refuses([step('flip', 1.5, 0)], 'ERR_VALUE');
    await refuses([step('scale', 0, 1)], 'ERR_VALUE');
    await refuses([step('scale', 2, 1)], 'ERR_VALUE');
    await refuses([step('brightness', 0, Number.POSITIVE_INFINITY)], 'ERR_VALUE');
    await refuses([step('mixup', 0)], 'ERR_VALUE');
    await refuses(
      Array.from({ length: 17 }, () => step('flip', 0.5, 0)),
      'ERR_VALUE',
    );
    await refuses([], 'ERR_VALUE', { fill: 2 });
    await refuses([], 'ERR_VALUE', { height: 0 });
    const { graph, batch } = augmentProgram({ ...shape, steps: [step('flip', 1, 0)], batch: 2 });
    const nodes = graph.nodes.map((node) => ({ ...node, attrs: { ...node.attrs, values: new Float32Array(5) } }));
    await t.throwsAsync(TestProgram.open(target, { graph: { ...graph, nodes }, batch, mode: 'predict' }), {
      code: 'ERR_SHAPE',
    });
  });
}

// What the reference draws; the tests above tie the operation to it.
const keys = Array.from({ length: 4000 }, (_, sample): SampleKey => ({ seed: 3, epoch: 1, sample }));

test('shifts are even over whole pixels, flips even over both ways, rotations and zooms even over their range', (t) => {
  const [height, width] = [11, 11];
  const options = { height, width, channels: 1, batch: 1 };
  const counts = new Map<number, number>();
  for (const key of keys) {
    const [x] = sourceOf({ ...options, steps: [step('shift', 0, 2)] }, key, [5, 5]);
    counts.set(x - 5, (counts.get(x - 5) ?? 0) + 1);
  }
  t.deepEqual(
    [...counts.keys()].sort((a, b) => a - b),
    [-2, -1, 0, 1, 2],
  );
  for (const count of counts.values()) t.true(Math.abs(count - 800) < 5 * Math.sqrt(4000 * 0.2 * 0.8));
  const flipped = keys.filter((key) => sourceOf({ ...options, steps: [step('flip', 0.5, 0)] }, key, [0, 0])[0] === 10);
  t.true(Math.abs(flipped.length - 2000) < 5 * Math.sqrt(1000));
  const angles = keys.map((key) => {
    const [x, y] = sourceOf({ ...options, steps: [step('rotate', 40)] }, key, [6, 5]);
    return (Math.atan2(y - 5, x - 5) * 180) / Math.PI;
  });
  t.true(
    Math.max(...angles) <= 40 && Math.max(...angles) > 39 && Math.min(...angles) >= -40 && Math.min(...angles) < -39,
  );
  t.true(Math.abs(angles.reduce((a, b) => a + b) / 4000) < (5 * (80 / Math.sqrt(12))) / Math.sqrt(4000));
});

for (const target of targets()) {
  test(`mixup on ${target.name}: the shares have the mean and variance of Beta(alpha, alpha)`, async (t) => {
    const rows = Int32Array.from({ length: 4000 }, () => 0);
    const samples = Int32Array.from(rows.keys());
    for (const alpha of [0.1, 0.4, 1, 3]) {
      const options = { height: 1, width: 1, channels: 1, steps: [step('mixup', alpha)], batch: 4000, numbered: true };
      const { lambda } = await run(target, options, { indices: rows, samples });
      const mean = lambda.reduce((a, b) => a + b, 0) / 4000;
      const variance = lambda.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / 4000;
      const wantedVariance = 1 / (4 * (2 * alpha + 1));
      t.true(Math.abs(mean - 0.5) < 5 * Math.sqrt(wantedVariance / 4000), `mean ${mean} at ${alpha}`);
      t.true(
        Math.abs(variance / wantedVariance - 1) < 0.08,
        `variance ${variance}, not ${wantedVariance}, at ${alpha}`,
      );
      t.true(lambda.every((value) => value >= 0 && value <= 1));
    }
  });
}

test('Beta(1, 1) is even, and Beta(1/2, 1/2) is the arcsine law: shares of both sides of a quarter', (t) => {
  const grid = Array.from(
    { length: 250_000 },
    (_, i) => [(Math.floor(i / 500) + 0.5) / 500, ((i % 500) + 0.5) / 500] as const,
  );
  const below = (alpha: number) => grid.filter(([u, v]) => beta(alpha, u, v) < 0.25).length / grid.length;
  t.true(Math.abs(below(1) - 0.25) < 2e-3);
  t.true(Math.abs(below(0.5) - (2 / Math.PI) * Math.asin(Math.sqrt(0.25))) < 2e-3);
});
