/** A small model of odd sizes with a float64 reference: GRU -> last state -> dense, whose output takes a gradient. */
import type { GraphSpec, GroupSpec } from '../../lib/graph_spec.js';
import { bufferOf, denseGroup, graphBuilder, gruGroup, numbers } from './program_door.js';

/** Sizes of {@link model}; no vector width divides them. */
export const [steps, inputs, units, batch] = [3, 5, 7, 3];

/** GRU -> last state -> dense, whose output takes a gradient. */
export function model(): GraphSpec {
  const b = graphBuilder();
  const x = b.input('x', 'value', { dtype: 'f32', steps, dims: [inputs] }).tensor;
  const [hN, last, y] = [b.tensor('f32', 1, [units]), b.tensor('f32', 0, [units]), b.tensor('f32', 0, [2])];
  b.node('gru', 'rnn', { cell: 'gru', units }, [x], [undefined, hN], 0);
  b.node('last', 'lastState', {}, [hN], [last]);
  b.node('dense', 'dense', { units: 2 }, [last], [y], 1);
  b.output('y', y, { seeded: true });
  return b.build();
}

export const modelGroups: readonly GroupSpec[] = [gruGroup('gru', inputs, units), denseGroup('dense', units, 2)];
export const x = numbers(batch * steps * inputs, 21);
export const seed = numbers(batch * 2, 22);

/** Sum of outputs times `seed`, in float64, from flat parameters in PyTorch's order. */
export function reference(p: ArrayLike<number>): number {
  const at = (i: number) => p[i] as number;
  const [hh, bi, bh, end] = [
    3 * units * inputs,
    3 * units * (inputs + units),
    3 * units * (inputs + units + 1),
    3 * units * (inputs + units + 2),
  ];
  const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));
  let total = 0;
  for (let row = 0; row < batch; row++) {
    let h = new Float64Array(units);
    for (let step = 0; step < steps; step++) {
      const gate = (g: number, u: number) => {
        const r = g * units + u;
        let [fromInput, fromState] = [at(bi + r), at(bh + r)];
        for (let k = 0; k < inputs; k++)
          fromInput += at(r * inputs + k) * (x[(row * steps + step) * inputs + k] as number);
        for (let k = 0; k < units; k++) fromState += at(hh + r * units + k) * (h[k] as number);
        return { fromInput, fromState };
      };
      h = h.map((before, u) => {
        const [r, z, n] = [gate(0, u), gate(1, u), gate(2, u)];
        const update = sigmoid(z.fromInput + z.fromState);
        const candidate = Math.tanh(n.fromInput + sigmoid(r.fromInput + r.fromState) * n.fromState);
        return (1 - update) * candidate + update * before;
      });
    }
    for (let o = 0; o < 2; o++) {
      let y = at(end + 2 * units + o);
      for (let k = 0; k < units; k++) y += at(end + o * units + k) * (h[k] as number);
      total += y * (seed[row * 2 + o] as number);
    }
  }
  return total;
}

/** Bindings of one run over the whole batch. */
export const valuesOfRun = () => ({ rows: batch, inputs: [{ index: 0, buffer: bufferOf(x) }] });
export const gradientsOfRun = () => ({ ...valuesOfRun(), seeds: [{ index: 0, buffer: bufferOf(seed) }] });
