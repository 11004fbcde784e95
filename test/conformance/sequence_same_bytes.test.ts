/** Operations over sequences, large enough to be shared out: the same bytes for any number of threads. Serial, as same_bytes is. */
import test from 'ava';
import { native } from '../../lib/native.js';
import { bits } from '../support/conformance_compare.js';
import { opGraph, runOnce, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { lengthsOf, lengthsSpec, type OpCase, runOp, specOf } from '../support/sequence_cases.js';
import { sizeOf } from '../support/sequence_reference.js';

const before = native().processInfo().threads;
test.after.always(() => native().setNumThreads(before));

const shape = { batch: 90, steps: 13, rows: 3, features: 67 };
const random = new Random(1);
const x = { spec: specOf(shape), values: random.floats(sizeOf(shape)) };
const other = { spec: specOf(shape), values: random.floats(sizeOf(shape)) };
const scores = { spec: specOf({ ...shape, features: 1 }), values: random.floats(sizeOf({ ...shape, features: 1 })) };
const lengths = { spec: lengthsSpec(shape.rows), values: lengthsOf(shape, 5) };
const elements = sizeOf({ ...shape, batch: 1 });
const table = random.floats(shape.steps * 3);

function caseOf(op: string, rest: Partial<OpCase>, out = shape): OpCase {
  return { op, batch: shape.batch, inputs: [x], output: specOf(out), dy: new Random(2).floats(sizeOf(out)), ...rest };
}

const oneStep = { ...shape, steps: 0 };
const cases: readonly OpCase[] = [
  caseOf('rearrange', { attrs: { map: new Random(3).integers(elements, -1, elements - 1) } }),
  caseOf('rearrange', {}, { ...shape, steps: 0, rows: 1, features: elements }),
  caseOf('concat', { inputs: [x, other] }, { ...shape, features: 2 * shape.features }),
  caseOf('multiply', { inputs: [x, other] }),
  caseOf('add', { inputs: [x, other], attrs: { scale: 0.3 } }),
  caseOf('activation', { attrs: { kind: 'gelu' } }),
  caseOf('reverse', { inputs: [x, lengths] }),
  ...['mean', 'max', 'first', 'last'].map((kind) =>
    caseOf('reduceSteps', { inputs: [x, lengths], attrs: { kind } }, oneStep),
  ),
  caseOf('attentionPool', { inputs: [x, scores, lengths], leftOut: 1 }, oneStep),
  caseOf('dropout', { attrs: { rate: 0.5, scope: 'row' } }),
  caseOf('appendTable', { attrs: { width: 3, table } }, { ...shape, features: shape.features + 3 }),
];

async function distinct(run: () => Promise<string>): Promise<number> {
  const results = new Set<string>();
  for (const threads of [1, 2, 7]) {
    native().setNumThreads(threads);
    results.add(await run());
  }
  return results.size;
}

for (const target of targets()) {
  for (const c of cases) {
    test.serial(`${c.op} ${Object.keys(c.attrs ?? {})} ${c.attrs?.['kind'] ?? ''} on ${target.name}`, async (t) => {
      const run = async () => {
        const { y, gradients } = await runOp(target, c);
        return [y, ...gradients].map(bits).join(' ');
      };
      t.is(await distinct(run), 1);
    });
  }

  test.serial(`addTable and squaredError on ${target.name}`, async (t) => {
    const graph = opGraph({
      op: 'addTable',
      inputs: [{ name: 'x', spec: x.spec, gradient: true }],
      outputs: [{ name: 'y', spec: x.spec, seeded: true }],
      grouped: true,
    });
    const params = [{ name: 'table', shape: [shape.steps, shape.features] }];
    const groups = [{ name: 'positions', op: 'addTable', params }];
    const parameters = random.floats(shape.steps * shape.features);
    const loss = opGraph({
      op: 'squaredError',
      inputs: [
        { name: 'x', spec: x.spec, gradient: true },
        { name: 'target', spec: x.spec },
        { name: 'lengths', spec: lengths.spec },
      ],
    });
    const { batch } = shape;
    const run = async () => {
      const feed = { inputs: { x: x.values }, seeds: { y: other.values } };
      const sum = await runOnce(target, { graph, batch, groups, parameters }, feed);
      const inputs = { x: x.values, target: other.values, lengths: lengths.values };
      const error = await runOnce(target, { graph: loss, batch }, { inputs });
      return [bits(sum.parameterGradients), bits(error.gradients['x'] ?? x.values), error.loss?.lossSum].join(' ');
    };
    t.is(await distinct(run), 1);
  });
}
