/** Pooling on every target: against float64, ties, NaN, refusals. */
import test from 'ava';
import { relativeError, Worst } from '../support/conformance_compare.js';
import { runOnce, someOf, TestProgram, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { poolProgram, randomWindow } from '../support/vision_programs.js';
import { outputSize, pool2d, type WindowCase } from '../support/vision_reference.js';

const cases = Array.from({ length: 80 }, (_, seed) => {
  const random = new Random(seed);
  return { ...randomWindow(random, false), batch: random.pick(1, 2, 5), steps: random.pick(0, 0, 3), seed };
});
const square: WindowCase = {
  height: 4,
  width: 4,
  channels: 1,
  size: [2, 2],
  strides: [2, 2],
  dilation: [1, 1],
  pads: [0, 0, 0, 0],
};
const once = { batch: 1, steps: 0 };

for (const target of targets()) {
  for (const kind of ['max', 'avg'] as const) {
    const some = someOf(cases, 4);
    test(`${kind}Pool2d on ${target.name}: ${some.length} shapes agree with float64`, async (t) => {
      const worst = new Worst();
      for (const c of some) {
        const random = new Random(c.seed);
        const images = c.batch * Math.max(c.steps, 1);
        const [outHeight, outWidth] = outputSize(c);
        const x = random.floats(images * c.height * c.width * c.channels, 2);
        const dy = random.floats(images * outHeight * outWidth * c.channels);
        const got = await runOnce(target, poolProgram(kind, c, c), { inputs: { x }, seeds: { y: dy } });
        const wanted = pool2d(kind, c, x, dy);
        const where = JSON.stringify(c);
        const empty = new Float32Array(0);
        worst.note('y', relativeError(got.outputs['y'] ?? empty, wanted.y), kind === 'max' ? 0 : 1e-6, where);
        worst.note('dx', relativeError(got.gradients['x'] ?? empty, wanted.dx), 1e-6, where);
      }
      t.log(`worst errors:\n${worst}`);
      t.deepEqual(worst.failures, []);
    });

    test(`${kind}Pool2d on ${target.name}: padding as large as the pool is refused`, async (t) => {
      const open = TestProgram.open(target, poolProgram(kind, { ...square, pads: [0, 2, 0, 0] }, once));
      await t.throwsAsync(open, { code: 'ERR_VALUE', message: /padding must be below the pool's size of 2 x 2/ });
    });
  }

  test(`maxPool2d on ${target.name}: the first of equal pixels in reading order has the gradient`, async (t) => {
    const x = Float32Array.of(1, 1, 0, 2, 1, 1, 2, 0, -3, -3, -0, 0, -2, -2, 0, -0);
    const dy = Float32Array.of(1, 2, 3, 4);
    const { outputs, gradients } = await runOnce(target, poolProgram('max', square, once), {
      inputs: { x },
      seeds: { y: dy },
    });
    t.deepEqual(outputs['y']?.map(Math.abs), Float32Array.of(1, 2, 2, 0));
    t.deepEqual(gradients['x'], Float32Array.of(1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 4, 0, 3, 0, 0, 0));
  });

  test(`maxPool2d on ${target.name}: a NaN shows, infinities are numbers`, async (t) => {
    const x = Float32Array.of(
      Number.NaN,
      1,
      1,
      Number.NaN,
      5,
      1,
      3,
      1,
      Infinity,
      0,
      -Infinity,
      -Infinity,
      0,
      0,
      -Infinity,
      -Infinity,
    );
    const { outputs } = await runOnce(
      target,
      { ...poolProgram('max', square, once), mode: 'predict' },
      { inputs: { x } },
    );
    t.deepEqual(outputs['y'], Float32Array.of(Number.NaN, Number.NaN, Infinity, -Infinity));
  });
}
