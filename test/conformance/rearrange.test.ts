/** Rearrange, concat, multiply and scaled add on every target, exactly as float64 has them. */
import test from 'ava';
import { Worst } from '../support/conformance_compare.js';
import { someOf, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { compareOp, differences, type OpCase, runOp, shapes, specOf } from '../support/sequence_cases.js';
import { concat, describe, rearrange, type Shape, sizeOf } from '../support/sequence_reference.js';

const rowElements = (shape: Shape) => sizeOf({ ...shape, batch: 1 });

interface RearrangeCase {
  readonly what: string;
  readonly from: Shape;
  readonly to: Omit<Shape, 'batch'>;
  readonly map?: Int32Array;
}

const range = (length: number, entry: (e: number) => number) => Int32Array.from({ length }, (_, e) => entry(e));

// Steps become rows and the other way round.
function transposed(from: Shape): RearrangeCase {
  const { rows, features } = from;
  const steps = Math.max(from.steps, 1);
  const map = range(rowElements(from), (e) => {
    const [r, t, f] = [Math.floor(e / (steps * features)), Math.floor(e / features) % steps, e % features];
    return (t * rows + r) * features + f;
  });
  return { what: 'steps and rows change places', from, to: { steps: rows, rows: steps, features }, map };
}

function casesOf(from: Shape, seed: number): RearrangeCase[] {
  const [elements, random] = [rowElements(from), new Random(seed)];
  const { rows, features } = from;
  const steps = Math.max(from.steps, 1);
  const odd = 2 * elements + 3;
  return [
    { what: 'flatten', from, to: { steps: 0, rows: 1, features: elements } },
    { what: 'a sequence of single features', from, to: { steps: elements, rows: 1, features: 1 } },
    { what: 'steps become features of rows', from, to: { steps: 0, rows, features: steps * features } },
    transposed(from),
    {
      what: 'repeat',
      from,
      to: { steps: 3 * steps, rows, features },
      map: range(3 * elements, (e) => e % elements),
    },
    { what: 'backwards', from, to: from, map: range(elements, (e) => elements - 1 - e) },
    {
      what: 'a slice with zeros around it',
      from,
      to: { steps: 0, rows: 1, features: elements + 2 },
      map: range(elements + 2, (e) => (e > elements ? -1 : e - 1)),
    },
    { what: 'one element', from, to: { steps: 1, rows: 1, features: 1 }, map: Int32Array.of(elements - 1) },
    {
      what: 'anything',
      from,
      to: { steps: 0, rows: 1, features: odd },
      map: random.integers(odd, -1, elements - 1),
    },
  ];
}

const from: readonly Shape[] = [
  ...shapes,
  { batch: 3, steps: 0, rows: 1, features: 10 },
  { batch: 2, steps: 0, rows: 3, features: 6 },
];
const cases = from.flatMap(casesOf);

function rearrangeCase({ from: shape, to, map }: RearrangeCase): OpCase {
  const random = new Random(sizeOf(shape));
  const out = { ...to, batch: shape.batch };
  return {
    op: 'rearrange',
    ...(map === undefined ? {} : { attrs: { map } }),
    batch: shape.batch,
    inputs: [{ spec: specOf(shape), values: random.floats(sizeOf(shape)) }],
    output: specOf(to),
    dy: random.floats(sizeOf(out)),
  };
}

const valuesOf = (c: OpCase, i = 0) => c.inputs[i]?.values as Float32Array;

for (const target of targets()) {
  test(`rearrange on ${target.name}: ${cases.length} maps`, async (t) => {
    const worst = new Worst();
    for (const c of someOf(cases, 2)) {
      const opCase = rearrangeCase(c);
      const map = c.map ?? range(rowElements(c.from), (e) => e);
      const wanted = rearrange(valuesOf(opCase), opCase.dy, map, rowElements(c.from));
      // An element that is read several times gets a sum in float32; everything else is a copy.
      await compareOp(target, opCase, wanted, worst, { limit: 5e-7, where: `${c.what} ${describe(c.from)}` });
    }
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });

  test(`rearrange on ${target.name}: padding rows stay apart`, async (t) => {
    const shape = { batch: 4, steps: 3, rows: 2, features: 5 };
    const whole = rearrangeCase(transposed(shape));
    const part = { batch: 3, rows: 3 };
    const rows = 3 * rowElements(shape);
    const [values, dy] = [valuesOf(whole).slice(0, rows), whole.dy.slice(0, rows)];
    const feed = { ...whole, inputs: [{ spec: specOf(shape), values }], dy };
    t.deepEqual(await runOp(target, { ...feed, rows: part.rows }), await runOp(target, { ...feed, batch: part.batch }));
  });

  test(`concat on ${target.name}: two to eight parts side by side, each gets its own part of the gradient`, async (t) => {
    const worst = new Worst();
    for (const [i, shape] of shapes.entries()) {
      const random = new Random(i);
      const widths = Array.from({ length: 2 + i }, () => random.integer(1, 40));
      const parts = widths.map((features) => {
        const values = random.floats(sizeOf({ ...shape, features }));
        return { spec: specOf({ ...shape, features }), values };
      });
      const features = widths.reduce((a, b) => a + b, 0);
      const dy = random.floats(sizeOf({ ...shape, features }));
      const output = specOf({ ...shape, features });
      const opCase = { op: 'concat', batch: shape.batch, inputs: parts, output, dy };
      const wanted = concat(
        parts.map(({ values }) => values),
        widths,
        dy,
      );
      await compareOp(target, opCase, wanted, worst, { limit: 0, where: describe(shape) });
    }
    t.deepEqual(worst.failures, []);
  });

  test(`concat on ${target.name} joins the last axis of feature maps`, async (t) => {
    const spec = (channels: number) => ({ dtype: 'f32', steps: 0, dims: [2, 3, channels], rows: 1 }) as const;
    const random = new Random(1);
    const [a, b, dy] = [random.floats(2 * 6), random.floats(2 * 6 * 4), random.floats(2 * 6 * 5)];
    const inputs = [
      { spec: spec(1), values: a },
      { spec: spec(4), values: b },
    ];
    const { y, gradients } = await runOp(target, { op: 'concat', batch: 2, inputs, output: spec(5), dy });
    const wanted = concat([a, b], [1, 4], dy);
    t.deepEqual(Float64Array.from(y), wanted.y);
    t.deepEqual(
      gradients.map((values) => Float64Array.from(values)),
      wanted.gradients,
    );
  });

  test(`multiply on ${target.name}: the product, and the other factor times the gradient`, async (t) => {
    for (const shape of shapes) {
      const random = new Random(shape.features);
      const [a, b, dy] = [0, 1, 2].map(() => random.floats(sizeOf(shape), 4)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const inputs = [a, b].map((values) => ({ spec: specOf(shape), values }));
      const opCase = { op: 'multiply', batch: shape.batch, inputs, output: specOf(shape), dy };
      const { y, gradients } = await runOp(target, opCase);
      t.deepEqual(
        y,
        a.map((value, i) => value * (b[i] as number)),
      );
      t.deepEqual(gradients, [dy.map((d, i) => d * (b[i] as number)), dy.map((d, i) => d * (a[i] as number))]);
      t.true((await differences(target, opCase)) < 1e-4, describe(shape));
    }
  });

  test(`add on ${target.name} takes a scale: an average is a sum times 1 / n`, async (t) => {
    for (const [i, shape] of shapes.entries()) {
      const [random, terms] = [new Random(i), 2 + (i % 7)];
      const scale = Math.fround(1 / terms);
      const inputs = Array.from({ length: terms }, () => ({
        spec: specOf(shape),
        values: random.floats(sizeOf(shape)),
      }));
      const dy = random.floats(sizeOf(shape));
      const got = await runOp(target, {
        op: 'add',
        attrs: { scale },
        batch: shape.batch,
        inputs,
        output: specOf(shape),
        dy,
      });
      const sums = dy.map((_, e) => inputs.reduce((sum, { values }) => Math.fround(sum + (values[e] as number)), 0));
      t.deepEqual(
        got.y,
        sums.map((sum) => sum * scale),
      );
      for (const gradient of got.gradients)
        t.deepEqual(
          gradient,
          dy.map((d) => d * scale),
        );
    }
  });
}
