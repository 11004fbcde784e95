/** The optimisers on every target against float64, over steps with other gradients and rates. */
import test from 'ava';
import type { GroupSpec } from '../../lib/graph_spec.js';
import { type NativeOptimizer, native, segments } from '../../lib/native.js';
import { relativeError, Worst } from '../support/conformance_compare.js';
import { type GroupState, gradientNorm, groupState, optimize } from '../support/conformance_optimizer.js';
import { opGraph, type Target, TestProgram, targets, tensor } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';

const optimizers: readonly NativeOptimizer[] = [
  { kind: 'sgd' },
  { kind: 'sgd', weightDecay: 0.1 },
  { kind: 'sgd', momentum: 0.9 },
  { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.01 },
  { kind: 'sgd', momentum: 0.5, clipNorm: 0.3 },
  { kind: 'sgd', clipNorm: 1e9 },
  { kind: 'adam' },
  { kind: 'adam', beta1: 0.5, beta2: 0.9, epsilon: 1e-3, weightDecay: 0.1 },
  { kind: 'adam', beta1: 0, clipNorm: 2 },
  { kind: 'adamw', weightDecay: 0.1 },
  { kind: 'adamw', weightDecay: 0.05, beta2: 0.99, clipNorm: 0.5 },
];

// Odd sizes, one larger than a task's block, and a buffer in between, which no optimiser may touch.
function group(name: string, units: number, inputs: number, options: Partial<GroupSpec> = {}): GroupSpec {
  const params = [{ name: 'weight', shape: [units, inputs] }];
  return { name, op: 'dense', attrs: { units, useBias: false }, params, ...options };
}
const plain: readonly GroupSpec[] = [group('a', 3, 5), group('b', 1, 1), group('c', 97, 201)];
const factors: readonly GroupSpec[] = [
  group('slow', 3, 5, { rateFactor: 0.1 }),
  { name: 'buffer', op: 'gather', params: [{ name: 'mean', shape: [7] }], buffer: true },
  group('frozen', 9, 1001, { frozen: true }),
  group('undecayed', 17, 33, { decayFactor: 0 }),
  group('both', 11, 13, { rateFactor: 3, decayFactor: 0.5 }),
];
const ruled: readonly GroupSpec[] = [
  group('decaying', 3, 5, { rules: [{ l2: 2 ** -4 }] }),
  group('free', 2, 3, { rules: [{}] }),
  group('bounded', 37, 101, { rules: [{ maxNorm: 5.5 }], rateFactor: 2 }),
  group('frozen', 9, 101, { rules: [{ l2: 1, maxNorm: 0.5 }], frozen: true }),
  group('wide', 3, 3001, { rules: [{ l2: 2 ** -10, maxNorm: 30 }], decayFactor: 0.5 }),
  group('both', 33, 1, { rules: [{ l2: 0.25, maxNorm: 0.2 }] }),
];

const sizeOf = ({ params }: GroupSpec) => params.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

function cut(groups: readonly GroupSpec[], flat: Float32Array): Float32Array[] {
  let first = 0;
  return groups.map((spec) => {
    first += sizeOf(spec);
    return flat.subarray(first - sizeOf(spec), first);
  });
}
const join = (arrays: readonly Float64Array[]) => Float64Array.from(arrays.flatMap((array) => [...array]));

// The graph only serves to run an update.
async function open(target: Target, groups: readonly GroupSpec[], parameters: Float32Array): Promise<TestProgram> {
  const graph = opGraph({
    op: 'dense',
    attrs: { units: groups[0]?.params[0]?.shape[0] ?? 0, useBias: false },
    inputs: [{ name: 'x', spec: tensor([5]) }],
    outputs: [{ name: 'y', spec: tensor([3]), seeded: true }],
    grouped: true,
  });
  return TestProgram.open(target, { graph, batch: 1, groups, parameters });
}

function update(program: TestProgram, learningRate: number) {
  return program.run({ inputs: {}, segments: segments.update, learningRates: Float32Array.of(learningRate) });
}

interface Setting {
  readonly target: Target;
  readonly options: NativeOptimizer;
  readonly groups: readonly GroupSpec[];
  readonly worst: Worst;
}

const steps = 6;

async function follow({ target, options, groups, worst }: Setting): Promise<void> {
  const random = new Random(groups.length);
  const start = random.floats(groups.reduce((sum, spec) => sum + sizeOf(spec), 0));
  const optimized = groups.filter((spec) => spec.buffer !== true);
  const states: GroupState[] = cut(groups, start).flatMap((values, i) => {
    const spec = groups[i];
    if (spec === undefined || spec.buffer === true) return [];
    return [groupState(values, { ...spec, rule: spec.rules?.[0], rows: spec.params[0]?.shape[0] ?? 1 })];
  });
  const program = await open(target, groups, start);
  await native().storeConfigure(program.store, options);
  const where = `${JSON.stringify(options)} on ${groups.map(({ name }) => name)}`;
  for (let step = 1; step <= steps; step++) {
    const gradients = random.floats(
      optimized.reduce((sum, spec) => sum + sizeOf(spec), 0),
      0.1 * step,
    );
    const rate = Math.fround(0.1 / step);
    await program.write('gradients', gradients);
    const { result } = await update(program, rate);
    const exact = cut(optimized, gradients).map((values) => Float64Array.from(values));
    optimize(options, states, exact, rate, step);
    if (options.clipNorm !== undefined) {
      const norm = gradientNorm(states, exact);
      worst.note('norm', Math.abs(result.gradientNorm - norm) / norm, 1e-7, where);
    }
    worst.note('steps', Math.abs(result.step - step), 0, where);
    worst.note(
      'gradients left',
      relativeError(await program.read('gradients'), new Float64Array(gradients.length), 1),
      0,
      where,
    );
  }
  const parameters = cut(groups, await program.read('parameters')).filter((_, i) => groups[i]?.buffer !== true);
  for (const [i, state] of states.entries()) {
    const got = parameters[i] ?? new Float32Array(0);
    worst.note(
      'parameters',
      relativeError(got, state.parameters, 1),
      state.frozen ? 0 : 1e-6,
      `${where} ${optimized[i]?.name}`,
    );
  }
  const { kind, momentum = 0 } = options;
  if (kind !== 'sgd' || momentum > 0) {
    worst.note('slot0', relativeError(await program.read('slot0'), join(states.map((s) => s.slot0))), 1e-6, where);
  }
  if (kind !== 'sgd') {
    worst.note('slot1', relativeError(await program.read('slot1'), join(states.map((s) => s.slot1))), 2e-6, where);
  }
  const buffers = cut(groups, await program.read('parameters')).map((values, i) =>
    groups[i]?.buffer ? [...values] : [],
  );
  const before = cut(groups, start).map((values, i) => (groups[i]?.buffer ? [...values] : []));
  worst.note('buffers', Number(buffers.join() !== before.join()), 0, where);
  program.close();
}

for (const target of targets()) {
  for (const [name, groups] of Object.entries({ plain, factors, ruled })) {
    test(`${optimizers.length} optimisers on ${target.name}, groups with ${name} settings: ${steps} steps agree with float64`, async (t) => {
      const worst = new Worst();
      for (const options of optimizers) await follow({ target, options, groups, worst });
      t.log(`worst errors:\n${worst}`);
      t.deepEqual(worst.failures, []);
    });
  }

  test(`settings of a group on ${target.name} can change between steps`, async (t) => {
    const start = new Random(5).floats(sizeOf(group('a', 3, 5)));
    const program = await open(target, [group('a', 3, 5)], start);
    const options: NativeOptimizer = { kind: 'adamw', weightDecay: 0.2 };
    await native().storeConfigure(program.store, options);
    let states = [groupState(start, {})];
    const settings = [{}, { frozen: true }, { rateFactor: 0.25 }, { decayFactor: 4 }] as const;
    for (const [i, setting] of settings.entries()) {
      await native().storeSetGroup(program.store, 0, { frozen: false, rateFactor: 1, decayFactor: 1, ...setting });
      const gradients = new Random(i).floats(start.length);
      await program.write('gradients', gradients);
      await update(program, 0.05);
      states = states.map(({ parameters, slot0, slot1 }) => ({ parameters, slot0, slot1, ...setting }));
      optimize(options, states, [Float64Array.from(gradients)], Math.fround(0.05), i + 1);
    }
    t.true(relativeError(await program.read('parameters'), states[0]?.parameters ?? new Float64Array(0)) < 1e-6);
    program.close();
  });

  test(`Adam on ${target.name} goes on from a restored step and slots`, async (t) => {
    const random = new Random(6);
    const groups = [group('a', 3, 5)];
    const start = random.floats(15);
    const gradients = [random.floats(15), random.floats(15)] as const;
    const whole = await open(target, groups, start);
    const rest = await open(target, groups, start);
    for (const program of [whole, rest]) await native().storeConfigure(program.store, { kind: 'adam' });
    await whole.write('gradients', gradients[0]);
    await update(whole, 0.1);
    for (const content of ['parameters', 'slot0', 'slot1'] as const)
      await rest.write(content, await whole.read(content));
    await native().storeSetStep(rest.store, 1);
    for (const program of [whole, rest]) {
      await program.write('gradients', gradients[1]);
      await update(program, 0.1);
    }
    t.deepEqual(await rest.read('parameters'), await whole.read('parameters'));
    for (const program of [whole, rest]) program.close();
  });
}
