/** Builds a {@link GraphSpec} from layers; the one place where tensor ids and parameter groups are handed out. */
import { CugruError } from '../errors.js';
import type {
  AttributeValue,
  DType,
  GraphInput,
  GraphOutput,
  GraphSpec,
  GroupSpec,
  InputKind,
  NodeSpec,
  Precision,
  TensorSpec,
} from '../graph_spec.js';

import type { DataSource } from './reading.js';

/** A tensor of the graph that is being built. */
export interface SymbolicTensor extends TensorSpec {
  readonly id: number;
  readonly rows: number;
}

/** A group with the names that its parameters have outside (PyTorch's), `<group>.<name>` in a state dict. */
export interface NamedGroup extends GroupSpec {
  readonly publicNames: readonly string[];
}

/** A recurrent state that a stream carries from step to step: indices of a graph input and a graph output. */
export interface CarriedState {
  readonly input: number;
  readonly output: number;
}

// Operations that make products.
const withProducts: ReadonlySet<string> = new Set(['rnn', 'dense', 'conv2d']);

type Attributes = NonNullable<GroupSpec['attrs']>;

/** Parameter groups of a model, in the order of first use, shared by all graphs that are built from its layers. */
export class GroupTable {
  readonly groups: NamedGroup[] = [];
  /** How products are made; left out: as the backend likes. */
  readonly #precision: Precision | undefined;
  readonly #indices = new Map<object, Map<string, number>>();

  constructor(precision?: Precision) {
    this.#precision = precision;
  }

  /** An operation's options with the precision of its products. */
  attributes(op: string, attrs: Attributes): Attributes {
    return this.#precision === undefined || !withProducts.has(op) ? attrs : { ...attrs, precision: this.#precision };
  }

  /**
   * The group of `owner` under `part`, made at the first call.
   * @throws {@link CugruError} `ERR_SHAPE` when a later use needs parameters of other shapes.
   */
  index(owner: object, part: string, make: () => NamedGroup): number {
    let parts = this.#indices.get(owner);
    if (parts === undefined) {
      parts = new Map();
      this.#indices.set(owner, parts);
    }
    const made = make();
    let index = parts.get(part);
    if (index === undefined) {
      index = this.groups.length;
      this.groups.push({ ...made, attrs: this.attributes(made.op, made.attrs ?? {}) });
      parts.set(part, index);
    }
    expectSameParams(this.groups[index] as NamedGroup, made);
    return index;
  }

  /** Indices of the groups that belong to `owner`. */
  of(owner: object): number[] {
    return [...(this.#indices.get(owner)?.values() ?? [])];
  }
}

// A layer that is used twice has one set of parameters.
function expectSameParams(first: NamedGroup, again: NamedGroup): void {
  first.params.forEach(({ name, shape }, i) => {
    const other = again.params[i]?.shape ?? [];
    if (shape.length === other.length && shape.every((dim, axis) => dim === other[axis])) return;
    throw new CugruError(
      'ERR_SHAPE',
      `${first.name} is shared, and its inputs differ: its ${name} is [${shape.join(', ')}], here it would be [${other.join(', ')}]`,
      { expected: shape, got: other },
    );
  });
}

/** What a graph is built for. */
export interface BuilderOptions {
  readonly groups: GroupTable;
  /** A stream sees one step at a time and carries its states. */
  readonly streaming?: boolean;
}

/** See the file's head. */
export class GraphBuilder {
  readonly groups: GroupTable;
  readonly streaming: boolean;
  readonly carried: CarriedState[] = [];
  /** Valid steps of each row of the inputs of the layer that is being lowered, where there are lengths. */
  lengths: SymbolicTensor | undefined;
  /** The data, once the graph has its input. */
  source: DataSource | undefined;
  // By name of a tensor, not by id: behind a masking layer the same elements go by another name.
  readonly #lengthsOf = new Map<SymbolicTensor, SymbolicTensor>();
  readonly #softmaxOf = new Map<number, SymbolicTensor>();
  readonly #claimed = new Set<object>();
  readonly #tensors: TensorSpec[] = [];
  readonly #nodes: NodeSpec[] = [];
  readonly #inputs: GraphInput[] = [];
  readonly #outputs: GraphOutput[] = [];

  constructor(options: BuilderOptions) {
    this.groups = options.groups;
    this.streaming = options.streaming ?? false;
  }

  tensor(dtype: DType, steps: number, dims: readonly number[], rows = 1): SymbolicTensor {
    this.#tensors.push({ dtype, steps, dims, rows });
    return { id: this.#tensors.length - 1, dtype, steps, dims, rows };
  }

  /** A tensor of another width: `of` with other dims. */
  like(of: SymbolicTensor, dims: readonly number[] = of.dims): SymbolicTensor {
    return this.tensor(of.dtype, of.steps, dims, of.rows);
  }

  /** A graph input with its index. */
  input(
    name: string,
    kind: InputKind,
    spec: TensorSpec,
    options: { readonly gradient?: boolean } = {},
  ): { readonly tensor: SymbolicTensor; readonly index: number } {
    const tensor = this.tensor(spec.dtype, spec.steps, spec.dims, spec.rows);
    this.#inputs.push({ name, kind, tensor: tensor.id, gradient: options.gradient ?? false });
    return { tensor, index: this.#inputs.length - 1 };
  }

  /** Makes `tensor` an output of the graph; returns the output's index. */
  output(name: string, tensor: SymbolicTensor, options: { readonly seeded?: boolean } = {}): number {
    this.#outputs.push({ name, tensor: tensor.id, seeded: options.seeded ?? false });
    return this.#outputs.length - 1;
  }

  node(
    name: string,
    op: string,
    attrs: Readonly<Record<string, AttributeValue>>,
    inputs: readonly (SymbolicTensor | undefined)[],
    outputs: readonly (SymbolicTensor | undefined)[],
    group = -1,
    buffers = -1,
  ): void {
    const ids = (list: readonly (SymbolicTensor | undefined)[]): number[] => list.map((tensor) => tensor?.id ?? -1);
    this.#nodes.push({
      name,
      op,
      attrs: this.groups.attributes(op, attrs),
      inputs: ids(inputs),
      outputs: ids(outputs),
      group,
      buffers,
    });
  }

  /** How many steps of a tensor's rows are valid, where there are lengths. */
  lengthsOf(tensor: SymbolicTensor): SymbolicTensor | undefined {
    return this.#lengthsOf.get(tensor);
  }

  /** Notes that a layer keeps something in this graph; false when it did so before. */
  claim(owner: object): boolean {
    const first = !this.#claimed.has(owner);
    this.#claimed.add(owner);
    return first;
  }

  /** Says how many steps of a tensor's rows are valid. */
  setLengths(tensor: SymbolicTensor, lengths: SymbolicTensor): void {
    this.#lengthsOf.set(tensor, lengths);
  }

  /**
   * Lowers a layer with `lengths` set to those of the first of its inputs that has some. Outputs with as many steps keep them; so do
   * all sequences that come out when the layer has set others.
   */
  withLengths(inputs: readonly SymbolicTensor[], lower: () => readonly SymbolicTensor[]): readonly SymbolicTensor[] {
    const from = inputs.find((input) => this.#lengthsOf.has(input));
    const before = from === undefined ? undefined : this.#lengthsOf.get(from);
    this.lengths = before;
    const outputs = lower();
    const after = this.lengths;
    this.lengths = undefined;
    if (after === undefined) return outputs;
    for (const output of outputs) {
      if (output.steps > 0 && (after !== before || output.steps === from?.steps)) this.setLengths(output, after);
    }
    return outputs;
  }

  /** Keeps in mind that a tensor is the softmax of another, for a loss that wants the sums. */
  setSums(softmax: SymbolicTensor, sums: SymbolicTensor): void {
    this.#softmaxOf.set(softmax.id, sums);
  }

  /** What a tensor is the softmax of, if it is one. */
  sumsOf(tensor: SymbolicTensor): SymbolicTensor | undefined {
    return this.#softmaxOf.get(tensor.id);
  }

  build(): GraphSpec {
    return { tensors: this.#tensors, nodes: this.#nodes, inputs: this.#inputs, outputs: this.#outputs };
  }
}

/** "[batch, 28 steps, 128]": a shape for messages. */
export function describeShape(tensor: TensorSpec): string {
  const axes = tensor.steps > 0 ? [`${tensor.steps} steps`] : [];
  if ((tensor.rows ?? 1) > 1) axes.push(`${tensor.rows} rows`);
  return `[${['batch', ...axes, ...tensor.dims.map(String)].join(', ')}]`;
}

/** Refuses a tensor that is not `[batch, steps, features]`. */
export function expectSequence(layer: string, tensor: SymbolicTensor): void {
  if (tensor.steps >= 1 && tensor.dims.length === 1) return;
  throw new CugruError(
    'ERR_SHAPE',
    `${layer} expects [batch, steps, features], got ${describeShape(tensor)}; ` +
      'begin with image.toSequence(...) for images, and set returnSequences on the recurrent layer before this one',
    { got: tensor.dims, steps: tensor.steps },
  );
}
