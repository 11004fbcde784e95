/** The GRU kernels' gradients against differences of the kernels' own outputs, without any reference. */
import test from 'ava';
import { dot, Worst } from '../support/conformance_compare.js';
import { directionalError } from '../support/conformance_differences.js';
import { gruParams, gruProgram, parts } from '../support/conformance_gru.js';
import { describeCase, type GruCase, gruCases, gruData } from '../support/conformance_gru_cases.js';
import { type Target, TestProgram, targets } from '../support/conformance_program.js';

// Steps of 1/128 on all inputs of a unit at once: outputs rounded to 6e-8 and the fifth derivative both show.
const limit = 4e-4;
// Of two or three units the gradients can be so small that the outputs' rounding covers them.
const shapes = gruCases.filter((c) => !c.onlyThose && c.units > 3 && c.batch * c.steps * c.units < 4000).slice(0, 40);

async function check(target: Target, c: GruCase, worst: Worst): Promise<void> {
  const { x, h0, lengths, parameters, dy, dhN } = gruData(c);
  const program = await TestProgram.open(target, gruProgram({ ...c, hasLengths: lengths !== undefined }, parameters));
  const inputs = { x, ...(h0 && { h0 }), ...(lengths && { lengths }) };
  const seeds = { ...(dy && { y: dy }), ...(dhN && { hN: dhN }) };
  const run = (changed: { x?: Float32Array; h0?: Float32Array } = {}) =>
    program.run({ inputs: { ...inputs, ...changed }, seeds });
  const scalarOf = ({ outputs }: Awaited<ReturnType<typeof run>>) =>
    (dy ? dot(outputs['y'] ?? [], dy) : 0) + (dhN ? dot(outputs['hN'] ?? [], dhN) : 0);
  const note = async (
    what: string,
    at: Float32Array,
    gradient: Float32Array | undefined,
    scalar: (v: Float32Array) => Promise<number>,
  ) => {
    const error = await directionalError({
      at,
      gradient: gradient ?? new Float32Array(0),
      scalar,
      seed: gruCases.indexOf(c),
    });
    worst.note(what, error, limit, describeCase(c));
  };
  const got = await run();
  await note('x', x, got.gradients['x'], async (values) => scalarOf(await run({ x: values })));
  if (h0) await note('h0', h0, got.gradients['h0'], async (values) => scalarOf(await run({ h0: values })));
  let first = 0;
  for (const [name, gradient] of parts(gruParams(c), got.parameterGradients)) {
    const [from, to] = [first, first + gradient.length];
    await note(name.replace(/_l\d.*$/, ''), parameters.subarray(from, to), gradient, async (values) => {
      const changed = parameters.slice();
      changed.set(values, from);
      await program.write('parameters', changed);
      return scalarOf(await run());
    });
    first = to;
  }
  program.close();
}

for (const target of targets()) {
  test(`gru on ${target.name}: differences of ${shapes.length} shapes agree with its gradients`, async (t) => {
    const worst = new Worst();
    for (const c of shapes) await check(target, c, worst);
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });
}
