/**
 * The plain data that layers lower to and the native core compiles: tensors, nodes and parameter groups.
 * `layers/` writes it, `native.ts` hands it over; nothing here has behaviour.
 */

/** Element type of a tensor. */
export type DType = 'f32' | 'u8' | 'i32';

/**
 * How a GPU makes the products of recurrent, dense and convolutional layers; weights, their gradients and everything between layers are float32.
 * - `'fp32'`: float32 as it is
 * - `'tf32'`: tensor cores, with 10 bits of the factors' mantissas (GPUs before compute capability 8.0: as `'fp32'`)
 * - `'bf16'`: factors rounded to bfloat16 (8 bits, float32's range); compute capability 8.0 or newer, and for recurrent layers
 *   cuDNN 9.13 or newer
 * - `'fp16'`: factors rounded to float16 (11 bits, up to 65504), gradients scaled on their way through it
 */
export type Precision = 'fp32' | 'tf32' | 'bf16' | 'fp16';

/**
 * A tensor `[batch, ...dims]`, or `[batch, steps, ...dims]` when `steps` is above zero. `rows` above 1 is a second, fixed axis
 * behind the batch's that operations treat as more batch rows: `[batch, steps, rows, ...dims]`.
 */
export interface TensorSpec {
  readonly dtype: DType;
  readonly steps: number;
  readonly dims: readonly number[];
  /** @defaultValue 1 */
  readonly rows?: number;
}

/** A value of an operation's option. */
export type AttributeValue = number | boolean | string | Int32Array | Float32Array;

/** One operation. Tensor ids index {@link GraphSpec.tensors}; -1 leaves an input or output out. */
export interface NodeSpec {
  readonly name: string;
  readonly op: string;
  readonly attrs?: Readonly<Record<string, AttributeValue>>;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Index of the parameter group; -1 or absent: none. Nodes with the same group share its parameters. */
  readonly group?: number;
  /** Index of a buffer group that the operation keeps (running statistics, states); -1 or absent: none. */
  readonly buffers?: number;
}

/** Where a graph input comes from: a resident dataset, the run's row numbers, or one batch from the host. */
export type InputKind = 'slab' | 'indices' | 'value';

/** An input of the graph. */
export interface GraphInput {
  readonly name: string;
  readonly tensor: number;
  readonly kind: InputKind;
  /** Value inputs only: the gradient can be read after a backward pass. */
  readonly gradient?: boolean;
}

/** An output of the graph. */
export interface GraphOutput {
  readonly name: string;
  readonly tensor: number;
  /** The caller gives the gradient of this output, instead of a loss. */
  readonly seeded?: boolean;
}

/** A directed acyclic graph of operations. */
export interface GraphSpec {
  readonly tensors: readonly TensorSpec[];
  readonly nodes: readonly NodeSpec[];
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly GraphOutput[];
}

/** How a parameter gets its first values. */
export interface InitializerSpec {
  readonly kind:
    | 'zeros'
    | 'constant'
    | 'uniform'
    | 'normal'
    | 'glorotUniform'
    | 'orthogonal'
    | 'chrono'
    | 'uniformGate'
    | 'negated'
    | 'parts';
  /**
   * constant: the value; uniform: the limit; normal: the deviation; orthogonal: the gain; chrono: the longest memory in steps;
   * negated (in parts only): the number of the part to take.
   */
  readonly value?: number;
  /** orthogonal: the rows fall into this many blocks (gates), each orthogonal by itself. */
  readonly blocks?: number;
  /** parts: the rows fall into this many blocks (gates), each with an initializer of its own. */
  readonly parts?: readonly InitializerSpec[];
}

/** One parameter in PyTorch's name, order and shape. */
export interface ParamSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What holds the weights of one parameter down while it is trained; a parameter's rows are along its first axis. */
export interface ParamRule {
  /** The gradient grows by `2 * l2 * w`, before norm and clipping. Default 0. */
  readonly l2?: number;
  /** After an update each row is scaled down to this Euclidean norm where it is above. Default 0: no bound. */
  readonly maxNorm?: number;
}

/** The parameters of one layer. */
export interface GroupSpec {
  readonly name: string;
  readonly op: string;
  readonly attrs?: Readonly<Record<string, AttributeValue>>;
  readonly params: readonly ParamSpec[];
  readonly initializers?: readonly InitializerSpec[];
  /** One for each of the params; absent: none. */
  readonly rules?: readonly ParamRule[];
  /** Not optimised: normalisation, statistics. */
  readonly buffer?: boolean;
  readonly frozen?: boolean;
  readonly rateFactor?: number;
  readonly decayFactor?: number;
}
