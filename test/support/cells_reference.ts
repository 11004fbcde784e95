/**
 * Every recurrent cell in float64, one row and one step at a time, written from the equations of lib/layers; gradients by
 * {@link Tape}. All arrays have the batch first: x [batch, steps, inputs], y [batch, steps, directions * units], states
 * [batch, layers * directions, units]. Parameters lie one after the other as the state dict lists them.
 */

import type { ParamSpec } from '../../lib/graph_spec.js';
import { type CellName, cellParams, cells } from '../../lib/layers/cells.js';
import { slice, Tape, type Vector, vector } from './cells_tape.js';
import { type GruShape, parameterCount } from './conformance_gru.js';

type Numbers = Float32Array | Float64Array;

export interface CellShape extends GruShape {
  readonly cell: CellName;
}

export interface CellFeed {
  readonly x: Numbers;
  readonly h0?: Numbers | undefined;
  readonly c0?: Numbers | undefined;
  readonly lengths?: Int32Array | undefined;
  readonly parameters: Numbers;
}

export interface CellResult {
  readonly y: Float64Array;
  readonly hN: Float64Array;
  readonly cN: Float64Array;
}

export interface CellGradients {
  readonly x: Float64Array;
  readonly h0: Float64Array;
  readonly c0: Float64Array;
  readonly parameters: Float64Array;
}

export function paramsOf({ cell, inputs, units, layers, directions }: CellShape): readonly ParamSpec[] {
  return Array.from({ length: layers * directions }, (_, i) => {
    const layer = Math.floor(i / directions);
    const suffix = `_l${layer}${i % directions === 1 ? '_reverse' : ''}`;
    return cellParams(cell, layer === 0 ? inputs : units * directions, units, suffix);
  }).flat();
}

interface States {
  readonly h: Vector;
  readonly c: Vector;
}

/** The sums of one step. */
interface Sums {
  /** W_g x + b_g: the input's part, with all biases. */
  input(gate: number): Vector;
  /** U_g h. */
  state(gate: number, h: Vector): Vector;
  /** The bias that stands beside the state, where there are two. */
  stateBias(gate: number): Vector;
}

type Equations = (t: Tape, sums: Sums, before: States) => States;

const gateOf =
  (t: Tape, { input, state }: Sums, h: Vector) =>
  (gate: number) =>
    t.add(input(gate), state(gate, h));
const mix = (t: Tape, gate: Vector, kept: Vector, fresh: Vector) =>
  t.add(t.mul(gate, kept), t.mul(t.oneMinus(gate), fresh));

const equations: Record<CellName, Equations> = {
  gru: (t, sums, { h, c }) => {
    const a = gateOf(t, sums, h);
    const [r, z] = [t.sigmoid(a(0)), t.sigmoid(a(1))];
    // Its two biases of the candidate must stay apart.
    const fromState = t.add(sums.state(2, h), sums.stateBias(2));
    const n = t.tanh(t.add(sums.input(2), t.mul(r, fromState)));
    return { h: mix(t, z, h, n), c };
  },
  'gru-reset-before': (t, sums, { h, c }) => {
    const a = gateOf(t, sums, h);
    const [r, z] = [t.sigmoid(a(0)), t.sigmoid(a(1))];
    const n = t.tanh(t.add(sums.input(2), sums.state(2, t.mul(r, h))));
    return { h: mix(t, z, h, n), c };
  },
  lstm: (t, sums, before) => {
    const a = gateOf(t, sums, before.h);
    const [i, f, g, o] = [t.sigmoid(a(0)), t.sigmoid(a(1)), t.tanh(a(2)), t.sigmoid(a(3))];
    const c = t.add(t.mul(f, before.c), t.mul(i, g));
    return { h: t.mul(o, t.tanh(c)), c };
  },
  'cifg-lstm': (t, sums, before) => {
    const a = gateOf(t, sums, before.h);
    const [f, g, o] = [t.sigmoid(a(0)), t.tanh(a(1)), t.sigmoid(a(2))];
    const c = mix(t, f, before.c, g);
    return { h: t.mul(o, t.tanh(c)), c };
  },
  'rnn-tanh': (t, sums, { h, c }) => ({ h: t.tanh(gateOf(t, sums, h)(0)), c }),
  'rnn-relu': (t, sums, { h, c }) => ({ h: t.relu(gateOf(t, sums, h)(0)), c }),
  'leaky-cifg': (t, sums, before) => {
    const a = gateOf(t, sums, before.h);
    const [z, r, g] = [t.sigmoid(a(0)), t.sigmoid(a(1)), t.tanh(a(2))];
    const c = mix(t, z, before.c, g);
    return { h: mix(t, r, t.tanh(c), before.h), c };
  },
};

/** A forward pass that can be taken back once. */
export class CellReference {
  readonly #shape: CellShape;
  readonly #lengths: Int32Array | undefined;
  readonly #tape = new Tape();
  readonly #x: Vector;
  readonly #parameters: Vector;
  readonly #first: States;
  readonly #last: States;
  readonly #y: Vector;

  constructor(shape: CellShape, feed: CellFeed) {
    const { units, layers, directions, batch, steps, inputs } = shape;
    this.#shape = shape;
    this.#lengths = feed.lengths;
    const states = (given?: Numbers) =>
      vector(given === undefined ? new Float64Array(batch * layers * directions * units) : Float64Array.from(given));
    this.#x = vector(Float64Array.from(feed.x));
    this.#parameters = vector(Float64Array.from(feed.parameters));
    this.#first = { h: states(feed.h0), c: states(feed.c0) };
    this.#last = { h: states(), c: states() };
    let input = this.#x;
    let [width, at] = [inputs, 0];
    for (let layer = 0; layer < layers; layer++) {
      const y = vector(new Float64Array(batch * steps * directions * units));
      for (let direction = 0; direction < directions; direction++) {
        const params = cellParams(shape.cell, width, units, '');
        const mine = params.map((param) => {
          const count = parameterCount([param]);
          at += count;
          return slice(this.#parameters, at - count, count);
        });
        for (let row = 0; row < batch; row++) this.#run(row, layer * directions + direction, mine, input, width, y);
      }
      [input, width] = [y, directions * units];
    }
    this.#y = input;
  }

  get result(): CellResult {
    return { y: this.#y.v, hN: this.#last.h.v, cN: this.#last.c.v };
  }

  // One row through one layer in one direction.
  #run(row: number, index: number, params: readonly Vector[], input: Vector, width: number, y: Vector): void {
    const { cell, units, layers, directions, steps } = this.#shape;
    const tape = this.#tape;
    const direction = index % directions;
    const place = (row * layers * directions + index) * units;
    const length = this.#lengths?.[row] ?? steps;
    let states: States = { h: slice(this.#first.h, place, units), c: slice(this.#first.c, place, units) };
    for (let s = 0; s < length; s++) {
      const t = direction === 0 ? s : length - 1 - s;
      const x = slice(input, (row * steps + t) * width, width);
      states = equations[cell](tape, this.#sums(params, x), states);
      tape.put(states.h, slice(y, ((row * steps + t) * directions + direction) * units, units));
    }
    tape.put(states.h, slice(this.#last.h, place, units));
    tape.put(states.c, slice(this.#last.c, place, units));
  }

  #sums([weightInput, weightState, biasInput, biasState]: readonly Vector[], x: Vector): Sums {
    const { cell, units } = this.#shape;
    const tape = this.#tape;
    const rows = (weight: Vector | undefined, gate: number) => {
      if (weight === undefined) throw new Error(`${cell} has no such parameter`);
      const count = weight.v.length / cells[cell].gates.length;
      return slice(weight, gate * count, count);
    };
    const bias = (gate: number) => {
      const one = slice(rows(biasInput, gate), 0, units);
      const apart = biasState === undefined || (cell === 'gru' && gate === 2);
      return apart ? one : tape.add(one, rows(biasState, gate));
    };
    return {
      input: (gate) => tape.add(tape.product(rows(weightInput, gate), x), bias(gate)),
      state: (gate, h) => tape.product(rows(weightState, gate), h),
      stateBias: (gate) => rows(biasState, gate),
    };
  }

  /** Gradients of a scalar whose gradients with respect to the results are given; a missing one is zero. */
  backward(dy: Numbers | undefined, dhN: Numbers | undefined, dcN?: Numbers | undefined): CellGradients {
    if (dy !== undefined) this.#y.g.set(this.#masked(dy));
    if (dhN !== undefined) this.#last.h.g.set(dhN);
    if (dcN !== undefined) this.#last.c.g.set(dcN);
    this.#tape.backward();
    return { x: this.#x.g, h0: this.#first.h.g, c0: this.#first.c.g, parameters: this.#parameters.g };
  }

  // What lies beyond a row's end is constant.
  #masked(dy: Numbers): Float64Array {
    const { units, directions, steps } = this.#shape;
    const width = directions * units;
    return Float64Array.from(dy, (value, i) => {
      const row = Math.floor(i / (steps * width));
      return Math.floor(i / width) % steps < (this.#lengths?.[row] ?? steps) ? value : 0;
    });
  }
}
