/** Cross entropy and squared error on every target: loss, counts and gradient against float64, and differences. */
import test from 'ava';
import { relativeError, Worst } from '../support/conformance_compare.js';
import { directionalError } from '../support/conformance_differences.js';
import { crossEntropyProgram, squaredErrorProgram } from '../support/conformance_losses.js';
import { runOnce, TestProgram, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { crossEntropy, squaredError } from '../support/conformance_reference.js';

const crossEntropyCases = [1, 2, 10, 17, 301].flatMap((classes) =>
  [true, false].flatMap((soft) =>
    [0, 0.1].flatMap((smoothing) =>
      [
        { batch: 1, rows: 1 },
        { batch: 8, rows: 5 },
        { batch: 130, rows: 130 },
      ].map((rows) => ({ classes, soft, smoothing, ...rows })),
    ),
  ),
);
type CrossEntropyCase = (typeof crossEntropyCases)[number];

// The cells that are not zero: of many classes there are very many.
function counted(confusion: Float64Array | undefined): Record<number, number> {
  const cells: Record<number, number> = {};
  confusion?.forEach((count, cell) => {
    if (count !== 0) cells[cell] = count;
  });
  return cells;
}

// Distributions that do not quite sum to one, too.
function distributions(random: Random, rows: number, classes: number): Float32Array {
  const values = random.floats(rows * classes).map(Math.abs);
  return values.map((value, i) => {
    const row = Math.floor(i / classes);
    const sum = values.subarray(row * classes, (row + 1) * classes).reduce((a, b) => a + b, 0);
    return value / (sum * (row % 3 === 2 ? 1.25 : 1));
  });
}

function crossEntropyData({ classes, soft, rows }: CrossEntropyCase) {
  const random = new Random(classes + rows);
  const slabRows = rows + 3;
  const labels = soft ? distributions(random, slabRows, classes) : random.integers(slabRows, 0, classes - 1);
  const indices = random.integers(rows, 0, slabRows - 1);
  const width = soft ? classes : 1;
  const picked = [...indices].flatMap((index) => [...labels.subarray(index * width, (index + 1) * width)]);
  const chosen = soft ? Float32Array.from(picked) : Int32Array.from(picked);
  return { labels, indices, chosen, logits: random.floats(rows * classes, 5) };
}

for (const target of targets()) {
  test(`softmaxCrossEntropy on ${target.name}: ${crossEntropyCases.length} cases agree with float64`, async (t) => {
    const worst = new Worst();
    for (const c of crossEntropyCases) {
      const { labels, indices, chosen, logits } = crossEntropyData(c);
      const got = await runOnce(target, crossEntropyProgram(c), { inputs: { logits, labels }, indices, rows: c.rows });
      const wanted = crossEntropy({
        logits,
        classes: c.classes,
        labels: chosen,
        smoothing: c.smoothing,
        validRows: c.rows,
      });
      const where = JSON.stringify(c);
      worst.note(
        'loss',
        Math.abs((got.loss?.lossSum ?? Number.NaN) - wanted.lossSum) / (c.rows + wanted.lossSum),
        1e-6,
        where,
      );
      worst.note(
        'gradient',
        relativeError(got.gradients['logits'] ?? logits, wanted.gradient, 1 / c.rows),
        1e-6,
        where,
      );
      t.is(got.loss?.rows, c.rows, where);
      t.is(got.loss?.classes, c.classes, where);
      t.is(got.loss?.correct, wanted.correct, where);
      t.deepEqual(counted(got.loss?.confusion), counted(wanted.confusion), where);
    }
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });

  test(`softmaxCrossEntropy on ${target.name}: differences agree with its gradient`, async (t) => {
    for (const c of crossEntropyCases.filter(({ classes, batch }) => classes > 1 && classes < 20 && batch === 8)) {
      const { labels, indices, logits } = crossEntropyData(c);
      const program = await TestProgram.open(target, crossEntropyProgram(c));
      const run = (values: Float32Array) => program.run({ inputs: { logits: values, labels }, indices, rows: c.rows });
      const scalar = async (values: Float32Array) => ((await run(values)).loss?.lossSum ?? Number.NaN) / c.rows;
      const gradient = (await run(logits)).gradients['logits'] ?? logits;
      t.true((await directionalError({ at: logits, gradient, scalar, seed: 5 })) < 1e-4, JSON.stringify(c));
      program.close();
    }
  });

  test(`softmaxCrossEntropy on ${target.name} sums loss and counts over the batches of a run`, async (t) => {
    const c = { classes: 10, soft: false, smoothing: 0.1, batch: 8, rows: 29 };
    const { labels, indices, chosen, logits } = crossEntropyData(c);
    const wanted = crossEntropy({ logits, classes: 10, labels: chosen, smoothing: 0.1, validRows: 29 });
    for (const mode of ['train', 'evaluate'] as const) {
      const got = await runOnce(target, crossEntropyProgram({ ...c, mode }), {
        inputs: { logits, labels },
        indices,
        rows: 29,
      });
      t.is(got.result.batches, 4);
      t.is(got.loss?.rows, 29);
      t.is(got.loss?.correct, wanted.correct);
      t.deepEqual(got.loss?.confusion, wanted.confusion);
      t.true(Math.abs((got.loss?.lossSum ?? 0) - wanted.lossSum) < 1e-6 * wanted.lossSum);
    }
  });

  test(`the gradient of a loss on ${target.name} takes the run's factor`, async (t) => {
    const c = { classes: 4, soft: false, smoothing: 0, batch: 3, rows: 3 };
    const { labels, indices, logits } = crossEntropyData(c);
    const feed = { inputs: { logits, labels }, indices };
    const once = await runOnce(target, crossEntropyProgram(c), feed);
    const scaled = await runOnce(target, crossEntropyProgram(c), { ...feed, gradientScale: -8 });
    t.deepEqual(
      scaled.gradients['logits'],
      once.gradients['logits']?.map((value) => -8 * value),
    );
    t.is(scaled.loss?.lossSum, once.loss?.lossSum);
  });

  test(`meanSquaredError on ${target.name} agrees with float64 and with differences`, async (t) => {
    for (const [batch, rows, steps, features] of [
      [1, 1, 0, 1],
      [5, 3, 0, 7],
      [4, 4, 3, 5],
      [9, 6, 2, 33],
      [300, 300, 0, 31],
    ] as const) {
      const elements = Math.max(steps, 1) * features;
      const random = new Random(elements);
      const [prediction, targets] = [random.floats(rows * elements, 3), random.floats((rows + 2) * elements, 3)];
      const indices = random.integers(rows, 0, rows + 1);
      const picked = Float32Array.from(
        [...indices].flatMap((i) => [...targets.subarray(i * elements, (i + 1) * elements)]),
      );
      const program = await TestProgram.open(target, squaredErrorProgram(batch, steps, features));
      const run = (values: Float32Array) => program.run({ inputs: { prediction: values, targets }, indices, rows });
      const got = await run(prediction);
      const wanted = squaredError({ prediction, targets: picked, elements, validRows: rows });
      const gradient = got.gradients['prediction'] ?? prediction;
      t.true(Math.abs((got.loss?.lossSum ?? Number.NaN) - wanted.lossSum) <= 1e-12 * wanted.lossSum);
      t.is(got.loss?.rows, rows);
      t.is(got.loss?.classes, 0);
      t.true(relativeError(gradient, wanted.gradient) < 1e-6);
      const scalar = async (values: Float32Array) => ((await run(values)).loss?.lossSum ?? Number.NaN) / rows;
      t.true((await directionalError({ at: prediction, gradient, scalar, seed: 7 })) < 1e-4);
      program.close();
    }
  });
}
