/** Dense on every target: against float64, and its gradients against differences of its own outputs. */
import test from 'ava';
import { dot, relativeError, Worst } from '../support/conformance_compare.js';
import { directionalError } from '../support/conformance_differences.js';
import {
  opGraph,
  type ProgramOptions,
  type Target,
  TestProgram,
  targets,
  tensor,
} from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';
import { type Activation, activations, dense, denseGradients } from '../support/conformance_reference.js';

interface DenseCase {
  readonly inputs: number;
  readonly units: number;
  readonly batch: number;
  readonly steps: number;
  readonly activation: Activation;
  readonly useBias: boolean;
  readonly seed: number;
}

const describe = (c: DenseCase) => `I${c.inputs} U${c.units} B${c.batch} T${c.steps} ${c.activation} bias:${c.useBias}`;

function randomCase(seed: number): DenseCase {
  const random = new Random(seed);
  const size = () => random.pick(1, 2, 3, 8, 15, 16, 17, 32, 33, random.integer(1, 70));
  return {
    inputs: size(),
    units: size(),
    batch: random.pick(1, 2, 5, 48, 49, 64, 65, random.integer(1, 90)),
    steps: random.pick(0, 0, 1, 3),
    activation: activations[seed % 4] as Activation,
    useBias: seed % 8 < 4,
    seed,
  };
}

const larger: readonly DenseCase[] = [
  { inputs: 300, units: 10, batch: 130, steps: 0, activation: 'linear', useBias: true, seed: 1001 },
  { inputs: 67, units: 257, batch: 37, steps: 5, activation: 'tanh', useBias: true, seed: 1002 },
  { inputs: 5, units: 513, batch: 300, steps: 0, activation: 'sigmoid', useBias: false, seed: 1003 },
];
const cases = [...Array.from({ length: 120 }, (_, seed) => randomCase(seed)), ...larger];

function program(
  { inputs, units, batch, steps, activation, useBias }: DenseCase,
  parameters: Float32Array,
): ProgramOptions {
  const attrs = { units, activation, useBias };
  const weight = { name: 'weight', shape: [units, inputs] };
  return {
    graph: opGraph({
      op: 'dense',
      attrs,
      inputs: [{ name: 'x', spec: tensor([inputs], steps), gradient: true }],
      outputs: [{ name: 'y', spec: tensor([units], steps), seeded: true }],
      grouped: true,
    }),
    batch,
    groups: [
      { name: 'dense', op: 'dense', attrs, params: useBias ? [weight, { name: 'bias', shape: [units] }] : [weight] },
    ],
    parameters,
  };
}

function dataOf(c: DenseCase) {
  const random = new Random(c.seed);
  const rows = c.batch * Math.max(c.steps, 1);
  const weight = random.floats(c.units * c.inputs, 1 / Math.sqrt(c.inputs));
  const bias = c.useBias ? random.floats(c.units) : undefined;
  const parameters = Float32Array.of(...weight, ...(bias ?? []));
  return { x: random.floats(rows * c.inputs, 2), weight, bias, parameters, dy: random.floats(rows * c.units) };
}

async function compare(target: Target, c: DenseCase, worst: Worst): Promise<void> {
  const { x, weight, bias, parameters, dy } = dataOf(c);
  const open = await TestProgram.open(target, program(c, parameters));
  const got = await open.run({ inputs: { x }, seeds: { y: dy } });
  open.close();
  const feed = { ...c, x, weight, bias };
  const wanted = denseGradients(feed, dy);
  const split = weight.length;
  const note = (what: string, values: Float32Array | undefined, reference: Float64Array, limit: number) =>
    worst.note(what, relativeError(values ?? new Float32Array(0), reference), limit, describe(c));
  note('y', got.outputs['y'], dense(feed), 2e-6);
  note('dx', got.gradients['x'], wanted.x, 1e-5);
  note('dweight', got.parameterGradients.subarray(0, split), wanted.weight, 1e-5);
  if (bias) note('dbias', got.parameterGradients.subarray(split), wanted.bias, 1e-5);
}

// Each unit's bias keeps relu away from its kink, where differences mean nothing.
function smoothData(c: DenseCase) {
  const data = dataOf(c);
  if (c.activation !== 'relu') return data;
  const parameters = data.parameters.map((value, i) => (i < data.weight.length ? value / 4 : value < 0 ? -6 : 6));
  const x = data.x.map((value) => value / 4 / Math.sqrt(c.inputs));
  return { ...data, x, parameters };
}

async function differences(target: Target, c: DenseCase, worst: Worst): Promise<void> {
  const { x, parameters, dy } = smoothData(c);
  const open = await TestProgram.open(target, program(c, parameters));
  const run = (values: Float32Array) => open.run({ inputs: { x: values }, seeds: { y: dy } });
  const scalar = async (values: Float32Array) => dot((await run(values)).outputs['y'] ?? [], dy);
  const got = await run(x);
  const gradient = got.gradients['x'] ?? new Float32Array(0);
  worst.note('x', await directionalError({ at: x, gradient, scalar, seed: c.seed }), 2e-4, describe(c));
  const moved = async (values: Float32Array) => {
    await open.write('parameters', values);
    return scalar(x);
  };
  const check = { at: parameters, gradient: got.parameterGradients, scalar: moved, seed: c.seed };
  worst.note('parameters', await directionalError(check), 2e-4, describe(c));
  open.close();
}

for (const target of targets()) {
  test(`dense on ${target.name}: ${cases.length} shapes with each activation agree with float64`, async (t) => {
    const worst = new Worst();
    for (const c of cases) await compare(target, c, worst);
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });

  test(`dense on ${target.name}: differences agree with its gradients`, async (t) => {
    const worst = new Worst();
    for (const c of cases.slice(0, 40).filter((some) => some.useBias || some.activation !== 'relu')) {
      await differences(target, c, worst);
    }
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });
}
