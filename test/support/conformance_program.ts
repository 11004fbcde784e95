/** Small graphs through the native door, on each backend and instruction set of this host. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DType, GraphSpec, GroupSpec, NodeSpec, TensorSpec } from '../../lib/graph_spec.js';
import { fromBuffer, toBuffer } from '../../lib/model/transfer.js';
import {
  type BufferHandle,
  type HostBinding,
  type LossResult,
  type Mode,
  type NumericArray,
  native,
  type ProgramHandle,
  type RunRequest,
  type RunResult,
  type SessionHandle,
  type StoreContent,
  type StoreHandle,
  segments,
} from '../../lib/native.js';

/** A backend, and on the CPU one of its instruction sets. */
export interface Target {
  readonly name: string;
  readonly device: string;
  readonly isa?: string;
}

/** Whether these tests are those of the simulated device: CUGRU_CUDA_PATH names its folder (npm run test:simulated). */
export function simulated(): boolean {
  const path = process.env['CUGRU_CUDA_PATH'];
  return path !== undefined && existsSync(join(path, 'libsimulated_core.so'));
}

/** Whether these tests are those of a GPU, or of the simulated device: CUGRU_TEST_DEVICE=cuda (npm run test:gpu). */
export function onGpu(): boolean {
  return simulated() || process.env['CUGRU_TEST_DEVICE'] === 'cuda';
}

/**
 * All that this host can run, AVX-512 too, which is not a default; a GPU or the simulated device alone, when it is asked for. A new
 * backend adds its targets here.
 */
export function targets(): readonly Target[] {
  if (onGpu()) return [{ name: simulated() ? 'cuda simulated' : 'cuda', device: 'cuda' }];
  return native()
    .processInfo()
    .isas.map((isa) => ({ name: `cpu ${isa}`, device: 'cpu', isa }));
}

/** What a target says of a recurrent kernel: on the CPU `fused` or nothing before the cell's name; on a GPU cuDNN's or our own. */
export function rnnVariant({ device, isa }: Target, cell: string, how = ''): string {
  if (device === 'cpu') return `cpu ${how}${cell} ${isa}`;
  return ['gru', 'lstm', 'rnn-tanh', 'rnn-relu'].includes(cell)
    ? `cuda cudnn ${cell} standard`
    : `cuda cublasLt ${cell}`;
}

/** All cases on a CPU; on the simulated device, which is slow, every so many of them. */
export function someOf<T>(cases: readonly T[], every: number): readonly T[] {
  return simulated() ? cases.filter((_, i) => i % every === 0) : cases;
}

export function tensor(dims: readonly number[], steps = 0, dtype: DType = 'f32'): TensorSpec {
  return { dtype, steps, dims };
}

/** One operation between named inputs and outputs. Input kinds are 'value' unless told; a null leaves a place out. */
export interface OpGraph {
  readonly op: string;
  readonly attrs?: NonNullable<NodeSpec['attrs']>;
  readonly inputs: readonly (OpInput | null)[];
  readonly outputs?: readonly (OpOutput | null)[];
  readonly grouped?: boolean;
}
interface OpInput {
  readonly name: string;
  readonly spec: TensorSpec;
  readonly kind?: 'value' | 'slab' | 'indices';
  /** Whether its gradient can be read; value inputs of f32 only. */
  readonly gradient?: boolean;
}
interface OpOutput {
  readonly name: string;
  readonly spec: TensorSpec;
  readonly seeded?: boolean;
}

export function opGraph({ op, attrs, inputs, outputs = [], grouped = false }: OpGraph): GraphSpec {
  const tensors: TensorSpec[] = [];
  const place = (part: { readonly spec: TensorSpec } | null) => (part === null ? -1 : tensors.push(part.spec) - 1);
  const node = {
    name: op,
    op,
    inputs: inputs.map(place),
    outputs: outputs.map(place),
    ...(attrs === undefined ? {} : { attrs }),
    ...(grouped ? { group: 0 } : {}),
  };
  return {
    tensors,
    nodes: [node],
    inputs: inputs.flatMap((input, i) =>
      input === null
        ? []
        : [
            {
              name: input.name,
              tensor: node.inputs[i] as number,
              kind: input.kind ?? 'value',
              gradient: input.gradient ?? false,
            },
          ],
    ),
    outputs: outputs.flatMap((output, i) =>
      output === null ? [] : [{ name: output.name, tensor: node.outputs[i] as number, seeded: output.seeded ?? false }],
    ),
  };
}

export interface ProgramOptions {
  readonly graph: GraphSpec;
  readonly batch: number;
  readonly mode?: Mode;
  readonly groups?: readonly GroupSpec[];
  /** Values of all groups, one after the other. */
  readonly parameters?: Float32Array;
}

/** Arrays by the names of the graph's inputs and outputs; rows come first, then steps. */
export interface Feed {
  readonly inputs: Readonly<Record<string, NumericArray>>;
  /** Gradients of the seeded outputs; zero when left out. */
  readonly seeds?: Readonly<Record<string, Float32Array>>;
  /** The batch's by default; fewer make its last rows padding. */
  readonly rows?: number;
  readonly indices?: Int32Array;
  readonly seed?: number;
  readonly epoch?: number;
  readonly gradientScale?: number;
  readonly learningRates?: Float32Array;
  /** Everything that the mode allows but the update, unless told. */
  readonly segments?: number;
}

export interface Outcome {
  readonly outputs: Readonly<Record<string, Float32Array>>;
  /** Of the inputs. */
  readonly gradients: Readonly<Record<string, Float32Array>>;
  /** Of all groups, one after the other. */
  readonly parameterGradients: Float32Array;
  readonly result: RunResult;
  readonly loss: LossResult | undefined;
}

const modeSegments = {
  train: segments.forward | segments.loss | segments.backward | segments.zeroGradients,
  evaluate: segments.forward | segments.loss,
  predict: segments.forward,
} as const;

/** A store and a compiled graph in a session of their own. */
export class TestProgram {
  readonly #session: SessionHandle;
  readonly #store: StoreHandle;
  readonly #program: ProgramHandle;
  readonly #options: ProgramOptions;

  private constructor(session: SessionHandle, store: StoreHandle, program: ProgramHandle, options: ProgramOptions) {
    this.#session = session;
    this.#store = store;
    this.#program = program;
    this.#options = options;
  }

  static async open(target: Target, options: ProgramOptions): Promise<TestProgram> {
    const { device, isa } = target;
    const session = native().createSession({ device, ...(isa === undefined ? {} : { isa }) });
    try {
      const store = await native().createStore(session, options.groups ?? []);
      const { graph, batch, mode = 'train' } = options;
      const program = await native().compile(store, graph, { mode, batch });
      const made = new TestProgram(session, store, program, options);
      if (options.parameters !== undefined) await made.write('parameters', options.parameters);
      return made;
    } catch (error) {
      native().closeSession(session);
      throw error;
    }
  }

  get store(): StoreHandle {
    return this.#store;
  }

  /** What each node runs on. */
  get variants(): readonly string[] {
    return native()
      .programInfo(this.#program)
      .nodes.map(({ variant }) => variant);
  }

  close(): void {
    native().closeSession(this.#session);
    for (const handle of [this.#program, this.#store, this.#session]) native().dispose(handle);
  }

  async write(content: StoreContent, values: Float32Array): Promise<void> {
    await native().storeWrite(this.#store, content, await toBuffer(content, values));
  }

  async read(content: StoreContent): Promise<Float32Array> {
    const groups = (this.#options.groups ?? []).filter((group) => content === 'parameters' || group.buffer !== true);
    const shapes = groups.flatMap((group) => group.params.map((param) => param.shape));
    const length = shapes.reduce((sum, shape) => sum + shape.reduce((product, dim) => product * dim, 1), 0);
    if (length === 0) return new Float32Array(0);
    return fromBuffer(await native().storeRead(this.#store, content), new Float32Array(length));
  }

  async run(feed: Feed): Promise<Outcome> {
    const { graph, batch, mode = 'train' } = this.#options;
    const rows = feed.rows ?? batch;
    const wanted = feed.segments ?? modeSegments[mode];
    const backward = (wanted & segments.backward) !== 0;
    const bound = await this.#bind(feed);
    const outputs = this.#results(rows, graph.outputs, (output) => mode === 'predict' || output.seeded === true);
    const gradients = this.#results(rows, graph.inputs, (input) => backward && input.gradient === true);
    const { indices, seed, epoch, gradientScale, learningRates } = feed;
    const result = await native().run(this.#program, {
      segments: wanted,
      rows,
      ...bound,
      outputs,
      gradients,
      ...(indices === undefined ? {} : { indices }),
      ...(seed === undefined ? {} : { seed }),
      ...(epoch === undefined ? {} : { epoch }),
      ...(gradientScale === undefined ? {} : { gradientScale }),
      ...(learningRates === undefined ? {} : { learningRates }),
    });
    return {
      outputs: await this.#read(rows, graph.outputs, outputs),
      gradients: await this.#read(rows, graph.inputs, gradients),
      parameterGradients: backward ? await this.read('gradients') : new Float32Array(0),
      result,
      loss: result.losses[0],
    };
  }

  async #bind(feed: Feed): Promise<Pick<RunRequest, 'inputs' | 'slabs' | 'seeds'>> {
    const { graph } = this.#options;
    const inputs: HostBinding[] = [];
    const slabs: { index: number; slab: Awaited<ReturnType<ReturnType<typeof native>['createSlab']>> }[] = [];
    for (const [index, { name, kind, tensor: id }] of graph.inputs.entries()) {
      const array = feed.inputs[name];
      if (array === undefined || kind === 'indices') continue;
      const buffer = await toBuffer(name, array);
      if (kind === 'value') inputs.push({ index, buffer });
      else slabs.push({ index, slab: await native().createSlab(this.#session, buffer, this.#spec(id).dtype) });
    }
    const seeds: HostBinding[] = [];
    for (const [index, { name }] of graph.outputs.entries()) {
      const array = feed.seeds?.[name];
      if (array !== undefined) seeds.push({ index, buffer: await toBuffer(name, array) });
    }
    return { inputs, slabs, seeds };
  }

  #spec(id: number): TensorSpec {
    return this.#options.graph.tensors[id] as TensorSpec;
  }

  #elements(id: number, rows: number): number {
    const { steps, dims, rows: within = 1 } = this.#spec(id);
    return dims.reduce((product, dim) => product * dim, rows * within * Math.max(steps, 1));
  }

  #results<T extends { readonly tensor: number }>(
    rows: number,
    ends: readonly T[],
    wanted: (end: T) => boolean,
  ): { index: number; buffer: BufferHandle }[] {
    return ends.flatMap((end, index) =>
      wanted(end) ? [{ index, buffer: native().createBuffer(4 * this.#elements(end.tensor, rows)) }] : [],
    );
  }

  async #read(
    rows: number,
    ends: readonly { readonly name: string; readonly tensor: number }[],
    bindings: readonly HostBinding[],
  ): Promise<Record<string, Float32Array>> {
    const read: Record<string, Float32Array> = {};
    for (const { index, buffer } of bindings) {
      const end = ends[index];
      if (end === undefined) continue;
      read[end.name] = await fromBuffer(buffer, new Float32Array(this.#elements(end.tensor, rows)));
    }
    return read;
  }
}

/** One run of a program made for it. */
export async function runOnce(target: Target, options: ProgramOptions, feed: Feed): Promise<Outcome> {
  const program = await TestProgram.open(target, options);
  try {
    return await program.run(feed);
  } finally {
    program.close();
  }
}
