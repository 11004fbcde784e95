/** Cross entropy with mixed labels on every target: it is that of the blended distributions, and counts the larger share. */
import test from 'ava';
import { relativeError } from '../support/conformance_compare.js';
import { directionalError } from '../support/conformance_differences.js';
import { crossEntropyProgram } from '../support/conformance_losses.js';
import { runOnce, TestProgram, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { crossEntropy } from '../support/conformance_reference.js';

const cases = [2, 10, 37].flatMap((classes) =>
  [true, false].flatMap((soft) =>
    [0, 0.1].flatMap((smoothing) =>
      [
        { batch: 8, rows: 8 },
        { batch: 9, rows: 6 },
      ].map((rows) => ({ classes, soft, smoothing, ...rows })),
    ),
  ),
);
type Case = (typeof cases)[number];

function dataOf({ classes, soft, rows }: Case) {
  const random = new Random(classes + rows);
  const indices = random.integers(rows, 0, rows + 2);
  const classOf = random.integers(rows + 3, 0, classes - 1);
  const labels = soft ? Float32Array.from({ length: (rows + 3) * classes }, () => random.next() / classes) : classOf;
  const lambda = Float32Array.from({ length: rows }, (_, i) => (i === 0 ? 0.5 : random.next()));
  const partners = Int32Array.from({ length: rows }, (_, i) => (i + 1) % rows);
  return { indices, labels, lambda, partners, logits: random.floats(rows * classes, 5) };
}
type Data = ReturnType<typeof dataOf>;

function distribution({ classes, soft }: Case, { indices, labels }: Data, row: number): number[] {
  const at = indices[row] as number;
  if (soft) return [...labels.subarray(at * classes, (at + 1) * classes)];
  return Array.from({ length: classes }, (_, c) => Number(labels[at] === c));
}

function blended(c: Case, data: Data): Float64Array {
  const rows = Array.from({ length: c.rows }, (_, row) => {
    const share = data.lambda[row] as number;
    const other = distribution(c, data, data.partners[row] as number);
    return distribution(c, data, row).map((value, i) => share * value + (1 - share) * (other[i] as number));
  });
  return Float64Array.from(rows.flat());
}

const largest = (values: readonly number[]) => values.indexOf(Math.max(...values));

// The truth of a row is that of its larger share.
function correctOf(c: Case, data: Data): number {
  const hits = Array.from({ length: c.rows }, (_, row) => {
    const from = (data.lambda[row] as number) >= 0.5 ? row : (data.partners[row] as number);
    const answer = largest([...data.logits.subarray(row * c.classes, (row + 1) * c.classes)]);
    return Number(largest(distribution(c, data, from)) === answer);
  });
  return hits.reduce((a, b) => a + b);
}

for (const target of targets()) {
  test(`mixed labels on ${target.name}: ${cases.length} cases agree with float64 and with differences`, async (t) => {
    for (const c of cases) {
      const data = dataOf(c);
      const { indices, labels, lambda, partners, logits } = data;
      const program = await TestProgram.open(target, crossEntropyProgram({ ...c, mixes: true }));
      const run = (values: Float32Array) =>
        program.run({ inputs: { logits: values, labels, lambda, partners }, indices, rows: c.rows });
      const got = await run(logits);
      const { classes, smoothing, rows } = c;
      const wanted = crossEntropy({ logits, classes, smoothing, validRows: rows, labels: blended(c, data) });
      const where = JSON.stringify(c);
      t.true(Math.abs((got.loss?.lossSum ?? Number.NaN) - wanted.lossSum) < 1e-6 * (1 + wanted.lossSum), where);
      const gradient = got.gradients['logits'] ?? logits;
      t.true(relativeError(gradient, wanted.gradient, 1 / rows) < 1e-6, where);
      t.is(got.loss?.correct, correctOf(c, data), where);
      const scalar = async (values: Float32Array) => ((await run(values)).loss?.lossSum ?? Number.NaN) / rows;
      if (classes < 30) t.true((await directionalError({ at: logits, gradient, scalar, seed: 5 })) < 1e-4, where);
      program.close();
    }
  });

  test(`mixed labels on ${target.name}: a share of 1 is the loss without mixing, byte for byte`, async (t) => {
    for (const soft of [true, false]) {
      const c = { classes: 10, soft, smoothing: 0.1, batch: 8, rows: 8 };
      const { indices, labels, partners, logits } = dataOf(c);
      const feed = { indices, rows: 8 };
      const plain = await runOnce(target, crossEntropyProgram(c), { ...feed, inputs: { logits, labels } });
      const lambda = new Float32Array(8).fill(1);
      const inputs = { logits, labels, lambda, partners };
      const mixed = await runOnce(target, crossEntropyProgram({ ...c, mixes: true }), { ...feed, inputs });
      t.deepEqual(mixed.gradients['logits'], plain.gradients['logits']);
      t.is(mixed.loss?.lossSum, plain.loss?.lossSum);
    }
  });

  test(`mixed labels on ${target.name}: partners are rows of the batch, and come with their shares`, async (t) => {
    const c = { classes: 3, soft: false, smoothing: 0, batch: 4, rows: 2 };
    const { indices, labels, lambda, logits } = dataOf(c);
    const options = crossEntropyProgram({ ...c, mixes: true });
    for (const partners of [Int32Array.of(0, 4), Int32Array.of(-1, 0)]) {
      const feed = { inputs: { logits, labels, lambda, partners }, indices, rows: 2 };
      await t.throwsAsync(runOnce(target, options, feed), { code: 'ERR_RANGE' });
    }
    // A row of padding has no label: the row's own stands for it.
    const run = async (partners: Int32Array) =>
      (await runOnce(target, options, { inputs: { logits, labels, lambda, partners }, indices, rows: 2 })).loss
        ?.lossSum;
    t.is(await run(Int32Array.of(3, 2)), await run(Int32Array.of(0, 1)));
    const nodes = options.graph.nodes.map((node) => ({ ...node, inputs: node.inputs.slice(0, 4) }));
    await t.throwsAsync(TestProgram.open(target, { ...options, graph: { ...options.graph, nodes } }), {
      code: 'ERR_GRAPH',
    });
  });
}
