/** Penalties and bounds of norms: each holds for its own parameter, wherever a backend lays it, and for nothing else. */
import test from 'ava';
import type { ParamRule } from '../../lib/graph_spec.js';
import { type CellName, cells } from '../../lib/layers/cells.js';
import { type NativeOptimizer, native, segments } from '../../lib/native.js';
import { cellProgram } from '../support/cells_cases.js';
import { paramsOf } from '../support/cells_reference.js';
import { bits, relativeError } from '../support/conformance_compare.js';
import { parameterCount, parts } from '../support/conformance_gru.js';
import { groupState, optimize } from '../support/conformance_optimizer.js';
import { type ProgramOptions, type Target, TestProgram, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';

const before = native().processInfo().threads;
test.after.always(() => native().setNumThreads(before));

type Shape = ReturnType<typeof shapeOf>;
const shapeOf = (cell: CellName) =>
  ({ cell, inputs: 5, units: 7, layers: 2, directions: 2, batch: 1, steps: 1 }) as const;

// Every parameter has a rule of its own; some of the biases none.
function rulesOf(shape: Shape): ParamRule[] {
  return paramsOf(shape).map(({ name }, i) => {
    if (name.startsWith('bias')) return i % 2 === 0 ? {} : { l2: 0.01 * i };
    return name.startsWith('weight_hh') ? { maxNorm: 0.5 + 0.05 * i } : { l2: 0.02 * i, maxNorm: 0.4 + 0.05 * i };
  });
}

function programOf(
  shape: Shape,
  parameters: Float32Array,
  rules: readonly ParamRule[],
  frozen = false,
): ProgramOptions {
  const program = cellProgram(shape, parameters);
  return { ...program, groups: (program.groups ?? []).map((group) => ({ ...group, rules, frozen })) };
}

/** Parameters after updates with these gradients. */
async function updated(
  target: Target,
  program: ProgramOptions,
  optimizer: NativeOptimizer,
  gradients: readonly Float32Array[],
): Promise<Float32Array> {
  const opened = await TestProgram.open(target, program);
  await native().storeConfigure(opened.store, optimizer);
  for (const values of gradients) {
    await opened.write('gradients', values);
    await opened.run({ inputs: {}, segments: segments.update, learningRates: Float32Array.of(0.1) });
  }
  const parameters = await opened.read('parameters');
  opened.close();
  return parameters;
}

// The rows of all matrices and the biases, each by the name of its parameter.
function rowsOf(shape: Shape, flat: Float32Array): { readonly name: string; readonly values: Float32Array }[] {
  const params = paramsOf(shape);
  return parts(params, flat).flatMap(([name, values], p) => {
    const rows = name.startsWith('bias') ? 1 : (params[p]?.shape[0] ?? 1);
    const length = values.length / rows;
    return Array.from({ length: rows }, (_, row) => ({
      name: `${name} row ${row}`,
      values: values.subarray(row * length, (row + 1) * length),
    }));
  });
}

const concatenate = (arrays: readonly Float64Array[]) => Float64Array.from(arrays.flatMap((array) => [...array]));

for (const target of targets()) {
  for (const cell of Object.keys(cells) as CellName[]) {
    test.serial(
      `the rules of each parameter of a stack of ${cell} on ${target.name} are those of float64`,
      async (t) => {
        const shape = shapeOf(cell);
        const params = paramsOf(shape);
        const random = new Random(31);
        const start = random.floats(parameterCount(params));
        const rules = rulesOf(shape);
        const gradients = [1, 2, 3].map(() => random.floats(start.length));
        for (const optimizer of [
          { kind: 'sgd', momentum: 0.9 },
          { kind: 'adam' },
          { kind: 'sgd', clipNorm: 1 },
        ] as const) {
          const states = parts(params, start).map(([, values], i) =>
            groupState(values, { rule: rules[i], rows: params[i]?.shape[0] ?? 1 }),
          );
          for (const [step, values] of gradients.entries()) {
            const exact = parts(params, values).map(([, part]) => Float64Array.from(part));
            optimize(optimizer, states, exact, Math.fround(0.1), step + 1);
          }
          const got = await updated(target, programOf(shape, start, rules), optimizer, gradients);
          const wanted = concatenate(states.map(({ parameters }) => parameters));
          t.true(relativeError(got, wanted, 1) < 2e-6, JSON.stringify(optimizer));
        }
      },
    );
  }

  test.serial(
    `on ${target.name} a bound shortens rows that are too long, and leaves all others as they are`,
    async (t) => {
      const shape = shapeOf('gru');
      const params = paramsOf(shape);
      const start = new Random(32).floats(parameterCount(params));
      const still = [new Float32Array(start.length)];
      const maxNorm = 1.3;
      const rules = params.map(({ name }) => (name.startsWith('weight') ? { maxNorm } : {}));
      const got = await updated(target, programOf(shape, start, rules), { kind: 'sgd' }, still);
      const initial = rowsOf(shape, start);
      let [shortened, kept] = [0, 0];
      for (const [i, { name, values }] of rowsOf(shape, got).entries()) {
        const was = initial[i]?.values ?? new Float32Array(0);
        const norm = Math.hypot(...was);
        if (name.startsWith('bias') || norm <= maxNorm) {
          t.deepEqual(values, was, name);
          kept++;
        } else {
          t.true(Math.abs(Math.hypot(...values) / maxNorm - 1) < 2e-7, name);
          const wanted = Float64Array.from(was, (w) => (w * maxNorm) / norm);
          t.true(relativeError(values, wanted) < 1e-6, 'its direction stays');
          shortened++;
        }
      }
      t.true(shortened > 10 && kept > 10, `${shortened} shortened, ${kept} kept`);
      const again = await updated(target, programOf(shape, got, rules), { kind: 'sgd' }, still);
      t.true(relativeError(again, Float64Array.from(got)) < 2e-7, 'a second time changes nothing but last bits');
    },
  );

  test.serial(`on ${target.name} an update that is left out and a frozen group change nothing`, async (t) => {
    const shape = shapeOf('leaky-cifg');
    const start = new Random(33).floats(parameterCount(paramsOf(shape)));
    const rules = rulesOf(shape);
    const still = [new Float32Array(start.length)];
    t.deepEqual(await updated(target, programOf(shape, start, rules, true), { kind: 'adam' }, still), start);
    const program = await TestProgram.open(target, programOf(shape, start, rules));
    await native().storeConfigure(program.store, { kind: 'adam' });
    const { result } = await program.run({
      inputs: { x: new Float32Array(shape.inputs) },
      seeds: { y: new Float32Array(2 * shape.units).fill(Number.NaN) },
      segments: segments.forward | segments.backward | segments.update,
      learningRates: Float32Array.of(0.1),
    });
    t.is(result.skipped, 1);
    t.deepEqual(await program.read('parameters'), start);
    program.close();
  });

  test.serial(`on ${target.name} rules give the same bytes with 1, 2 and 7 threads`, async (t) => {
    const shape = { ...shapeOf('lstm'), inputs: 130, units: 61 } as unknown as Shape;
    const random = new Random(34);
    const start = random.floats(parameterCount(paramsOf(shape)));
    const gradients = [random.floats(start.length), random.floats(start.length)];
    const results = new Set<string>();
    for (const threads of [1, 2, 7, 1]) {
      native().setNumThreads(threads);
      const program = programOf(shape, start, rulesOf(shape));
      results.add(bits(await updated(target, program, { kind: 'adam', clipNorm: 1 }, gradients)));
    }
    t.is(results.size, 1);
  });
}

test('rules that are not one for each parameter, or out of range, are refused', async (t) => {
  const shape = shapeOf('gru');
  const start = new Float32Array(parameterCount(paramsOf(shape)));
  const open = (rules: readonly ParamRule[]) =>
    TestProgram.open(targets()[0] as Target, programOf(shape, start, rules));
  await t.throwsAsync(open([{ l2: 1 }]), { code: 'ERR_GRAPH', message: /'cell' has 16 parameters, but rules for 1/ });
  for (const rule of [{ l2: -1 }, { maxNorm: Number.NaN }, { l2: Infinity }]) {
    await t.throwsAsync(open([rule]), { code: 'ERR_VALUE', message: /^(l2|maxNorm) must be from 0 to 1e\+?30, got/ });
  }
});
