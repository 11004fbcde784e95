/**
 * The GRU of lib/layers/gru.ts in float64, forward and back, written straight from its equations: one row and one unit at a
 * time. All arrays have the batch first: x [batch, steps, inputs], y [batch, steps, directions * units],
 * h0 and hN [batch, layers * directions, units]. Parameters lie one after the other as PyTorch lists them.
 */

import type { ParamSpec } from '../../lib/graph_spec.js';
import type { Mode } from '../../lib/native.js';
import { opGraph, type ProgramOptions, tensor } from './conformance_program.js';

type Numbers = Float32Array | Float64Array;

export interface GruShape {
  readonly inputs: number;
  readonly units: number;
  readonly layers: number;
  readonly directions: number;
  readonly batch: number;
  readonly steps: number;
}

export interface GruFeed {
  readonly x: Numbers;
  readonly h0?: Numbers | undefined;
  readonly lengths?: Int32Array | undefined;
  readonly parameters: Numbers;
}

export interface GruResult {
  readonly y: Float64Array;
  readonly hN: Float64Array;
}

export interface GruGradients {
  readonly x: Float64Array;
  readonly h0: Float64Array;
  readonly parameters: Float64Array;
}

// Where the parts of one layer and direction begin in the parameters.
interface Cell {
  readonly inputs: number;
  readonly weightInput: number;
  readonly weightState: number;
  readonly biasInput: number;
  readonly biasState: number;
}

// What one step of one row keeps: the gates, the state's part of the candidate (q), the state before.
interface Step {
  readonly r: Float64Array;
  readonly z: Float64Array;
  readonly n: Float64Array;
  readonly q: Float64Array;
  readonly before: Float64Array;
}

export function gruParams(shape: GruShape): readonly ParamSpec[] {
  const { units, directions } = shape;
  return Array.from({ length: shape.layers * directions }, (_, cell) => {
    const layer = Math.floor(cell / directions);
    const suffix = `_l${layer}${cell % directions === 1 ? '_reverse' : ''}`;
    const inputs = layer === 0 ? shape.inputs : units * directions;
    return [
      { name: `weight_ih${suffix}`, shape: [3 * units, inputs] },
      { name: `weight_hh${suffix}`, shape: [3 * units, units] },
      { name: `bias_ih${suffix}`, shape: [3 * units] },
      { name: `bias_hh${suffix}`, shape: [3 * units] },
    ];
  }).flat();
}

export function parameterCount(params: readonly ParamSpec[]): number {
  return params.reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0);
}

/** Cuts a flat array into the parameters' parts. */
export function parts<T extends Numbers>(params: readonly ParamSpec[], flat: T): (readonly [string, T])[] {
  let first = 0;
  return params.map((param) => {
    const last = first + parameterCount([param]);
    const part = [param.name, flat.subarray(first, last) as T] as const;
    first = last;
    return part;
  });
}

function cells(shape: GruShape): readonly Cell[] {
  let at = 0;
  return Array.from({ length: shape.layers * shape.directions }, (_, i) => {
    const inputs = i < shape.directions ? shape.inputs : shape.units * shape.directions;
    const weightInput = at;
    const weightState = weightInput + 3 * shape.units * inputs;
    const biasInput = weightState + 3 * shape.units * shape.units;
    const biasState = biasInput + 3 * shape.units;
    at = biasState + 3 * shape.units;
    return { inputs, weightInput, weightState, biasInput, biasState };
  });
}

const sigmoid = (value: number) => 1 / (1 + Math.exp(-value));

/** A forward pass that can be taken back. */
export class GruReference {
  readonly result: GruResult;
  readonly #shape: GruShape;
  readonly #feed: GruFeed;
  readonly #cells: readonly Cell[];
  readonly #parameters: Float64Array;
  // Inputs of each layer, [batch, steps, features].
  readonly #sequences: Float64Array[];
  readonly #tape: Step[][][] = []; // [cell][row][step]

  constructor(shape: GruShape, feed: GruFeed) {
    this.#shape = shape;
    this.#feed = feed;
    this.#cells = cells(shape);
    this.#parameters = Float64Array.from(feed.parameters);
    this.#sequences = [Float64Array.from(feed.x)];
    const { units, layers, directions, batch, steps } = shape;
    const hN = new Float64Array(batch * layers * directions * units);
    for (let layer = 0; layer < layers; layer++) {
      const y = new Float64Array(batch * steps * directions * units);
      for (let direction = 0; direction < directions; direction++) this.#runCell(layer, direction, y, hN);
      this.#sequences.push(y);
    }
    this.result = { y: this.#sequences[layers] as Float64Array, hN };
  }

  // The valid steps of a row in the order of a direction.
  #order(row: number, direction: number): number[] {
    const length = this.#feed.lengths?.[row] ?? this.#shape.steps;
    return Array.from({ length }, (_, s) => (direction === 0 ? s : length - 1 - s));
  }

  #stateAt(row: number, cell: number): number {
    return (row * this.#cells.length + cell) * this.#shape.units;
  }

  #runCell(layer: number, direction: number, y: Float64Array, hN: Float64Array): void {
    const { units, directions, batch, steps } = this.#shape;
    const index = layer * directions + direction;
    const cell = this.#cells[index] as Cell;
    const input = this.#sequences[layer] as Float64Array;
    const tape: Step[][] = [];
    for (let row = 0; row < batch; row++) {
      const at = this.#stateAt(row, index);
      let state: Float64Array = new Float64Array(units);
      if (this.#feed.h0 !== undefined) state = Float64Array.from(this.#feed.h0.subarray(at, at + units));
      const kept: Step[] = [];
      for (const t of this.#order(row, direction)) {
        const first = (row * steps + t) * cell.inputs;
        const step = this.#step(cell, input.subarray(first, first + cell.inputs), state);
        state = step.n.map(
          (n, u) => (1 - (step.z[u] as number)) * n + (step.z[u] as number) * (step.before[u] as number),
        );
        y.set(state, ((row * steps + t) * directions + direction) * units);
        kept.push(step);
      }
      hN.set(state, at);
      tape.push(kept);
    }
    this.#tape.push(tape);
  }

  // b + W v for one row of a weight.
  #affine(weight: number, bias: number, gateUnit: number, v: Float64Array): number {
    const p = this.#parameters;
    let sum = p[bias + gateUnit] as number;
    const row = weight + gateUnit * v.length;
    for (let k = 0; k < v.length; k++) sum += (p[row + k] as number) * (v[k] as number);
    return sum;
  }

  #step(cell: Cell, x: Float64Array, before: Float64Array): Step {
    const { units } = this.#shape;
    const fromInput = (gate: number, u: number) => this.#affine(cell.weightInput, cell.biasInput, gate * units + u, x);
    const fromState = (gate: number, u: number) =>
      this.#affine(cell.weightState, cell.biasState, gate * units + u, before);
    const r = before.map((_, u) => sigmoid(fromInput(0, u) + fromState(0, u)));
    const z = before.map((_, u) => sigmoid(fromInput(1, u) + fromState(1, u)));
    const q = before.map((_, u) => fromState(2, u));
    const n = q.map((value, u) => Math.tanh(fromInput(2, u) + (r[u] as number) * value));
    return { r, z, n, q, before };
  }

  /** Gradients of a scalar whose gradients with respect to y and hN are given; a missing one is zero. */
  backward(dy: Numbers | undefined, dhN: Numbers | undefined): GruGradients {
    const { layers, directions, batch, units } = this.#shape;
    const parameters = new Float64Array(this.#parameters.length);
    const h0 = new Float64Array(batch * layers * directions * units);
    let dOut: Float64Array = dy === undefined ? new Float64Array(this.result.y.length) : Float64Array.from(dy);
    for (let layer = layers - 1; layer >= 0; layer--) {
      const dIn = new Float64Array((this.#sequences[layer] as Float64Array).length);
      for (let direction = 0; direction < directions; direction++) {
        this.#cellBack(layer, direction, dOut, dhN, { x: dIn, h0, parameters });
      }
      dOut = dIn;
    }
    return { x: dOut, h0, parameters };
  }

  #cellBack(layer: number, direction: number, dOut: Float64Array, dhN: Numbers | undefined, into: GruGradients): void {
    const { units, directions, batch, steps } = this.#shape;
    const index = layer * directions + direction;
    const cell = this.#cells[index] as Cell;
    const input = this.#sequences[layer] as Float64Array;
    for (let row = 0; row < batch; row++) {
      const at = this.#stateAt(row, index);
      let carry: Float64Array =
        dhN === undefined ? new Float64Array(units) : Float64Array.from(dhN.subarray(at, at + units));
      for (const [s, t] of [...this.#order(row, direction).entries()].reverse()) {
        const out = ((row * steps + t) * directions + direction) * units;
        const dh = carry.map((value, u) => value + (dOut[out + u] as number));
        const first = (row * steps + t) * cell.inputs;
        const x = input.subarray(first, first + cell.inputs);
        const dx = into.x.subarray(first, first + cell.inputs);
        carry = this.#stepBack(cell, this.#tape[index]?.[row]?.[s] as Step, x, dh, dx, into.parameters);
      }
      into.h0.set(carry, at);
    }
  }

  // Adds to dx and to the parameters' gradients; gives the gradient of the state before.
  #stepBack(
    cell: Cell,
    step: Step,
    x: Float64Array,
    dh: Float64Array,
    dx: Float64Array,
    dp: Float64Array,
  ): Float64Array {
    const { units } = this.#shape;
    const dBefore = new Float64Array(units);
    for (let u = 0; u < units; u++) {
      const [r, z, n, q] = [step.r[u], step.z[u], step.n[u], step.q[u]] as [number, number, number, number];
      const h = step.before[u] as number;
      const g = dh[u] as number;
      const dCandidate = g * (1 - z) * (1 - n * n);
      const dReset = dCandidate * q * r * (1 - r);
      const dUpdate = g * (h - n) * z * (1 - z);
      dBefore[u] = (dBefore[u] as number) + g * z;
      for (const [gate, fromX, fromH] of [
        [0, dReset, dReset],
        [1, dUpdate, dUpdate],
        [2, dCandidate, dCandidate * r],
      ] as const) {
        this.#affineBack(cell.weightInput, cell.biasInput, gate * units + u, x, fromX, dx, dp);
        this.#affineBack(cell.weightState, cell.biasState, gate * units + u, step.before, fromH, dBefore, dp);
      }
    }
    return dBefore;
  }

  #affineBack(
    weight: number,
    bias: number,
    gateUnit: number,
    v: Float64Array,
    gradient: number,
    dv: Float64Array,
    dp: Float64Array,
  ): void {
    const p = this.#parameters;
    const row = weight + gateUnit * v.length;
    dp[bias + gateUnit] = (dp[bias + gateUnit] as number) + gradient;
    for (let k = 0; k < v.length; k++) {
      dp[row + k] = (dp[row + k] as number) + gradient * (v[k] as number);
      dv[k] = (dv[k] as number) + gradient * (p[row + k] as number);
    }
  }
}

export interface GruProgram extends GruShape {
  readonly hasState?: boolean;
  readonly hasLengths?: boolean;
  /** Which outputs the graph has; both by default. */
  readonly gives?: 'y' | 'hN' | 'both';
  /** 'train' by default. */
  readonly mode?: Mode;
  /** Which gradients are wanted; all by default. */
  readonly wants?: 'all' | 'parameters' | 'inputs';
}

/** The op alone. Inputs x, h0, lengths; outputs y, hN. */
export function gruProgram(shape: GruProgram, parameters: Float32Array): ProgramOptions {
  const { inputs, units, layers, directions, batch, steps, hasState = false, hasLengths = false } = shape;
  const { gives = 'both', mode = 'train', wants = 'all' } = shape;
  const gradient = wants !== 'parameters';
  const attrs = { cell: 'gru', units, layers, bidirectional: directions === 2 };
  const states = tensor([units], layers * directions);
  return {
    graph: opGraph({
      op: 'rnn',
      attrs,
      inputs: [
        { name: 'x', spec: tensor([inputs], steps), gradient },
        hasState ? { name: 'h0', spec: states, gradient } : null,
        hasLengths ? { name: 'lengths', spec: tensor([], 0, 'i32') } : null,
      ],
      outputs: [
        gives === 'hN' ? null : { name: 'y', spec: tensor([directions * units], steps), seeded: true },
        gives === 'y' ? null : { name: 'hN', spec: states, seeded: true },
      ],
      grouped: true,
    }),
    batch,
    mode,
    groups: [{ name: 'gru', op: 'rnn', attrs, params: gruParams(shape), buffer: wants === 'inputs' }],
    parameters,
  };
}
