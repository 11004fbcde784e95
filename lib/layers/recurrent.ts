/** Lowering of a recurrent stack: one native op, or one for each layer with dropout in between. */
import { CugruError } from '../errors.js';
import type { InitializerSpec, ParamSpec } from '../graph_spec.js';
import type { GraphBuilder, NamedGroup, SymbolicTensor } from './builder.js';
import { type Initializer, initializerSpec } from './initializers.js';

/** Sizes and options of a stack. */
export interface StackOptions {
  readonly units: number;
  readonly numLayers: number;
  readonly bidirectional: boolean;
  /** Between layers. */
  readonly dropout: number;
  readonly kernelInitializer: Initializer;
  readonly recurrentInitializer: Initializer;
  readonly biasInitializer: Initializer;
}

/** What a stack takes besides its input. */
export interface StackInputs {
  /** One for each native op, in order. */
  readonly h0?: readonly SymbolicTensor[] | undefined;
  readonly lengths?: SymbolicTensor | undefined;
}

/** What a stack gives: the last layer's sequence, and the final states of the layers of each native op. */
export interface StackOutputs {
  readonly sequence: SymbolicTensor;
  readonly states: readonly SymbolicTensor[];
}

const gates = 3;

function layerParams(inputSize: number, units: number, suffix: string): ParamSpec[] {
  return [
    { name: `weight_ih${suffix}`, shape: [gates * units, inputSize] },
    { name: `weight_hh${suffix}`, shape: [gates * units, units] },
    { name: `bias_ih${suffix}`, shape: [gates * units] },
    { name: `bias_hh${suffix}`, shape: [gates * units] },
  ];
}

/** Parameters of layers [first, first + count) of a stack, under the names of layers [0, count) or their own. */
function stackParams(
  inputSize: number,
  o: StackOptions,
  first: number,
  count: number,
  publicNames: boolean,
): ParamSpec[] {
  const directions = o.bidirectional ? ['', '_reverse'] : [''];
  const params: ParamSpec[] = [];
  for (let layer = first; layer < first + count; layer++) {
    const width = layer === 0 ? inputSize : o.units * directions.length;
    for (const direction of directions) {
      params.push(...layerParams(width, o.units, `_l${publicNames ? layer : layer - first}${direction}`));
    }
  }
  return params;
}

function initializers(o: StackOptions, params: readonly ParamSpec[]): InitializerSpec[] {
  return params.map(({ name }) => {
    if (name.startsWith('weight_ih')) return initializerSpec(o.kernelInitializer, o.units, gates);
    if (name.startsWith('weight_hh')) return initializerSpec(o.recurrentInitializer, o.units, gates);
    return initializerSpec(o.biasInitializer, o.units, gates);
  });
}

function stackGroup(name: string, inputSize: number, o: StackOptions, first: number, count: number): NamedGroup {
  const params = stackParams(inputSize, o, first, count, false);
  return {
    name,
    op: 'rnn',
    attrs: { cell: 'gru', units: o.units, layers: count, bidirectional: o.bidirectional },
    params,
    publicNames: stackParams(inputSize, o, first, count, true).map((param) => param.name),
    initializers: initializers(o, params),
  };
}

/** How many native ops a stack becomes, and how many layers each has. */
export function stackParts(o: Pick<StackOptions, 'numLayers' | 'dropout'>): {
  readonly count: number;
  readonly layers: number;
} {
  const layers = o.dropout > 0 ? 1 : o.numLayers;
  return { count: o.numLayers / layers, layers };
}

/** Adds the stack's nodes. `owner` keys the parameters. */
export function lowerStack(
  builder: GraphBuilder,
  owner: object,
  name: string,
  input: SymbolicTensor,
  o: StackOptions,
  extra: StackInputs = {},
): StackOutputs {
  if (builder.streaming && o.bidirectional) {
    throw new CugruError('ERR_UNSUPPORTED', `${name} is bidirectional: it needs the whole sequence, and cannot stream`);
  }
  const directions = o.bidirectional ? 2 : 1;
  const perOp = stackParts(o).layers;
  let x = input;
  const states: SymbolicTensor[] = [];
  for (let first = 0; first < o.numLayers; first += perOp) {
    const part = o.numLayers === perOp ? name : `${name}.l${first}`;
    const inputSize = input.dims[0] ?? 0;
    const group = builder.groups.index(owner, part, () => stackGroup(name, inputSize, o, first, perOp));
    const stateSpec = { dtype: 'f32', steps: perOp * directions, dims: [o.units] } as const;
    const carried = builder.streaming ? builder.input(`${part}.h0`, 'value', stateSpec) : undefined;
    const y = builder.tensor('f32', x.steps, [directions * o.units]);
    const hN = builder.tensor('f32', stateSpec.steps, stateSpec.dims);
    const attrs = { cell: 'gru', units: o.units, layers: perOp, bidirectional: o.bidirectional };
    builder.node(part, 'rnn', attrs, [x, carried?.tensor ?? extra.h0?.[states.length], extra.lengths], [y, hN], group);
    if (carried !== undefined) {
      builder.carried.push({ input: carried.index, output: builder.output(`${part}.hN`, hN) });
    }
    states.push(hN);
    x = y;
    if (first + perOp < o.numLayers) {
      x = builder.tensor('f32', y.steps, y.dims);
      builder.node(`${part}.dropout`, 'dropout', { rate: o.dropout }, [y], [x]);
    }
  }
  return { sequence: x, states };
}

/** The last layer's final state `[batch, directions * units]`. */
export function lowerLastState(
  builder: GraphBuilder,
  name: string,
  hN: SymbolicTensor,
  o: Pick<StackOptions, 'units' | 'bidirectional'>,
): SymbolicTensor {
  const directions = o.bidirectional ? 2 : 1;
  const last = builder.tensor('f32', 0, [directions * o.units]);
  builder.node(`${name}.last`, 'lastState', { directions }, [hN], [last]);
  return last;
}
