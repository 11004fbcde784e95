/** States of a recurrent stack as tensors `[batch, units]`, one for each layer, direction and kind, and the native form of them. */
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { cells } from './cells.js';
import { lowerConcat, lowerRearrange } from './rearrange.js';
import { type StackInputs, type StackOptions, type StackOutputs, stackParts } from './stack.js';

/** How many states a stack has: for each layer and direction h and, where the cell has it, c. */
export function stateCount({ cell, numLayers, bidirectional }: StackOptions): number {
  return numLayers * (bidirectional ? 2 : 1) * (cells[cell].hasCellState ? 2 : 1);
}

// One of the states [states, batch, units] of a native op.
function pick(builder: GraphBuilder, name: string, states: SymbolicTensor, i: number): SymbolicTensor {
  const { steps, rows } = states;
  const length = rows * (states.dims[0] as number);
  const map = steps === 1 ? undefined : Int32Array.from({ length }, (_, at) => i * length + at);
  return lowerRearrange(builder, name, states, { steps: 0, dims: states.dims }, map);
}

/** Layer after layer, forward before reverse, h before c. */
export function splitStates(builder: GraphBuilder, name: string, made: StackOutputs): SymbolicTensor[] {
  return made.states.flatMap((h, part) => {
    const c = made.cellStates[part];
    return Array.from({ length: h.steps }, (_, i) => {
      const at = `${name}.p${part}s${i}`;
      return [pick(builder, `${at}.h`, h, i), ...(c === undefined ? [] : [pick(builder, `${at}.c`, c, i)])];
    }).flat();
  });
}

function expectState(name: string, state: SymbolicTensor, units: number): void {
  if (state.dtype === 'f32' && state.steps === 0 && state.dims.length === 1 && state.dims[0] === units) return;
  throw new CugruError('ERR_SHAPE', `${name} expects states [batch, ${units}], got ${describeShape(state)}`, {
    expected: [units],
    got: state.dims,
  });
}

// [batch, units] tensors as one [states, batch, units].
function join(builder: GraphBuilder, name: string, states: readonly SymbolicTensor[]): SymbolicTensor {
  const [{ rows, dims }] = states as readonly [SymbolicTensor];
  const units = dims[0] as number;
  const row = lowerConcat(builder, `${name}.join`, states);
  const form = { steps: states.length, dims };
  if (rows === 1) return lowerRearrange(builder, name, row, form);
  const width = states.length * units;
  const map = Int32Array.from({ length: rows * width }, (_, at) => {
    const [state, rest] = [Math.floor(at / (rows * units)), at % (rows * units)];
    return Math.floor(rest / units) * width + state * units + (rest % units);
  });
  return lowerRearrange(builder, name, row, form, map);
}

/**
 * First states for the native ops of a stack, from tensors in the order of {@link splitStates}; none where none are given.
 * @throws {@link CugruError} `ERR_GRAPH` for another number of them, `ERR_SHAPE`; `ERR_UNSUPPORTED` in a stream.
 */
export function joinStates(
  builder: GraphBuilder,
  name: string,
  states: readonly SymbolicTensor[],
  stack: StackOptions,
): Pick<StackInputs, 'h0' | 'c0'> {
  if (states.length === 0) return {};
  const count = stateCount(stack);
  if (states.length !== count) {
    const problem = `${name} has ${count} state${count === 1 ? '' : 's'}, got initial values for ${states.length}`;
    throw new CugruError('ERR_GRAPH', problem, { expected: count, got: states.length });
  }
  if (builder.streaming) {
    throw new CugruError('ERR_UNSUPPORTED', `${name} takes its first state from another layer, and cannot stream`);
  }
  for (const state of states) expectState(name, state, stack.units);
  const { hasCellState } = cells[stack.cell];
  const parts = stackParts(stack);
  const perPart = parts.layers * (stack.bidirectional ? 2 : 1);
  const ofKind = (kind: string, offset: number, stride: number): SymbolicTensor[] =>
    Array.from({ length: parts.count }, (_, part) => {
      const picked = Array.from({ length: perPart }, (__, i) => states[(part * perPart + i) * stride + offset]);
      return join(builder, `${name}.${kind}.${part}`, picked as SymbolicTensor[]);
    });
  if (!hasCellState) return { h0: ofKind('h0', 0, 1) };
  return { h0: ofKind('h0', 0, 2), c0: ofKind('c0', 1, 2) };
}
