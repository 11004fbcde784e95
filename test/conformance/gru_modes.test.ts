/** What the GRU leaves out when nobody asks for it changes nothing else, byte for byte. */
import test from 'ava';
import { segments } from '../../lib/native.js';
import { relativeError } from '../support/conformance_compare.js';
import { type GruProgram, gruProgram } from '../support/conformance_gru.js';
import { describeCase, type GruCase, gruCases, gruData } from '../support/conformance_gru_cases.js';
import {
  type Feed,
  type Outcome,
  rnnVariant,
  runOnce,
  type Target,
  TestProgram,
  targets,
} from '../support/conformance_program.js';

// Every third of the random shapes, and the larger ones.
const shapes = gruCases.filter((_, i) => i % 3 === 0 || i >= gruCases.length - 6);

function feedOf(c: GruCase): Feed {
  const { x, h0, lengths, dy, dhN } = gruData(c);
  return {
    inputs: { x, ...(h0 && { h0 }), ...(lengths && { lengths }) },
    seeds: { ...(dy && { y: dy }), ...(dhN && { hN: dhN }) },
  };
}

function run(target: Target, c: GruCase, options: Partial<GruProgram> = {}): Promise<Outcome> {
  const { parameters, lengths } = gruData(c);
  const { seeds, ...feed } = feedOf(c);
  const program = gruProgram({ ...c, hasLengths: lengths !== undefined, ...options }, parameters);
  return runOnce(target, program, options.mode === 'predict' ? feed : { ...feed, seeds: seeds ?? {} });
}

for (const target of targets()) {
  test(`${target.name} runs the kernels that it names`, async (t) => {
    const c = gruCases[0] as GruCase;
    const program = await TestProgram.open(target, gruProgram(c, gruData(c).parameters));
    t.deepEqual(program.variants, [rnnVariant(target, 'gru', 'fused ')]);
    program.close();
  });

  test(`gru on ${target.name}: prediction gives the bytes of the training forward, whichever outputs it has`, async (t) => {
    for (const c of shapes) {
      const { outputs } = await run(target, c);
      const [y, hN, both] = [
        await run(target, c, { mode: 'predict', gives: 'y' }),
        await run(target, c, { mode: 'predict', gives: 'hN' }),
        await run(target, c, { mode: 'predict' }),
      ];
      t.deepEqual(both.outputs, outputs, describeCase(c));
      t.deepEqual({ ...y.outputs, ...hN.outputs }, outputs, describeCase(c));
    }
  });

  test(`gru on ${target.name}: gradients that are not wanted are left out, the others keep their bytes`, async (t) => {
    for (const c of shapes) {
      const all = await run(target, c);
      const parameters = await run(target, c, { wants: 'parameters' });
      const inputs = await run(target, c, { wants: 'inputs' });
      t.deepEqual(parameters.parameterGradients, all.parameterGradients, describeCase(c));
      t.deepEqual(parameters.gradients, {}, describeCase(c));
      t.deepEqual(inputs.gradients, all.gradients, describeCase(c));
      t.is(inputs.parameterGradients.length, 0);
    }
  });

  test(`gru on ${target.name}: weights' gradients are added to what is there; those of the inputs are not`, async (t) => {
    for (const c of shapes) {
      const { parameters, lengths } = gruData(c);
      const program = await TestProgram.open(
        target,
        gruProgram({ ...c, hasLengths: lengths !== undefined }, parameters),
      );
      const once = await program.run(feedOf(c));
      const twice = await program.run({ ...feedOf(c), segments: segments.forward | segments.backward });
      program.close();
      const doubled = Float64Array.from(once.parameterGradients, (value) => 2 * value);
      t.true(relativeError(twice.parameterGradients, doubled) < 1e-6, describeCase(c));
      t.deepEqual(twice.gradients, once.gradients, describeCase(c));
    }
  });
}
