/** What must be so of the leaky coupled-gate cell, and of the coupled gate: bounds, limits of the gates, and LSTMs alike. */
import test from 'ava';
import { type CellName, cells } from '../../lib/layers/cells.js';
import { type CellProgram, cellProgram } from '../support/cells_cases.js';
import { paramsOf } from '../support/cells_reference.js';
import { largest, relativeError } from '../support/conformance_compare.js';
import { parameterCount, parts } from '../support/conformance_gru.js';
import { type Outcome, runOnce, type Target, targets } from '../support/conformance_program.js';
import { Random } from '../support/conformance_random.js';

const sizes = { inputs: 5, units: 19, layers: 1, directions: 1, batch: 6, steps: 12 } as const;
const open = 30; // a bias at which a gate's value is exactly 1 in float32, and 9e-14 below zero
// The bounds hold but for the last two bits of a float.
const rounding = 1 + 2 ** -22;

type Named = Readonly<Record<string, Float32Array>>;
const concatenate = (values: Named) => Float32Array.from(Object.values(values).flatMap((part) => [...part]));

/** Small random weights; `biases` replaces those of a gate by a number. */
function weights(cell: CellName, seed: number, biases: Readonly<Record<string, number>> = {}, size = 0.4): Named {
  const shape = { cell, ...sizes };
  const params = paramsOf(shape);
  const named = Object.fromEntries(parts(params, new Random(seed).floats(parameterCount(params), size)));
  for (const [gate, value] of Object.entries(biases)) {
    const first = cells[cell].gates.indexOf(gate) * sizes.units;
    named['bias_ih_l0']?.fill(value, first, first + sizes.units);
  }
  return named;
}

const random = new Random(5);
const states = sizes.batch * sizes.units;
const feed = {
  x: random.floats(sizes.batch * sizes.steps * sizes.inputs),
  h0: random.floats(states),
  c0: random.floats(states, 2),
};

function run(
  target: Target,
  cell: CellName,
  values: Named,
  seeds = {},
  options: Partial<CellProgram> = {},
): Promise<Outcome> {
  const program = { cell, ...sizes, hasState: true, hasCell: cells[cell].hasCellState, ...options };
  const { c0, ...plain } = feed;
  const inputs = cells[cell].hasCellState ? { ...plain, c0 } : plain;
  return runOnce(target, cellProgram(program, concatenate(values)), { inputs, seeds });
}

const output = (outcome: Outcome, name: string) => outcome.outputs[name] ?? new Float32Array(0);
const maxAbs = (values: Float32Array) => largest(values);

for (const target of targets()) {
  test(`${target.name}: from zero, |c| stays below 1 and |h| below tanh(1), whatever weights and inputs`, async (t) => {
    const shape = { ...sizes, cell: 'leaky-cifg' as const, batch: 2, steps: 2000 };
    const program = cellProgram(shape, concatenate(weights('leaky-cifg', 3, {}, 8)));
    const { outputs } = await runOnce(target, program, { inputs: { x: new Random(4).floats(2 * 2000 * 5, 3) } });
    t.true(maxAbs(outputs['y'] as Float32Array) <= Math.tanh(1) * rounding);
    t.true(maxAbs(outputs['y'] as Float32Array) > 0.76, 'and comes near it');
    t.true(maxAbs(outputs['cN'] as Float32Array) <= rounding);
  });

  test(`${target.name}: from other states, |c| ≤ max(|c0|, 1) and |h| ≤ max(|h0|, tanh(max(|c0|, 1)))`, async (t) => {
    const got = await run(target, 'leaky-cifg', weights('leaky-cifg', 6, {}, 4));
    const c = Math.max(maxAbs(feed.c0), 1);
    t.true(maxAbs(output(got, 'cN')) <= c * rounding);
    t.true(maxAbs(output(got, 'y')) <= Math.max(maxAbs(feed.h0), Math.tanh(c)) * rounding);
  });

  test(`${target.name}: r = 1 makes it a CIFG-LSTM with an open output gate`, async (t) => {
    const leaky = weights('leaky-cifg', 7, { r: open });
    const cifg = weights('cifg-lstm', 8, { o: open });
    // Gates z, r, c and f, g, o: z is f, c is g.
    for (const name of ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0']) {
      const [from, to] = [leaky[name] as Float32Array, cifg[name] as Float32Array];
      const gate = from.length / 3;
      to.set(from.subarray(0, gate), 0);
      to.set(from.subarray(2 * gate), gate);
    }
    cifg['bias_hh_l0']?.fill(0);
    const [got, wanted] = [await run(target, 'leaky-cifg', leaky), await run(target, 'cifg-lstm', cifg)];
    for (const name of ['y', 'hN', 'cN'])
      t.true(relativeError(output(got, name), Float64Array.from(output(wanted, name))) < 1e-6);
  });

  test(`${target.name}: z = 0 leaves one state: h' = (1 − r) h + r tanh(g), g the candidate`, async (t) => {
    const values = weights('leaky-cifg', 9, { z: -open });
    const { outputs } = await run(target, 'leaky-cifg', values);
    const { units, inputs, batch, steps } = sizes;
    const sum = (gate: number, u: number, x: ArrayLike<number>, h: ArrayLike<number>) => {
      const row = gate * units + u;
      let total = values['bias_ih_l0']?.[row] ?? Number.NaN;
      for (let k = 0; k < inputs; k++)
        total += (values['weight_ih_l0']?.[row * inputs + k] as number) * (x[k] as number);
      for (let k = 0; k < units; k++) total += (values['weight_hh_l0']?.[row * units + k] as number) * (h[k] as number);
      return total;
    };
    const hN = Float64Array.from(feed.h0);
    for (let row = 0; row < batch; row++) {
      for (let s = 0; s < steps; s++) {
        const h = hN.slice(row * units, (row + 1) * units);
        const x = feed.x.subarray((row * steps + s) * inputs, (row * steps + s + 1) * inputs);
        for (let u = 0; u < units; u++) {
          const r = 1 / (1 + Math.exp(-sum(1, u, x, h)));
          hN[row * units + u] = (1 - r) * (h[u] as number) + r * Math.tanh(Math.tanh(sum(2, u, x, h)));
        }
      }
    }
    t.true(relativeError(outputs['hN'] as Float32Array, hN) < 2e-6);
  });

  test(`${target.name}: z = 1 holds c, h goes to tanh(c), and the gradient of c passes whole`, async (t) => {
    const values = weights('leaky-cifg', 10, { z: open }, 0.1);
    const long = { steps: 200 };
    const x = new Random(11).floats(sizes.batch * long.steps * sizes.inputs);
    const program = { cell: 'leaky-cifg' as const, ...sizes, ...long, hasState: true, hasCell: true };
    const got = await runOnce(target, cellProgram(program, concatenate(values)), {
      inputs: { ...feed, x },
      seeds: { cN: new Float32Array(states).fill(1) },
    });
    t.true(relativeError(output(got, 'cN'), Float64Array.from(feed.c0)) < 1e-6);
    t.true(relativeError(output(got, 'hN'), Float64Array.from(feed.c0, Math.tanh)) < 1e-6);
    t.true(relativeError(got.gradients['c0'] as Float32Array, new Float64Array(states).fill(1)) < 1e-6);
  });

  test(`${target.name}: r = 0 holds h, and its gradient passes whole`, async (t) => {
    const values = weights('leaky-cifg', 12, { r: -open });
    const got = await run(target, 'leaky-cifg', values, { hN: new Float32Array(states).fill(1) });
    t.deepEqual(output(got, 'hN'), feed.h0);
    t.true(relativeError(got.gradients['h0'] as Float32Array, new Float64Array(states).fill(1)) < 1e-6);
  });

  test(`${target.name}: an LSTM with its input gate tied to −f is the CIFG-LSTM, gradients folded`, async (t) => {
    const cifg = weights('cifg-lstm', 13);
    const lstm = Object.fromEntries(
      Object.entries(cifg).map(([name, part]) => {
        const f = part.subarray(0, part.length / 3);
        return [name, Float32Array.from([...f.map((value) => -value), ...part])];
      }),
    );
    const seeds = { y: new Random(14).floats(states * sizes.steps), cN: new Random(15).floats(states) };
    const [got, wanted] = [await run(target, 'cifg-lstm', cifg, seeds), await run(target, 'lstm', lstm, seeds)];
    for (const name of ['y', 'hN', 'cN'])
      t.true(relativeError(output(got, name), Float64Array.from(output(wanted, name))) < 1e-6);
    const gradients = new Map(parts(paramsOf({ cell: 'lstm', ...sizes }), wanted.parameterGradients));
    for (const [name, gradient] of parts(paramsOf({ cell: 'cifg-lstm', ...sizes }), got.parameterGradients)) {
      const four = gradients.get(name) as Float32Array;
      const gate = gradient.length / 3;
      const folded = Float64Array.from(four.subarray(gate), (value, i) => value - (i < gate ? (four[i] as number) : 0));
      t.true(relativeError(gradient, folded) < 1e-5, name);
    }
  });
}
