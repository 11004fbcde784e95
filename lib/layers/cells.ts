/** The recurrent cells: what the parameters and states of each look like. The native table is in native/core/ops/rnn.cc. */
import type { ParamSpec } from '../graph_spec.js';

/** A recurrent cell, by the name of its native operation. */
export type CellName = 'gru' | 'gru-reset-before' | 'lstm' | 'cifg-lstm' | 'rnn-tanh' | 'rnn-relu' | 'leaky-cifg';

/** What sets a cell apart, besides its equations. */
export interface CellKind {
  /** In the order of the weights' rows. */
  readonly gates: readonly string[];
  /** 2: `bias_ih` and `bias_hh`, as PyTorch and cuDNN have them; 1: `bias_ih` alone. */
  readonly biases: 1 | 2;
  /** A cell state c beside h. */
  readonly hasCellState: boolean;
  /** The gate that keeps the state (a forget gate: 1 keeps), where there is one. */
  readonly keeps?: number;
  /** The gate that lets the input in, where it is one of its own. */
  readonly writes?: number;
}

/** All cells. */
export const cells: Readonly<Record<CellName, CellKind>> = {
  gru: { gates: ['r', 'z', 'n'], biases: 2, hasCellState: false, keeps: 1 },
  'gru-reset-before': { gates: ['r', 'z', 'n'], biases: 1, hasCellState: false, keeps: 1 },
  lstm: { gates: ['i', 'f', 'g', 'o'], biases: 2, hasCellState: true, keeps: 1, writes: 0 },
  'cifg-lstm': { gates: ['f', 'g', 'o'], biases: 2, hasCellState: true, keeps: 0 },
  'rnn-tanh': { gates: ['h'], biases: 2, hasCellState: false },
  'rnn-relu': { gates: ['h'], biases: 2, hasCellState: false },
  'leaky-cifg': { gates: ['z', 'r', 'c'], biases: 1, hasCellState: true, keeps: 0 },
};

/** Parameters of one layer in one direction; `suffix`: `_l0`, `_l0_reverse`. */
export function cellParams(cell: CellName, inputSize: number, units: number, suffix: string): ParamSpec[] {
  const { gates, biases } = cells[cell];
  const rows = gates.length * units;
  return [
    { name: `weight_ih${suffix}`, shape: [rows, inputSize] },
    { name: `weight_hh${suffix}`, shape: [rows, units] },
    { name: `bias_ih${suffix}`, shape: [rows] },
    ...(biases === 2 ? [{ name: `bias_hh${suffix}`, shape: [rows] }] : []),
  ];
}
