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
const withProducts: ReadonlySet<string> = new Set(['rnn', 'dense']);

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

  /** The group of `owner` under `part`, made at the first call. */
  index(owner: object, part: string, make: () => NamedGroup): number {
    let parts = this.#indices.get(owner);
    if (parts === undefined) {
      parts = new Map();
      this.#indices.set(owner, parts);
    }
    let index = parts.get(part);
    if (index === undefined) {
      index = this.groups.length;
      const group = make();
      this.groups.push({ ...group, attrs: this.attributes(group.op, group.attrs ?? {}) });
      parts.set(part, index);
    }
    return index;
  }

  /** Indices of the groups that belong to `owner`. */
  of(owner: object): number[] {
    return [...(this.#indices.get(owner)?.values() ?? [])];
  }
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
  /** Valid steps of each row, where the data has lengths. */
  lengths: SymbolicTensor | undefined;
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
