/** The GRU on every target against float64, over shapes of every kind. */
import test from 'ava';
import { relativeError, Worst } from '../support/conformance_compare.js';
import { gruParams, gruProgram, parts } from '../support/conformance_gru.js';
import { describeCase, type GruCase, gruCases, gruData } from '../support/conformance_gru_cases.js';
import { runOnce, someOf, type Target, targets } from '../support/conformance_program.js';

const forwardLimit = 2e-6;
const gradientLimit = 1e-5;

async function check(target: Target, c: GruCase, worst: Worst): Promise<void> {
  const { x, h0, lengths, parameters, dy, dhN, result, gradients } = gruData(c);
  const gives = c.onlyThose ? c.from : 'both';
  const options = { ...c, hasLengths: lengths !== undefined, gives };
  const got = await runOnce(target, gruProgram(options, parameters), {
    inputs: { x, ...(h0 && { h0 }), ...(lengths && { lengths }) },
    seeds: { ...(dy && { y: dy }), ...(dhN && { hN: dhN }) },
  });
  const where = describeCase(c);
  for (const name of ['y', 'hN'] as const) {
    const values = got.outputs[name];
    if (values !== undefined) worst.note(name, relativeError(values, result[name]), forwardLimit, where);
  }
  for (const name of ['x', 'h0'] as const) {
    const values = got.gradients[name];
    if (values !== undefined) worst.note(`d${name}`, relativeError(values, gradients[name]), gradientLimit, where);
  }
  const wanted = parts(gruParams(c), gradients.parameters);
  for (const [i, [name, values]] of parts(gruParams(c), got.parameterGradients).entries()) {
    const kind = `d${name.replace(/_l\d.*$/, '')}`;
    worst.note(kind, relativeError(values, wanted[i]?.[1] ?? new Float64Array(0)), gradientLimit, `${where} ${name}`);
  }
}

const cases = someOf(gruCases, 12);

for (const target of targets()) {
  test(`gru on ${target.name}: ${cases.length} shapes agree with float64`, async (t) => {
    const worst = new Worst();
    for (const c of cases) await check(target, c, worst);
    t.log(`worst errors:\n${worst}`);
    t.deepEqual(worst.failures, []);
  });
}
