/** What a cell leaves out when nobody asks for it changes nothing else, byte for byte; and threads change nothing at all. */
import test from 'ava';
import { native, segments } from '../../lib/native.js';
import {
  type CellCase,
  type CellProgram,
  cellCases,
  cellData,
  cellProgram,
  describeCell,
  otherCells,
} from '../support/cells_cases.js';
import { bits, relativeError } from '../support/conformance_compare.js';
import {
  type Outcome,
  rnnVariant,
  runOnce,
  type Target,
  TestProgram,
  targets,
} from '../support/conformance_program.js';

const before = native().processInfo().threads;
test.after.always(() => native().setNumThreads(before));

// Some random shapes, and the larger ones.
const shapesOf = (cell: CellCase['cell']) => cellCases(cell, 8);

function run(target: Target, c: CellCase, options: Partial<CellProgram> = {}): Promise<Outcome> {
  const { feed, parameters } = cellData(c);
  const program = cellProgram({ ...c, hasLengths: c.lengthsOf !== 'none', ...options }, parameters);
  const seeds = Object.entries(feed.seeds ?? {}).filter(([name]) => options.gives?.includes(name as 'y') ?? true);
  return runOnce(target, program, { ...feed, seeds: options.mode === 'predict' ? {} : Object.fromEntries(seeds) });
}

for (const cell of otherCells) {
  const shapes = shapesOf(cell);
  for (const target of targets()) {
    test.serial(`${cell} on ${target.name}: prediction gives the bytes of the training forward`, async (t) => {
      for (const c of shapes) {
        const { outputs } = await run(target, c);
        t.deepEqual((await run(target, c, { mode: 'predict' })).outputs, outputs, describeCell(c));
        for (const name of Object.keys(outputs) as ('y' | 'hN' | 'cN')[]) {
          const alone = await run(target, c, { mode: 'predict', gives: [name] });
          t.deepEqual(alone.outputs, { [name]: outputs[name] }, `${describeCell(c)} ${name}`);
        }
      }
    });

    test.serial(`${cell} on ${target.name}: gradients that are not wanted are left out`, async (t) => {
      for (const c of shapes) {
        const all = await run(target, c);
        const parameters = await run(target, c, { wants: 'parameters' });
        const inputs = await run(target, c, { wants: 'inputs' });
        t.deepEqual(parameters.parameterGradients, all.parameterGradients, describeCell(c));
        t.deepEqual(parameters.gradients, {}, describeCell(c));
        t.deepEqual(inputs.gradients, all.gradients, describeCell(c));
      }
    });

    test.serial(`${cell} on ${target.name}: weights' gradients are added to what is there`, async (t) => {
      const c = shapes[0] as CellCase;
      const { feed, parameters } = cellData(c);
      const options = cellProgram({ ...c, hasLengths: c.lengthsOf !== 'none' }, parameters);
      const program = await TestProgram.open(target, options);
      t.true(program.variants[0]?.startsWith(rnnVariant(target, cell)));
      const once = await program.run(feed);
      const twice = await program.run({ ...feed, segments: segments.forward | segments.backward });
      program.close();
      const doubled = Float64Array.from(once.parameterGradients, (value) => 2 * value);
      t.true(relativeError(twice.parameterGradients, doubled) < 1e-6);
      t.deepEqual(twice.gradients, once.gradients);
    });

    test.serial(`${cell} on ${target.name}: what lies behind a row's end is not read, be it NaN`, async (t) => {
      const mixed = shapes.filter(({ lengthsOf, steps }) => lengthsOf === 'mixed' && steps > 1);
      t.true(mixed.length > 0);
      for (const c of mixed) {
        const { feed, parameters } = cellData(c);
        const { x, lengths } = feed.inputs;
        const row = c.steps * c.inputs;
        const padded = Float32Array.from(x ?? [], (value, i) =>
          i % row < (lengths?.[Math.floor(i / row)] ?? c.steps) * c.inputs ? value : Number.NaN,
        );
        const options = cellProgram({ ...c, hasLengths: true }, parameters);
        const got = await runOnce(target, options, { ...feed, inputs: { ...feed.inputs, x: padded } });
        const wanted = await runOnce(target, options, feed);
        for (const part of ['outputs', 'gradients', 'parameterGradients'] as const) {
          t.deepEqual(got[part], wanted[part], `${describeCell(c)} ${part}`);
        }
      }
    });

    test.serial(`${cell} on ${target.name}: the same bytes with 1, 2 and 7 threads`, async (t) => {
      for (const c of shapes.filter(({ batch, units }) => batch * units > 300)) {
        const results = new Set<string>();
        for (const threads of [1, 2, 7, 1]) {
          native().setNumThreads(threads);
          const { outputs, gradients, parameterGradients } = await run(target, c);
          const arrays = [...Object.values(outputs), ...Object.values(gradients), parameterGradients];
          results.add(arrays.map(bits).join());
        }
        t.is(results.size, 1, describeCell(c));
      }
    });
  }
}
