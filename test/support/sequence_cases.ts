/** One operation against its float64 reference: outputs, gradients, and differences of its own outputs. */
import type { AttributeValue, TensorSpec } from '../../lib/graph_spec.js';
import type { NumericArray } from '../../lib/native.js';
import { dot, relativeError, type Worst } from './conformance_compare.js';
import { directionalError } from './conformance_differences.js';
import {
  type OpGraph,
  opGraph,
  type ProgramOptions,
  runOnce,
  type Target,
  TestProgram,
} from './conformance_program.js';
import { Random } from './conformance_random.js';
import type { Shape, Wanted } from './sequence_reference.js';

export function specOf({ steps, rows, features }: Omit<Shape, 'batch'>): TensorSpec {
  return { dtype: 'f32', steps, dims: [features], rows };
}

export const lengthsSpec = (rows: number): TensorSpec => ({ dtype: 'i32', steps: 0, dims: [], rows });

/** Odd sizes, rows, one step, more than one task. */
export const shapes: readonly Shape[] = [
  { batch: 1, steps: 1, rows: 1, features: 1 },
  { batch: 3, steps: 5, rows: 1, features: 7 },
  { batch: 2, steps: 3, rows: 4, features: 5 },
  { batch: 5, steps: 9, rows: 3, features: 1 },
  { batch: 33, steps: 4, rows: 1, features: 17 },
  { batch: 4, steps: 2, rows: 7, features: 64 },
  { batch: 70, steps: 12, rows: 2, features: 33 },
];

/** Seeded lengths from 1 to all steps; the first row has one step, the last has all. */
export function lengthsOf({ batch, steps, rows }: Shape, seed: number): Int32Array {
  const lengths = new Random(seed).integers(batch * rows, 1, steps);
  lengths[0] = 1;
  lengths[lengths.length - 1] = steps;
  return lengths;
}

export interface OpCase {
  readonly op: string;
  readonly attrs?: Readonly<Record<string, AttributeValue>>;
  readonly batch: number;
  /** f32 inputs with what they hold; a null leaves a place out. Their gradients are read. */
  readonly inputs: readonly ({ readonly spec: TensorSpec; readonly values: NumericArray } | null)[];
  readonly output: TensorSpec;
  readonly dy: Float32Array;
  /** Outputs behind the first that are left out. */
  readonly leftOut?: number;
  /** Of all batch rows; fewer make the last ones padding. */
  readonly rows?: number;
}

function program({ op, attrs, batch, inputs, output, leftOut = 0 }: OpCase): ProgramOptions {
  const graph: OpGraph = {
    op,
    inputs: inputs.map((input, i) =>
      input === null ? null : { name: `x${i}`, spec: input.spec, gradient: input.spec.dtype === 'f32' },
    ),
    outputs: [{ name: 'y', spec: output, seeded: true }, ...Array.from({ length: leftOut }, () => null)],
    ...(attrs === undefined ? {} : { attrs }),
  };
  return { graph: opGraph(graph), batch };
}

const feedOf = ({ inputs, dy, rows }: OpCase) => ({
  inputs: Object.fromEntries(inputs.flatMap((input, i) => (input === null ? [] : [[`x${i}`, input.values]]))),
  seeds: { y: dy },
  ...(rows === undefined ? {} : { rows }),
});

const empty = new Float32Array(0);

/** What the operation gives, with the gradients of its f32 inputs in their order. */
export async function runOp(target: Target, c: OpCase): Promise<{ y: Float32Array; gradients: Float32Array[] }> {
  const got = await runOnce(target, program(c), feedOf(c));
  return {
    y: got.outputs['y'] ?? empty,
    gradients: c.inputs.flatMap((input, i) => (input?.spec.dtype === 'f32' ? [got.gradients[`x${i}`] ?? empty] : [])),
  };
}

/** Notes how far the operation is from its reference. */
export async function compareOp(
  target: Target,
  c: OpCase,
  wanted: Wanted,
  worst: Worst,
  { limit, where }: { readonly limit: number; readonly where: string },
): Promise<void> {
  const { y, gradients } = await runOp(target, c);
  worst.note(`${c.op} y`, relativeError(y, wanted.y), limit, where);
  for (const [i, gradient] of gradients.entries()) {
    worst.note(`${c.op} dx${i}`, relativeError(gradient, wanted.gradients[i] ?? new Float64Array(0)), limit, where);
  }
}

/** How far central differences of the outputs are from the gradient of each f32 input, the worst of them. */
export async function differences(target: Target, c: OpCase, step?: number): Promise<number> {
  const opened = await TestProgram.open(target, program(c));
  let worst = 0;
  try {
    for (const [i, input] of c.inputs.entries()) {
      if (!(input?.values instanceof Float32Array) || input.spec.dtype !== 'f32') continue;
      const feed = feedOf(c);
      const run = (values: Float32Array) => opened.run({ ...feed, inputs: { ...feed.inputs, [`x${i}`]: values } });
      const error = await directionalError({
        at: input.values,
        gradient: (await run(input.values)).gradients[`x${i}`] ?? empty,
        scalar: async (values) => dot((await run(values)).outputs['y'] ?? empty, c.dy),
        seed: i + 3,
        ...(step === undefined ? {} : { step }),
      });
      worst = Math.max(worst, error);
    }
  } finally {
    opened.close();
  }
  return worst;
}
