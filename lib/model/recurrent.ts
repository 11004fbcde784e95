/** Recurrent operations on their own, for those who write their own loop: what `GRU`, `LSTM` and `RNN` share. */
import { expectBoolean, expectInteger, expectNumber, expectTypedArray, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import type { Precision } from '../graph_spec.js';
import { GroupTable } from '../layers/builder.js';
import { type CellName, cells } from '../layers/cells.js';
import {
  type HostBinding,
  native,
  type ProgramHandle,
  type RunRequest,
  type StoreHandle,
  segments,
} from '../native.js';
import { Lru } from './lru.js';
import { type CallShape, lowerCall, lowerSteps, type Places, type StackSpec } from './recurrent_graph.js';
import { type Device, disposeWhenMade, expectPrecision, Runtime } from './runtime.js';
import { States } from './states.js';
import { ModelStream, openStreamer } from './stream.js';
import { expectTensor, type Tensor } from './tensor.js';
import { fromBuffer, toBuffer } from './transfer.js';
import { type StateDict, WeightTable } from './weights.js';

/** Options of {@link GRU}, {@link LSTM} and {@link RNN}, as PyTorch names them. */
export interface RecurrentModuleOptions {
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
  /**
   * How a GPU makes products; `'bf16'` and `'fp16'` are refused on the CPU.
   * @defaultValue 'tf32' on a GPU (or what `CUGRU_CUDA_PRECISION` says); the CPU always computes in float32
   */
  readonly precision?: Precision;
  /** @internal Forces an instruction set, for tests. */
  readonly isa?: string;
}

/** What a forward takes besides the input. */
export interface RecurrentForwardOptions {
  /** First states `[numLayers * directions, batch, hiddenSize]`; zeros by default. */
  readonly h0?: Tensor;
  /** Valid steps of each row, from 1 to `steps`; all by default. */
  readonly lengths?: Int32Array;
  /**
   * Keep what backward needs, and apply dropout.
   * @defaultValue false
   */
  readonly training?: boolean;
  /**
   * Where the output goes: `batch * steps * directions * hiddenSize` numbers, used again from call to call where fresh memory would
   * cost more than the copy. By default a new array.
   */
  readonly out?: Float32Array;
}

/** What a forward gives. */
export interface RecurrentOutput {
  /** `[batch, steps, directions * hiddenSize]` of the last layer; 0 beyond a row's length. */
  readonly output: Tensor;
  /** Final states `[numLayers * directions, batch, hiddenSize]`; for shorter rows those of their last valid step. */
  readonly hN: Tensor;
}

/** What a backward takes: gradients of a loss with respect to the last forward's results; zero by default. */
export interface RecurrentBackwardOptions {
  readonly output?: Tensor;
  readonly hN?: Tensor;
  /**
   * Add to the parameter gradients of earlier calls.
   * @defaultValue false
   */
  readonly accumulate?: boolean;
}

/** What a backward gives. */
export interface RecurrentGradients {
  /** `[batch, steps, inputSize]` */
  readonly input: Tensor;
  /** As `h0`, when the forward had one. */
  readonly h0: Tensor | undefined;
  /** By parameter name. */
  readonly parameters: StateDict;
}

/** @internal States of every kind; `c0` and `cN` stay absent for cells without a cell state. */
export interface AllForwardOptions extends RecurrentForwardOptions {
  readonly c0?: Tensor;
}
/** @internal */
export interface AllOutput extends RecurrentOutput {
  readonly cN: Tensor | undefined;
}
/** @internal */
export interface AllBackwardOptions extends RecurrentBackwardOptions {
  readonly cN?: Tensor;
}
/** @internal */
export interface AllGradients extends RecurrentGradients {
  readonly c0: Tensor | undefined;
}

/** @internal A class's name, its cell, and the names of its own options. */
export interface ModuleKind {
  readonly name: string;
  readonly cell: CellName;
  readonly options?: readonly string[];
}

interface Compiled extends Places {
  readonly handle: ProgramHandle;
}

interface Pass {
  readonly program: Compiled;
  readonly batch: number;
  readonly steps: number;
  readonly seed: number;
}

const known = [
  'inputSize',
  'hiddenSize',
  'numLayers',
  'bidirectional',
  'dropout',
  'device',
  'seed',
  'precision',
  'isa',
];

function expectLengths(lengths: Int32Array, batch: number, steps: number): void {
  expectTypedArray('lengths', lengths, Int32Array);
  if (lengths.length !== batch) {
    throw new CugruError('ERR_SHAPE', `lengths must be [batch=${batch}], got [${lengths.length}]`);
  }
  const wrong = lengths.findIndex((length) => length < 1 || length > steps);
  if (wrong < 0) return;
  throw new CugruError('ERR_RANGE', `lengths must be from 1 to ${steps} steps, got ${lengths[wrong]} at row ${wrong}`);
}

function expectOut(out: Float32Array | undefined, length: number): Float32Array | undefined {
  if (out === undefined) return undefined;
  expectTypedArray('out', out, Float32Array);
  if (out.length === length) return out;
  throw new CugruError('ERR_SHAPE', `out must have ${length} numbers, got ${out.length}`, {
    expected: length,
    got: out.length,
  });
}

/** A recurrent stack on a device. Calls are queued and run one after the other on a native thread. */
export abstract class RecurrentModule {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bidirectional: boolean;
  /** Where it runs: 'cpu' or 'cuda:0'. */
  readonly device: string;
  readonly #kind: ModuleKind;
  readonly #spec: StackSpec;
  readonly #states: States;
  readonly #runtime: Runtime;
  readonly #programs: Lru<Promise<Compiled>>;
  readonly #seed: number;
  #ready: Promise<StoreHandle> | undefined;
  #calls = 0;
  #last: Pass | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  /** @internal */
  protected constructor(kind: ModuleKind, options: RecurrentModuleOptions) {
    rejectUnknownKeys(kind.name, options, [...known, ...(kind.options ?? [])]);
    this.#kind = kind;
    this.inputSize = expectInteger('inputSize', options.inputSize, { min: 1, max: 2 ** 20 });
    this.hiddenSize = expectInteger('hiddenSize', options.hiddenSize, { min: 1, max: 2 ** 20 });
    this.numLayers = expectInteger('numLayers', options.numLayers ?? 1, { min: 1, max: 256 });
    this.bidirectional = expectBoolean('bidirectional', options.bidirectional ?? false);
    this.#seed = expectInteger('seed', options.seed ?? 0, { min: 0, max: 2 ** 52 });
    const dropout = expectNumber('dropout', options.dropout ?? 0, { min: 0, below: 1 });
    const stack = {
      cell: kind.cell,
      units: this.hiddenSize,
      numLayers: this.numLayers,
      bidirectional: this.bidirectional,
      // Between layers: a single one has none.
      dropout: this.numLayers > 1 ? dropout : 0,
      kernelInitializer: 'uniform',
      recurrentInitializer: 'uniform',
      biasInitializer: 'uniform',
      unitForgetBias: false,
    } as const;
    const groups = new GroupTable(expectPrecision(options.precision, options.device ?? 'auto'));
    this.#spec = { name: kind.name.toLowerCase(), owner: this, groups, inputSize: this.inputSize, stack };
    this.#states = new States(stack);
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
    lowerCall(this.#spec, { batch: 1, steps: 1, h0: false, c0: false, lengths: false, training: false });
  }

  /** @internal */
  protected runForward(x: Tensor, options: AllForwardOptions): Promise<AllOutput> {
    return this.#inOrder(() => this.#forward(x, options));
  }

  async #forward(x: Tensor, options: AllForwardOptions): Promise<AllOutput> {
    const states = cells[this.#kind.cell].hasCellState ? ['h0', 'c0'] : ['h0'];
    rejectUnknownKeys(`${this.#kind.name}.forward`, options, [...states, 'lengths', 'training', 'out']);
    const [batch, steps] = expectTensor('x', x, ['batch', 'steps', 'inputSize'], [undefined, undefined, this.inputSize])
      .shape as [number, number, number];
    const { h0, c0, lengths } = options;
    const training = expectBoolean('training', options.training ?? false);
    if (h0 !== undefined) this.#states.expect('h0', h0, batch);
    if (c0 !== undefined) this.#states.expect('c0', c0, batch);
    if (lengths !== undefined) expectLengths(lengths, batch, steps);
    const width = this.hiddenSize * this.#directions;
    const out = expectOut(options.out, batch * steps * width);
    const given = { h0: h0 !== undefined, c0: c0 !== undefined, lengths: lengths !== undefined };
    const program = await this.#program({ batch, steps, ...given, training });
    const inputs: HostBinding[] = [{ index: program.inputs.x, buffer: await toBuffer('x', x.data) }];
    if (h0 !== undefined) inputs.push(...(await this.#states.bind('h0', h0, batch, program.inputs.h0)));
    if (c0 !== undefined) inputs.push(...(await this.#states.bind('c0', c0, batch, program.inputs.c0)));
    if (lengths !== undefined) {
      inputs.push({ index: program.inputs.lengths, buffer: await toBuffer('lengths', lengths) });
    }
    const y = native().createBuffer(batch * steps * width * 4);
    const hN = this.#states.buffers(batch, program.outputs.hN);
    const cN = this.#states.buffers(batch, program.outputs.cN);
    const seed = this.#seed + this.#calls++;
    await this.#run(program, {
      segments: segments.forward,
      rows: batch,
      seed,
      inputs,
      outputs: [{ index: program.outputs.y, buffer: y }, ...hN, ...cN],
    });
    if (training) this.#last = { program, batch, steps, seed };
    return {
      output: {
        // Looked at again: it may have lost its memory while the native thread worked.
        data: await fromBuffer(y, expectOut(out, batch * steps * width) ?? new Float32Array(batch * steps * width)),
        shape: [batch, steps, width],
      },
      hN: await this.#states.read(hN, batch),
      cN: await this.#readGiven(cN, batch),
    };
  }

  /** @internal */
  protected runBackward(gradients: AllBackwardOptions): Promise<AllGradients> {
    return this.#inOrder(() => this.#backward(gradients));
  }

  async #backward(gradients: AllBackwardOptions): Promise<AllGradients> {
    const states = cells[this.#kind.cell].hasCellState ? ['hN', 'cN'] : ['hN'];
    rejectUnknownKeys(`${this.#kind.name}.backward`, gradients, ['output', ...states, 'accumulate']);
    const accumulate = expectBoolean('accumulate', gradients.accumulate ?? false);
    this.#runtime.expectOpen(this.#kind.name);
    const pass = this.#last;
    if (pass === undefined)
      throw new CugruError('ERR_STATE', 'backward needs a forward with { training: true } before it');
    const { batch, steps, program } = pass;
    const { output, hN, cN } = gradients;
    const width = this.hiddenSize * this.#directions;
    const seeds: HostBinding[] = [];
    if (output !== undefined) {
      expectTensor('output', output, ['batch', 'steps', 'directions * hiddenSize'], [batch, steps, width]);
      seeds.push({ index: program.outputs.y, buffer: await toBuffer('output', output.data) });
    }
    if (hN !== undefined) {
      this.#states.expect('hN', hN, batch);
      seeds.push(...(await this.#states.bind('hN', hN, batch, program.outputs.hN)));
    }
    if (cN !== undefined) {
      this.#states.expect('cN', cN, batch);
      seeds.push(...(await this.#states.bind('cN', cN, batch, program.outputs.cN)));
    }
    this.#last = undefined;
    const dx = native().createBuffer(batch * steps * this.inputSize * 4);
    const dh0 = this.#states.buffers(batch, program.inputs.h0);
    const dc0 = this.#states.buffers(batch, program.inputs.c0);
    await this.#run(program, {
      segments: segments.backward | (accumulate ? 0 : segments.zeroGradients),
      rows: batch,
      seed: pass.seed,
      seeds,
      gradients: [{ index: program.inputs.x, buffer: dx }, ...dh0, ...dc0],
    });
    const input = await fromBuffer(dx, new Float32Array(batch * steps * this.inputSize));
    return {
      input: { data: input, shape: [batch, steps, this.inputSize] },
      h0: await this.#readGiven(dh0, batch),
      c0: await this.#readGiven(dc0, batch),
      parameters: await this.#table().read(await this.#store(), 'gradients', false),
    };
  }

  /** @internal One step `[batch, inputSize]` as a sequence. */
  protected oneStep(x: Tensor): Tensor {
    expectTensor('x', x, ['batch', 'inputSize'], [undefined, this.inputSize]);
    return { data: x.data, shape: [x.shape[0] as number, 1, this.inputSize] };
  }

  /**
   * Opens a stream on a copy of the current weights; a step gives the last layer's state.
   * @throws {@link CugruError} `ERR_UNSUPPORTED` for bidirectional stacks, and on a GPU.
   */
  stream(): Promise<ModelStream> {
    return this.#inOrder(async () => new ModelStream(await openStreamer(await this.#store(), lowerSteps(this.#spec))));
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
    this.#last = undefined;
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

  #table(): WeightTable {
    return new WeightTable(this.#spec.groups.groups);
  }

  async #store(): Promise<StoreHandle> {
    this.#runtime.expectOpen(this.#kind.name);
    this.#ready ??= (async () => {
      const store = await this.#runtime.createStore(this.#spec.groups.groups);
      await native().storeInitialize(store, this.#seed);
      return store;
    })();
    this.#ready.catch(() => {
      this.#ready = undefined; // so that the next call tries again
    });
    return this.#ready;
  }

  #program(call: CallShape): Promise<Compiled> {
    const key = [call.batch, call.steps, call.h0, call.c0, call.lengths, call.training].join();
    return this.#programs.get(key, async () => {
      try {
        const { graph, inputs, outputs } = lowerCall(this.#spec, call);
        const mode = call.training ? 'train' : 'predict';
        return { handle: await this.#runtime.compile(await this.#store(), graph, mode, call.batch), inputs, outputs };
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
      if (result.cancelled) this.#runtime.expectOpen(this.#kind.name);
    } finally {
      for (const { buffer } of [...(request.inputs ?? []), ...(request.seeds ?? [])]) native().dispose(buffer);
    }
  }

  async #readGiven(bindings: readonly HostBinding[], batch: number): Promise<Tensor | undefined> {
    return bindings.length === 0 ? undefined : this.#states.read(bindings, batch);
  }
}
