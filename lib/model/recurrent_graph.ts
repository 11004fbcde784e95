/** The graphs of a recurrent stack on its own: for batches, and for a stream. */
import type { GraphSpec } from '../graph_spec.js';
import { GraphBuilder, type GroupTable, type SymbolicTensor } from '../layers/builder.js';
import { cells } from '../layers/cells.js';
import { lowerLastState, lowerStack, type StackOptions, stackParts } from '../layers/stack.js';
import type { StreamGraph } from './stream.js';

/** What the graph of a call depends on, besides the stack. */
export interface CallShape {
  readonly batch: number;
  readonly steps: number;
  readonly h0: boolean;
  readonly c0: boolean;
  readonly lengths: boolean;
  readonly training: boolean;
}

/** Places in a graph. States have one for each native op; `c0` and `cN` are empty where a cell has none. */
export interface Places {
  readonly inputs: {
    readonly x: number;
    readonly h0: readonly number[];
    readonly c0: readonly number[];
    readonly lengths: number;
  };
  readonly outputs: { readonly y: number; readonly hN: readonly number[]; readonly cN: readonly number[] };
}

/** A stack with the owner of its parameters. */
export interface StackSpec {
  readonly name: string;
  readonly owner: object;
  readonly groups: GroupTable;
  readonly inputSize: number;
  readonly stack: StackOptions;
}

/** The graph of a forward and, in training, of its backward. */
export function lowerCall(spec: StackSpec, call: CallShape): Places & { readonly graph: GraphSpec } {
  const { stack } = spec;
  const { training: gradient } = call;
  const builder = new GraphBuilder({ groups: spec.groups });
  const x = builder.input('x', 'value', { dtype: 'f32', steps: call.steps, dims: [spec.inputSize] }, { gradient });
  const parts = stackParts(stack);
  const states = {
    dtype: 'f32',
    steps: parts.layers * (stack.bidirectional ? 2 : 1),
    dims: [stack.units],
  } as const;
  const firstStates = (name: string, given: boolean) =>
    Array.from({ length: given ? parts.count : 0 }, (_, i) =>
      builder.input(`${name}.${i}`, 'value', states, { gradient }),
    );
  const h0 = firstStates('h0', call.h0);
  const c0 = firstStates('c0', call.c0 && cells[stack.cell].hasCellState);
  const lengths = call.lengths ? builder.input('lengths', 'value', { dtype: 'i32', steps: 0, dims: [] }) : undefined;
  const made = lowerStack(builder, spec.owner, spec.name, x.tensor, stack, {
    h0: h0.map(({ tensor }) => tensor),
    c0: c0.map(({ tensor }) => tensor),
    lengths: lengths?.tensor,
  });
  const outputs = (name: string, tensors: readonly SymbolicTensor[]) =>
    tensors.map((tensor, i) => builder.output(`${name}.${i}`, tensor, { seeded: gradient }));
  const y = builder.output('y', made.sequence, { seeded: gradient });
  return {
    inputs: {
      x: x.index,
      h0: h0.map(({ index }) => index),
      c0: c0.map(({ index }) => index),
      lengths: lengths?.index ?? -1,
    },
    outputs: { y, hN: outputs('hN', made.states), cN: outputs('cN', made.cellStates) },
    graph: builder.build(),
  };
}

/** The graph of one streaming step, which gives the last layer's state. */
export function lowerSteps({ name, owner, groups, inputSize, stack }: StackSpec): StreamGraph {
  const builder = new GraphBuilder({ groups, streaming: true });
  const x = builder.input('x', 'slab', { dtype: 'f32', steps: 0, dims: [inputSize] });
  const indices = builder.input('indices', 'indices', { dtype: 'i32', steps: 0, dims: [] });
  const sequence = builder.tensor('f32', 1, [inputSize]);
  builder.node('gather', 'gather', {}, [x.tensor, indices.tensor], [sequence]);
  const { states } = lowerStack(builder, owner, name, sequence, stack);
  const last = lowerLastState(builder, name, states.at(-1) as SymbolicTensor, stack);
  const output = builder.output('last', last);
  return { graph: builder.build(), input: x.index, output, carried: builder.carried };
}
