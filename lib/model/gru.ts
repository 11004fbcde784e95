/** The recurrent operation alone, for those who write their own loop. */
import { expectBoolean, expectInteger, expectNumber, expectTypedArray, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import type { GraphSpec } from '../graph_spec.js';
import { GraphBuilder, GroupTable, type SymbolicTensor } from '../layers/builder.js';
import { lowerLastState, lowerStack, type StackOptions, stackParts } from '../layers/recurrent.js';
import {
  type BufferHandle,
  type HostBinding,
  native,
  type ProgramHandle,
  type RunRequest,
  type StoreHandle,
  segments,
} from '../native.js';
import { Lru } from './lru.js';
import { type Device, disposeWhenMade, Runtime } from './runtime.js';
import { ModelStream, openStreamer } from './stream.js';
import { elements, expectTensor, type Tensor } from './tensor.js';
import { fromBuffer, toBuffer } from './transfer.js';
import { type StateDict, WeightTable } from './weights.js';

/** Options of {@link GRU}, as PyTorch names them. */
export interface GRUOptions {
  /** Features of one step, at least 1. */
  readonly inputSize: number;
  /** Units of each layer and direction, at least 1. */
  readonly hiddenSize: number;
  /** @defaultValue 1 */
  readonly numLayers?: number;
  /** @defaultValue false */
  readonly bidirectional?: boolean;
  /**
   * Share of units dropped between layers in a training forward, in [0, 1).
   * @defaultValue 0
   */
  readonly dropout?: number;
  /** @defaultValue 'auto' */
  readonly device?: Device;
  /**
   * Of the first weights and of dropout.
   * @defaultValue 0
   */
  readonly seed?: number;
  /** @internal Forces an instruction set, for tests. */
  readonly isa?: string;
}

/** What {@link GRU.forward} takes besides the input. */
export interface GRUForwardOptions {
  /** First states `[numLayers * directions, batch, hiddenSize]`; zeros by default. */
  readonly h0?: Tensor;
  /** Valid steps of each row, from 1 to `steps`; all by default. */
  readonly lengths?: Int32Array;
  /**
   * Keep what {@link GRU.backward} needs, and apply dropout.
   * @defaultValue false
   */
  readonly training?: boolean;
}

/** What {@link GRU.forward} gives. */
export interface GRUOutput {
  /** `[batch, steps, directions * hiddenSize]` of the last layer; 0 beyond a row's length. */
  readonly output: Tensor;
  /** Final states `[numLayers * directions, batch, hiddenSize]`; for shorter rows those of their last valid step. */
  readonly hN: Tensor;
}

/** What {@link GRU.backward} takes: gradients of a loss with respect to the last forward's results; zero by default. */
export interface GRUBackwardOptions {
  readonly output?: Tensor;
  readonly hN?: Tensor;
  /**
   * Add to the parameter gradients of earlier calls.
   * @defaultValue false
   */
  readonly accumulate?: boolean;
}

/** What {@link GRU.backward} gives. */
export interface GRUGradients {
  /** `[batch, steps, inputSize]` */
  readonly input: Tensor;
  /** As `h0`, when the forward had one. */
  readonly h0: Tensor | undefined;
  /** By parameter name. */
  readonly parameters: StateDict;
}

interface Compiled {
  readonly handle: ProgramHandle;
  readonly inputs: { readonly x: number; readonly h0: readonly number[]; readonly lengths: number };
  readonly outputs: { readonly y: number; readonly hN: readonly number[] };
}

interface Pass {
  readonly program: Compiled;
  readonly batch: number;
  readonly steps: number;
  readonly seed: number;
  readonly hasState: boolean;
}

// [states, batch, hidden] and back: JavaScript's batch-major order of a state is [batch, states, hidden].
function swapLeadingAxes(data: Float32Array, rows: number, columns: number, width: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const from = (r * columns + c) * width;
      out.set(data.subarray(from, from + width), (c * rows + r) * width);
    }
  }
  return out;
}

/**
 * A GRU stack on its own: `forward`, `backward`, `stateDict`, and steps. Names, shapes and equations are those of PyTorch's
 * `nn.GRU(batch_first=True)`; first weights are uniform in ±1/sqrt(hiddenSize).
 *
 * Calls are queued and run one after the other on a native thread.
 */
export class GRU {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bidirectional: boolean;
  /** Where it runs: 'cpu' or 'cuda:0'. */
  readonly device: string;
  readonly #stack: StackOptions;
  readonly #runtime: Runtime;
  readonly #groups = new GroupTable();
  readonly #programs: Lru<Promise<Compiled>>;
  readonly #seed: number;
  #ready: Promise<StoreHandle> | undefined;
  #calls = 0;
  #last: Pass | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  /** @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`, `ERR_CUDA_UNAVAILABLE`. */
  constructor(options: GRUOptions) {
    rejectUnknownKeys('GRU', options, [
      'inputSize',
      'hiddenSize',
      'numLayers',
      'bidirectional',
      'dropout',
      'device',
      'seed',
      'isa',
    ]);
    this.inputSize = expectInteger('inputSize', options.inputSize, { min: 1, max: 2 ** 20 });
    this.hiddenSize = expectInteger('hiddenSize', options.hiddenSize, { min: 1, max: 2 ** 20 });
    this.numLayers = expectInteger('numLayers', options.numLayers ?? 1, { min: 1, max: 256 });
    this.bidirectional = expectBoolean('bidirectional', options.bidirectional ?? false);
    this.#seed = expectInteger('seed', options.seed ?? 0, { min: 0, max: 2 ** 52 });
    const dropout = expectNumber('dropout', options.dropout ?? 0, { min: 0, below: 1 });
    this.#stack = {
      units: this.hiddenSize,
      numLayers: this.numLayers,
      bidirectional: this.bidirectional,
      // Between layers: a single one has none.
      dropout: this.numLayers > 1 ? dropout : 0,
      kernelInitializer: 'uniform',
      recurrentInitializer: 'uniform',
      biasInitializer: 'uniform',
    };
    this.#runtime = new Runtime(options.device ?? 'auto', options.isa);
    this.device = this.#runtime.device;
    this.#programs = new Lru(
      8,
      (program) =>
        void program.then(
          ({ handle }) => this.#retire(handle),
          () => {},
        ),
    );
    this.#lower(1, 1, false, false, false);
  }

  /**
   * Runs the whole stack over a batch.
   * @param x - `[batch, steps, inputSize]`
   * @throws {@link CugruError} `ERR_SHAPE`, `ERR_RANGE` (lengths), `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
   */
  forward(x: Tensor, options: GRUForwardOptions = {}): Promise<GRUOutput> {
    return this.#inOrder(() => this.#forward(x, options));
  }

  async #forward(x: Tensor, options: GRUForwardOptions): Promise<GRUOutput> {
    rejectUnknownKeys('GRU.forward', options, ['h0', 'lengths', 'training']);
    const [batch, steps] = expectTensor('x', x, ['batch', 'steps', 'inputSize'], [undefined, undefined, this.inputSize])
      .shape as [number, number, number];
    const { h0, lengths } = options;
    const training = expectBoolean('training', options.training ?? false);
    if (h0 !== undefined)
      expectTensor('h0', h0, ['numLayers * directions', 'batch', 'hiddenSize'], this.#stateShape(batch));
    if (lengths !== undefined) this.#expectLengths(lengths, batch, steps);
    const program = await this.#program(batch, steps, h0 !== undefined, lengths !== undefined, training);
    const inputs: HostBinding[] = [{ index: program.inputs.x, buffer: await toBuffer('x', x.data) }];
    if (h0 !== undefined) inputs.push(...(await this.#stateBindings('h0', h0, batch, program.inputs.h0)));
    if (lengths !== undefined) {
      inputs.push({ index: program.inputs.lengths, buffer: await toBuffer('lengths', lengths) });
    }
    const width = this.hiddenSize * this.#directions;
    const y = native().createBuffer(batch * steps * width * 4);
    const states = this.#stateBuffers(batch, program.outputs.hN);
    const seed = this.#seed + this.#calls++;
    await this.#run(program, {
      segments: segments.forward,
      rows: batch,
      seed,
      inputs,
      outputs: [{ index: program.outputs.y, buffer: y }, ...states],
    });
    if (training) this.#last = { program, batch, steps, seed, hasState: h0 !== undefined };
    return {
      output: { data: await fromBuffer(y, new Float32Array(batch * steps * width)), shape: [batch, steps, width] },
      hN: await this.#readStates(states, batch),
    };
  }

  /**
   * Gradients of the last forward with `training: true`. May be called once for each.
   * @throws {@link CugruError} `ERR_STATE` without such a forward, `ERR_SHAPE`.
   */
  backward(gradients: GRUBackwardOptions): Promise<GRUGradients> {
    return this.#inOrder(() => this.#backward(gradients));
  }

  async #backward(gradients: GRUBackwardOptions): Promise<GRUGradients> {
    rejectUnknownKeys('GRU.backward', gradients, ['output', 'hN', 'accumulate']);
    const accumulate = expectBoolean('accumulate', gradients.accumulate ?? false);
    const pass = this.#last;
    if (pass === undefined)
      throw new CugruError('ERR_STATE', 'backward needs a forward with { training: true } before it');
    const { batch, steps, program } = pass;
    const width = this.hiddenSize * this.#directions;
    const seeds: HostBinding[] = [];
    if (gradients.output !== undefined) {
      expectTensor('output', gradients.output, ['batch', 'steps', 'directions * hiddenSize'], [batch, steps, width]);
      seeds.push({ index: program.outputs.y, buffer: await toBuffer('output', gradients.output.data) });
    }
    if (gradients.hN !== undefined) {
      expectTensor('hN', gradients.hN, ['numLayers * directions', 'batch', 'hiddenSize'], this.#stateShape(batch));
      seeds.push(...(await this.#stateBindings('hN', gradients.hN, batch, program.outputs.hN)));
    }
    this.#last = undefined;
    const dx = native().createBuffer(batch * steps * this.inputSize * 4);
    const dh0 = pass.hasState ? this.#stateBuffers(batch, program.inputs.h0) : [];
    await this.#run(program, {
      segments: segments.backward | (accumulate ? 0 : segments.zeroGradients),
      rows: batch,
      seed: pass.seed,
      seeds,
      gradients: [{ index: program.inputs.x, buffer: dx }, ...dh0],
    });
    const input = await fromBuffer(dx, new Float32Array(batch * steps * this.inputSize));
    return {
      input: { data: input, shape: [batch, steps, this.inputSize] },
      h0: pass.hasState ? await this.#readStates(dh0, batch) : undefined,
      parameters: await this.#table().read(await this.#store(), 'gradients', false),
    };
  }

  /**
   * One time step of a batch.
   * @param x - `[batch, inputSize]`
   * @param h - states before, `[numLayers * directions, batch, hiddenSize]`; zeros by default.
   * @returns the states after. For one row at a time, {@link GRU.stream} is faster.
   */
  async step(x: Tensor, h?: Tensor): Promise<Tensor> {
    expectTensor('x', x, ['batch', 'inputSize'], [undefined, this.inputSize]);
    const sequence = { data: x.data, shape: [x.shape[0] as number, 1, this.inputSize] };
    return (await this.forward(sequence, h === undefined ? {} : { h0: h })).hN;
  }

  /**
   * Opens a stream on a copy of the current weights; a step gives the last layer's state.
   * @throws {@link CugruError} `ERR_UNSUPPORTED` for bidirectional stacks, and on a GPU.
   */
  stream(): Promise<ModelStream> {
    return this.#inOrder(() => this.#stream());
  }

  async #stream(): Promise<ModelStream> {
    const builder = new GraphBuilder({ groups: this.#groups, streaming: true });
    const x = builder.input('x', 'slab', { dtype: 'f32', steps: 0, dims: [this.inputSize] });
    const indices = builder.input('indices', 'indices', { dtype: 'i32', steps: 0, dims: [] });
    const sequence = builder.tensor('f32', 1, [this.inputSize]);
    builder.node('gather', 'gather', {}, [x.tensor, indices.tensor], [sequence]);
    const { states } = lowerStack(builder, this, 'gru', sequence, this.#stack);
    const last = lowerLastState(builder, 'gru', states.at(-1) as SymbolicTensor, this.#stack);
    const output = builder.output('last', last);
    const spec = { graph: builder.build(), input: x.index, output, carried: builder.carried };
    return new ModelStream(await openStreamer(await this.#store(), spec));
  }

  /** Copies of all parameters under PyTorch's names. */
  stateDict(): Promise<StateDict> {
    return this.#inOrder(async () => this.#table().read(await this.#store(), 'parameters', false));
  }

  /** Sets all parameters. @throws {@link CugruError} `ERR_VALUE` (names), `ERR_SHAPE`, `ERR_NOT_FINITE`; nothing changes then. */
  loadStateDict(dict: Readonly<StateDict>): Promise<void> {
    return this.#inOrder(async () => this.#table().write(await this.#store(), 'parameters', dict, { prefix: false }));
  }

  /** Frees all native memory. Calls that wait fail with `ERR_DISPOSED`. */
  dispose(): void {
    this.#programs.clear();
    disposeWhenMade(this.#ready);
    this.#runtime.close();
  }

  /** As {@link dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  // One call after the other, in the order in which they were made: a backward belongs to the forward before it.
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => {});
    return result;
  }

  // A program that backward still needs is left to the garbage collector.
  #retire(handle: ProgramHandle): void {
    if (this.#last?.program.handle !== handle) native().dispose(handle);
  }

  get #directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  #stateShape(batch: number): [number, number, number] {
    return [this.numLayers * this.#directions, batch, this.hiddenSize];
  }

  #table(): WeightTable {
    return new WeightTable(this.#groups.groups);
  }

  async #store(): Promise<StoreHandle> {
    this.#runtime.expectOpen('GRU');
    this.#ready ??= (async () => {
      const store = await this.#runtime.createStore(this.#groups.groups);
      await native().storeInitialize(store, this.#seed);
      return store;
    })();
    return this.#ready;
  }

  #expectLengths(lengths: Int32Array, batch: number, steps: number): void {
    expectTypedArray('lengths', lengths, Int32Array);
    if (lengths.length !== batch) {
      throw new CugruError('ERR_SHAPE', `lengths must be [batch=${batch}], got [${lengths.length}]`);
    }
    const wrong = lengths.findIndex((length) => length < 1 || length > steps);
    if (wrong >= 0) {
      throw new CugruError(
        'ERR_RANGE',
        `lengths must be from 1 to ${steps} steps, got ${lengths[wrong]} at row ${wrong}`,
      );
    }
  }

  #lower(
    batch: number,
    steps: number,
    state: boolean,
    lengths: boolean,
    training: boolean,
  ): Omit<Compiled, 'handle'> & { graph: GraphSpec } {
    void batch;
    const builder = new GraphBuilder({ groups: this.#groups });
    const x = builder.input('x', 'value', { dtype: 'f32', steps, dims: [this.inputSize] }, { gradient: training });
    const parts = stackParts(this.#stack);
    const spec = { dtype: 'f32', steps: parts.layers * this.#directions, dims: [this.hiddenSize] } as const;
    const h0 = Array.from({ length: state ? parts.count : 0 }, (_, i) =>
      builder.input(`h0.${i}`, 'value', spec, { gradient: training }),
    );
    const length = lengths ? builder.input('lengths', 'value', { dtype: 'i32', steps: 0, dims: [] }) : undefined;
    const { sequence, states } = lowerStack(builder, this, 'gru', x.tensor, this.#stack, {
      h0: h0.map(({ tensor }) => tensor),
      lengths: length?.tensor,
    });
    const y = builder.output('y', sequence, { seeded: training });
    const hN = states.map((tensor, i) => builder.output(`hN.${i}`, tensor, { seeded: training }));
    return {
      graph: builder.build(),
      inputs: { x: x.index, h0: h0.map(({ index }) => index), lengths: length?.index ?? -1 },
      outputs: { y, hN },
    };
  }

  #program(batch: number, steps: number, state: boolean, lengths: boolean, training: boolean): Promise<Compiled> {
    const key = [batch, steps, state, lengths, training].join();
    return this.#programs.get(key, async () => {
      try {
        const { graph, inputs, outputs } = this.#lower(batch, steps, state, lengths, training);
        const handle = await this.#runtime.compile(await this.#store(), graph, training ? 'train' : 'predict', batch);
        return { handle, inputs, outputs };
      } catch (error) {
        this.#programs.delete(key);
        throw error;
      }
    });
  }

  // What went in is freed at once, so that the next call's buffers need no fresh memory.
  async #run(program: Compiled, request: RunRequest): Promise<void> {
    try {
      const result = await this.#runtime.run(program.handle, request);
      if (result.cancelled) this.#runtime.expectOpen('GRU');
    } finally {
      for (const { buffer } of [...(request.inputs ?? []), ...(request.seeds ?? [])]) native().dispose(buffer);
    }
  }

  #stateBuffers(batch: number, indices: readonly number[]): HostBinding[] {
    const bytes = (elements(this.#stateShape(batch)) / stackParts(this.#stack).count) * 4;
    return indices.map((index) => ({ index, buffer: native().createBuffer(bytes) }));
  }

  async #stateBindings(
    name: string,
    states: Tensor,
    batch: number,
    indices: readonly number[],
  ): Promise<HostBinding[]> {
    const { count, layers } = stackParts(this.#stack);
    const perPart = layers * this.#directions;
    const length = perPart * batch * this.hiddenSize;
    const bindings: HostBinding[] = [];
    for (let part = 0; part < count; part++) {
      const data = states.data.subarray(part * length, (part + 1) * length);
      const swapped = swapLeadingAxes(data, perPart, batch, this.hiddenSize);
      bindings.push({ index: indices[part] as number, buffer: await toBuffer(name, swapped) });
    }
    return bindings;
  }

  async #readStates(bindings: readonly { readonly buffer: BufferHandle }[], batch: number): Promise<Tensor> {
    const shape = this.#stateShape(batch);
    const data = new Float32Array(elements(shape));
    const length = data.length / bindings.length;
    const perPart = length / (batch * this.hiddenSize);
    for (const [part, { buffer }] of bindings.entries()) {
      const batchMajor = await fromBuffer(buffer, new Float32Array(length));
      data.set(swapLeadingAxes(batchMajor, batch, perPart, this.hiddenSize), part * length);
    }
    return { data, shape };
  }
}
