/** Shapes of the cells other than the GRU, with their data and float64 results; and the op alone as a program. */
import { type CellName, cells } from '../../lib/layers/cells.js';
import type { Mode } from '../../lib/native.js';
import { type CellGradients, CellReference, type CellResult, type CellShape, paramsOf } from './cells_reference.js';
import { parameterCount } from './conformance_gru.js';
import { describeCase, type GruCase, larger, lengthsFor, randomCase } from './conformance_gru_cases.js';
import { type Feed, opGraph, type ProgramOptions, tensor } from './conformance_program.js';
import { Random } from './conformance_random.js';

/** All cells that the generic kernel runs. */
export const otherCells: readonly CellName[] = (Object.keys(cells) as CellName[]).filter((cell) => cell !== 'gru');

export interface CellCase extends GruCase {
  readonly cell: CellName;
  readonly seed: number;
  /** A first cell state too, and a gradient of the last one; cells that have none ignore it. */
  readonly hasCell: boolean;
}

export interface CellData {
  readonly feed: Feed;
  readonly parameters: Float32Array;
  readonly result: CellResult;
  readonly gradients: CellGradients;
}

export function describeCell(c: CellCase): string {
  return `${c.cell} ${describeCase(c)}${c.hasCell ? ' c0' : ''}`;
}

/** Random shapes and a few larger ones. */
export function cellCases(cell: CellName, count = 110): readonly CellCase[] {
  const random = new Random(otherCells.indexOf(cell) + 1997);
  const { hasCellState } = cells[cell];
  const shapes = [...Array.from({ length: count }, () => randomCase(random)), ...larger];
  return shapes.map((shape, seed) => ({
    ...shape,
    cell,
    seed,
    hasCell: hasCellState && random.pick(true, true, false),
  }));
}

// Plain cells have no gates that hold them: relu must not grow, and tanh must not saturate, where a gradient of a single unit
// is nothing but the rounding of 1 - h.
function weightScale({ cell, units, inputs }: CellCase): number {
  return cell.startsWith('rnn') ? 0.9 / Math.sqrt(Math.max(units, inputs)) : 1.5 / Math.sqrt(units);
}

const made = new Map<CellCase, CellData>();

/** The case's data, the same at every call. */
export function cellData(c: CellCase): CellData {
  const known = made.get(c);
  if (known !== undefined) return known;
  const random = new Random(c.seed + 100);
  const states = c.batch * c.layers * c.directions * c.units;
  const x = random.floats(c.batch * c.steps * c.inputs, 2);
  const h0 = c.hasState ? random.floats(states) : undefined;
  const c0 = c.hasCell ? random.floats(states, 1.5) : undefined;
  const lengths = lengthsFor(c, random);
  const parameters = random.floats(parameterCount(paramsOf(c)), weightScale(c));
  const dy = c.from === 'hN' ? undefined : random.floats(c.batch * c.steps * c.directions * c.units);
  const dhN = c.from === 'y' ? undefined : random.floats(states);
  const dcN = c.hasCell ? random.floats(states) : undefined;
  const reference = new CellReference(c, { x, h0, c0, lengths, parameters });
  const result = reference.result;
  const data: CellData = {
    feed: {
      inputs: { x, ...(h0 && { h0 }), ...(c0 && { c0 }), ...(lengths && { lengths }) },
      seeds: { ...(dy && { y: dy }), ...(dhN && { hN: dhN }), ...(dcN && { cN: dcN }) },
    },
    parameters,
    result,
    gradients: reference.backward(dy, dhN, dcN),
  };
  made.set(c, data);
  return data;
}

export interface CellProgram extends CellShape {
  readonly hasState?: boolean;
  readonly hasCell?: boolean;
  readonly hasLengths?: boolean;
  /** Which outputs the graph has; all by default. */
  readonly gives?: readonly ('y' | 'hN' | 'cN')[];
  readonly mode?: Mode;
  /** Which gradients are wanted; all by default. */
  readonly wants?: 'all' | 'parameters' | 'inputs';
}

/** The op alone. Inputs x, h0, lengths, c0; outputs y, hN, cN. */
export function cellProgram(shape: CellProgram, parameters: Float32Array): ProgramOptions {
  const { cell, inputs, units, layers, directions, batch, steps, mode = 'train', wants = 'all' } = shape;
  const { hasState = false, hasCell = false, hasLengths = false, gives = ['y', 'hN', 'cN'] } = shape;
  const { hasCellState } = cells[cell];
  const gradient = wants !== 'parameters';
  const attrs = { cell, units, layers, bidirectional: directions === 2 };
  const states = tensor([units], layers * directions);
  const output = (name: 'y' | 'hN' | 'cN', spec: typeof states) =>
    gives.includes(name) ? { name, spec, seeded: true } : null;
  return {
    graph: opGraph({
      op: 'rnn',
      attrs,
      inputs: [
        { name: 'x', spec: tensor([inputs], steps), gradient },
        hasState ? { name: 'h0', spec: states, gradient } : null,
        hasLengths ? { name: 'lengths', spec: tensor([], 0, 'i32') } : null,
        ...(hasCellState ? [hasCell ? { name: 'c0', spec: states, gradient } : null] : []),
      ],
      outputs: [
        output('y', tensor([directions * units], steps)),
        output('hN', states),
        ...(hasCellState ? [output('cN', states)] : []),
      ],
      grouped: true,
    }),
    batch,
    mode,
    groups: [{ name: 'cell', op: 'rnn', attrs, params: paramsOf(shape), buffer: wants === 'inputs' }],
    parameters,
  };
}

/** The outputs that a case's graph has. */
export function givesOf(c: CellCase): readonly ('y' | 'hN' | 'cN')[] {
  if (!c.onlyThose) return ['y', 'hN', 'cN'];
  return [...(c.from === 'both' ? (['y', 'hN'] as const) : [c.from]), ...(c.hasCell ? (['cN'] as const) : [])];
}
