/** States that a recurrent stack leaves to the next batch. */
import { CugruError } from '../errors.js';
import type { GraphBuilder, NamedGroup, SymbolicTensor } from './builder.js';
import { cells } from './cells.js';
import { type StackInputs, type StackOptions, type StackOutputs, stackParts } from './stack.js';

/** What a batch begins with, and how what it ends with is kept. */
export interface KeptStates {
  readonly read: Pick<StackInputs, 'h0' | 'c0'>;
  write(made: StackOutputs): void;
}

/** The operation whose buffers are states; they are no weights. */
export const stateOp = 'state';

interface Kept {
  readonly name: string;
  readonly group: number;
  readonly state: SymbolicTensor;
}

/**
 * Nodes that read the states before the stack, and write them after it. In a stream, which carries its states itself, there are none.
 * @throws {@link CugruError} `ERR_VALUE` without a fixed batch size, `ERR_GRAPH` when the layer is used twice.
 */
export function keptStates(
  builder: GraphBuilder,
  owner: object,
  name: string,
  rows: number,
  stack: StackOptions,
): KeptStates | undefined {
  if (builder.streaming) return undefined;
  const batch = builder.source?.spec.batchSize;
  if (batch === undefined) {
    throw new CugruError(
      'ERR_VALUE',
      `${name} is stateful: the model needs a batchSize, as in input({ shape, batchSize: 32 }) or sequential([...], { inputShape, batchSize: 32 })`,
    );
  }
  if (!builder.claim(owner)) {
    throw new CugruError('ERR_GRAPH', `${name} is stateful, and cannot be used twice in a model`);
  }
  const parts = stackParts(stack);
  const steps = parts.layers * (stack.bidirectional ? 2 : 1);
  const read = (kind: string): Kept[] =>
    Array.from({ length: parts.count }, (_, part) => {
      const params = [{ name: 'state', shape: [steps, batch * rows, stack.units] }];
      const own = `${name}.${kind}.${part}`;
      const group = builder.groups.index(
        owner,
        own,
        (): NamedGroup => ({ name: own, op: stateOp, params, publicNames: ['state'], buffer: true }),
      );
      const state = builder.tensor('f32', steps, [stack.units], rows);
      builder.node(`${own}.carry`, stateOp, {}, [], [state], -1, group);
      return { name: own, group, state };
    });
  const write = (kept: readonly Kept[], states: readonly SymbolicTensor[]): void =>
    kept.forEach(({ name: own, group }, part) => {
      builder.node(`${own}.keep`, stateOp, { write: true }, [states[part]], [], -1, group);
    });
  const h = read('h');
  const c = cells[stack.cell].hasCellState ? read('c') : [];
  const tensors = (kept: readonly Kept[]): SymbolicTensor[] => kept.map(({ state }) => state);
  return {
    read: c.length > 0 ? { h0: tensors(h), c0: tensors(c) } : { h0: tensors(h) },
    write(made) {
      write(h, made.states);
      write(c, made.cellStates);
    },
  };
}
