/** Every cell but the GRU, on every target, against float64, over shapes of every kind. */
import test from 'ava';
import {
  type CellCase,
  cellCases,
  cellData,
  cellProgram,
  describeCell,
  givesOf,
  otherCells,
} from '../support/cells_cases.js';
import { paramsOf } from '../support/cells_reference.js';
import { relativeError, Worst } from '../support/conformance_compare.js';
import { parts } from '../support/conformance_gru.js';
import { runOnce, someOf, type Target, targets } from '../support/conformance_program.js';

const forwardLimit = 2e-6;
const gradientLimit = 1e-5;

async function check(target: Target, c: CellCase, worst: Worst): Promise<void> {
  const { feed, parameters, result, gradients } = cellData(c);
  const options = { ...c, hasLengths: c.lengthsOf !== 'none', gives: givesOf(c) };
  const got = await runOnce(target, cellProgram(options, parameters), feed);
  const where = describeCell(c);
  for (const name of ['y', 'hN', 'cN'] as const) {
    const values = got.outputs[name];
    if (values !== undefined) worst.note(name, relativeError(values, result[name]), forwardLimit, where);
  }
  for (const name of ['x', 'h0', 'c0'] as const) {
    const values = got.gradients[name];
    if (values !== undefined) worst.note(`d${name}`, relativeError(values, gradients[name]), gradientLimit, where);
  }
  const wanted = parts(paramsOf(c), gradients.parameters);
  for (const [i, [name, values]] of parts(paramsOf(c), got.parameterGradients).entries()) {
    const kind = `d${name.replace(/_l\d.*$/, '')}`;
    worst.note(kind, relativeError(values, wanted[i]?.[1] ?? new Float64Array(0)), gradientLimit, `${where} ${name}`);
  }
}

for (const cell of otherCells) {
  const cases = someOf(cellCases(cell), 6);
  for (const target of targets()) {
    test(`${cell} on ${target.name}: ${cases.length} shapes agree with float64`, async (t) => {
      const worst = new Worst();
      for (const c of cases) await check(target, c, worst);
      t.log(`worst errors:\n${worst}`);
      t.deepEqual(worst.failures, []);
    });
  }
}
