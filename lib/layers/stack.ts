/** Lowering of a recurrent stack: one native op, or one for each layer with dropout in between. */
import { CugruError } from '../errors.js';
import type { InitializerSpec, ParamSpec } from '../graph_spec.js';
import type { GraphBuilder, NamedGroup, SymbolicTensor } from './builder.js';
import { type CellName, cellParams, cells } from './cells.js';
import { type BiasInitializer, biasSpecs } from './gate_bias.js';
import { type Initializer, initializerSpec } from './initializers.js';
import { groupRules, type RecurrentWeightOptions } from './rules.js';

/** Sizes and options of a stack. */
export interface StackOptions extends RecurrentWeightOptions {
  readonly cell: CellName;
  readonly units: number;
  readonly numLayers: number;
  readonly bidirectional: boolean;
  /** Between layers. */
  readonly dropout: number;
  readonly kernelInitializer: Initializer;
  readonly recurrentInitializer: Initializer;
  readonly biasInitializer: BiasInitializer;
  /** The bias of the gate that keeps starts at 1. */
  readonly unitForgetBias: boolean;
}

/** What a stack takes besides its input: first states, one for each native op, in order. */
export interface StackInputs {
  readonly h0?: readonly SymbolicTensor[] | undefined;
  readonly c0?: readonly SymbolicTensor[] | undefined;
  readonly lengths?: SymbolicTensor | undefined;
}

/** What a stack gives: the last layer's sequence, and the final states of the layers of each native op. */
export interface StackOutputs {
  readonly sequence: SymbolicTensor;
  readonly states: readonly SymbolicTensor[];
  /** Empty for cells without a cell state. */
  readonly cellStates: readonly SymbolicTensor[];
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
      params.push(...cellParams(o.cell, width, o.units, `_l${publicNames ? layer : layer - first}${direction}`));
    }
  }
  return params;
}

function initializers(o: StackOptions, params: readonly ParamSpec[]): InitializerSpec[] {
  const gates = cells[o.cell].gates.length;
  const bias = biasSpecs(o.cell, o.biasInitializer, o.units, o.unitForgetBias);
  return params.map(({ name }) => {
    if (name.startsWith('weight_ih')) return initializerSpec(o.kernelInitializer, o.units, gates);
    if (name.startsWith('weight_hh')) return initializerSpec(o.recurrentInitializer, o.units, gates);
    return name.startsWith('bias_ih') ? bias.input : bias.state;
  });
}

function rules(o: StackOptions, params: readonly ParamSpec[]): ReturnType<typeof groupRules> {
  const { kernelL2 = 0, recurrentL2 = 0, maxNorm = 0 } = o;
  return groupRules(
    params.map(({ name }) => {
      if (!name.startsWith('weight')) return null;
      return { l2: name.startsWith('weight_ih') ? kernelL2 : recurrentL2, maxNorm };
    }),
  );
}

function attrsOf(o: StackOptions, layers: number): NonNullable<NamedGroup['attrs']> {
  return { cell: o.cell, units: o.units, layers, bidirectional: o.bidirectional };
}

function stackGroup(name: string, inputSize: number, o: StackOptions, first: number, count: number): NamedGroup {
  const params = stackParams(inputSize, o, first, count, false);
  return {
    name,
    op: 'rnn',
    attrs: attrsOf(o, count),
    params,
    publicNames: stackParams(inputSize, o, first, count, true).map((param) => param.name),
    initializers: initializers(o, params),
    ...rules(o, params),
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

/** One native op of a stack: layers [first, first + layers). */
interface Part {
  readonly name: string;
  readonly group: number;
  readonly layers: number;
  readonly h0: SymbolicTensor | undefined;
  readonly c0: SymbolicTensor | undefined;
  readonly lengths: SymbolicTensor | undefined;
}

interface PartOutputs {
  readonly y: SymbolicTensor;
  readonly hN: SymbolicTensor;
  readonly cN: SymbolicTensor | undefined;
}

// A stream carries the states of each part from step to step.
function lowerPart(builder: GraphBuilder, o: StackOptions, x: SymbolicTensor, part: Part): PartOutputs {
  const directions = o.bidirectional ? 2 : 1;
  const { hasCellState } = cells[o.cell];
  const states = { dtype: 'f32', steps: part.layers * directions, dims: [o.units], rows: x.rows } as const;
  const carry = (name: string) =>
    builder.streaming ? builder.input(`${part.name}.${name}`, 'value', states) : undefined;
  const h0 = carry('h0');
  const c0 = hasCellState ? carry('c0') : undefined;
  const state = () => builder.tensor('f32', states.steps, states.dims, states.rows);
  const y = builder.like(x, [directions * o.units]);
  const hN = state();
  const cN = hasCellState ? state() : undefined;
  builder.node(
    part.name,
    'rnn',
    attrsOf(o, part.layers),
    [x, h0?.tensor ?? part.h0, part.lengths, ...(hasCellState ? [c0?.tensor ?? part.c0] : [])],
    [y, hN, ...(cN === undefined ? [] : [cN])],
    part.group,
  );
  if (h0 !== undefined) builder.carried.push({ input: h0.index, output: builder.output(`${part.name}.hN`, hN) });
  if (c0 !== undefined && cN !== undefined) {
    builder.carried.push({ input: c0.index, output: builder.output(`${part.name}.cN`, cN) });
  }
  return { y, hN, cN };
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
  const { layers } = stackParts(o);
  const inputSize = input.dims[0] ?? 0;
  let x = input;
  const parts: PartOutputs[] = [];
  for (let first = 0; first < o.numLayers; first += layers) {
    const part = o.numLayers === layers ? name : `${name}.l${first}`;
    const group = builder.groups.index(owner, part, () => stackGroup(name, inputSize, o, first, layers));
    const [h0, c0] = [extra.h0?.[parts.length], extra.c0?.[parts.length]];
    const made = lowerPart(builder, o, x, { name: part, group, layers, h0, c0, lengths: extra.lengths });
    parts.push(made);
    x = made.y;
    if (first + layers < o.numLayers) {
      x = builder.like(made.y);
      builder.node(`${part}.dropout`, 'dropout', { rate: o.dropout }, [made.y], [x]);
    }
  }
  return {
    sequence: x,
    states: parts.map(({ hN }) => hN),
    cellStates: parts.flatMap(({ cN }) => (cN === undefined ? [] : [cN])),
  };
}

/** The last layer's final state `[batch, directions * units]`. */
export function lowerLastState(
  builder: GraphBuilder,
  name: string,
  hN: SymbolicTensor,
  o: Pick<StackOptions, 'units' | 'bidirectional'>,
): SymbolicTensor {
  const directions = o.bidirectional ? 2 : 1;
  const last = builder.tensor('f32', 0, [directions * o.units], hN.rows);
  builder.node(`${name}.last`, 'lastState', { directions }, [hN], [last]);
  return last;
}
