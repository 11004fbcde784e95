/** A model as a topology of layers with weights on a device: what predicts, streams and is saved. */
import { expectBoolean, expectInteger, rejectUnknownKeys, show } from '../checks.js';
import { type ChannelStatistics, type Dataset, datasetStatistics } from '../data/index.js';
import { CugruError } from '../errors.js';
import type { Precision } from '../graph_spec.js';
import type { Normalization } from '../image/index.js';
import { GroupTable } from '../layers/builder.js';
import { stateOp } from '../layers/kept_states.js';
import { normalizationGroup } from '../layers/reading.js';
import { layersOf, type NamedLayer, normalizationOf, type Topology } from '../layers/topology.js';
import {
  type Mode,
  native,
  type ProgramInfo,
  type RunRequest,
  type RunResult,
  type StoreHandle,
  type StreamerHandle,
} from '../native.js';
import { type Lowered, lower, lowerStream, type ModelSpec, type Variant } from './lowering.js';
import { type PredictOptions, predictOutputs } from './predicting.js';
import { type CompiledGraph, ProgramCache } from './programs.js';
import { type Device, disposeWhenMade, expectPrecision, Runtime } from './runtime.js';
import { SlabCache } from './source.js';
import { ModelStream, openStreamer } from './stream.js';
import { type ModelSummary, summarize } from './summary.js';
import { weightsToTake } from './taking.js';
import { elements, type Tensor } from './tensor.js';
import { type StateDict, WeightTable } from './weights.js';

/** Options of a model. */
export interface ModelOptions {
  /** @defaultValue 'auto' */
  readonly device?: Device;
  /**
   * Of first weights, shuffling and dropout: the same seed gives the same bytes, for any number of threads.
   * @defaultValue 0
   */
  readonly seed?: number;
  /**
   * How a GPU makes the products of recurrent, dense and convolutional layers. Not saved with the model. `'bf16'` and `'fp16'` are refused on the CPU.
   * @defaultValue 'tf32' on a GPU (or what `CUGRU_CUDA_PRECISION` says); the CPU always computes in float32
   */
  readonly precision?: Precision;
  /** @internal Forces an instruction set, for tests. */
  readonly isa?: string;
}

/** See the file's head. Built by `sequential` and `model`. */
export class Network<Prediction = Float32Array> {
  /** Of one row. */
  readonly inputShape: readonly number[];
  /** Rows of every batch, where they are fixed. */
  readonly batchSize: number | undefined;
  /** Of one row of each output. */
  readonly outputShapes: readonly (readonly number[])[];
  /** Where it runs: 'cpu' or 'cuda:0'. */
  readonly device: string;
  readonly seed: number;
  /** The layers with their names, in the order of their use, without `image.toSequence`. */
  readonly layers: readonly NamedLayer[];
  /** @internal */
  readonly spec: ModelSpec;
  /** @internal */
  readonly normalization: Normalization;
  /** @internal */
  readonly runtime: Runtime;
  /** @internal */
  readonly slabs: SlabCache;
  readonly #programs = new ProgramCache();
  #ready: Promise<StoreHandle> | undefined;
  /** What the last training program runs on, or the last of any kind where there was none. */
  #nodes: { readonly mode: Mode; readonly nodes: ProgramInfo['nodes'] } | undefined;
  #normalized = false;
  #streamer: { readonly version: number; readonly handle: Promise<StreamerHandle> } | undefined;

  /** @internal */
  constructor(topology: Topology, options: ModelOptions) {
    this.seed = expectInteger('seed', options.seed ?? 0, { min: 0, max: 2 ** 52 });
    this.inputShape = topology.input.shape;
    this.batchSize = topology.input.batchSize;
    this.layers = Object.freeze(layersOf(topology));
    this.normalization = normalizationOf(topology);
    const precision = expectPrecision(options.precision, options.device ?? 'auto');
    this.spec = { topology, groups: new GroupTable(precision) };
    const { outputs } = this.lowered({ input: 'f32', lengths: false });
    this.outputShapes = Object.freeze(outputs.map(({ shape }) => Object.freeze([...shape])));
    this.runtime = new Runtime(options.device ?? 'auto', options.isa);
    this.device = this.runtime.device;
    this.slabs = new SlabCache(this.runtime);
  }

  /** Of one row: `[classes]` for a classifier. Of the first output, where there are several. */
  get outputShape(): readonly number[] {
    return this.outputShapes[0] as readonly number[];
  }

  /** Number of trainable and frozen weights together. */
  get parameterCount(): number {
    return this.spec.groups.groups
      .filter((group) => group.buffer !== true)
      .reduce((sum, group) => sum + group.params.reduce((s, param) => s + elements(param.shape), 0), 0);
  }

  /**
   * The output of one layer for each row.
   * @param x - as below
   * @returns `[rows, ...]`: the layer's (first) output. Of a layer that is used several times: that of its first use.
   * @throws {@link CugruError} `ERR_VALUE` for an unknown layer, and as below.
   */
  predict(
    x: Dataset | Uint8Array | Float32Array,
    options: PredictOptions & { readonly layer: string },
  ): Promise<Float32Array>;
  /**
   * The model's output for each row.
   * @param x - a dataset, or rows one after the other: `Uint8Array` pixels from 0 to 255, or `Float32Array` (pixels from 0
   * to 1, or sequences).
   * @returns `[rows, ...outputShape]` in one array; for a model whose outputs are an array, an array of them.
   * @throws {@link CugruError} `ERR_SHAPE`, `ERR_TYPE`, `ERR_DETACHED_BUFFER`, `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
   */
  predict(x: Dataset | Uint8Array | Float32Array, options?: PredictOptions): Promise<Prediction>;
  async predict(
    x: Dataset | Uint8Array | Float32Array,
    options: PredictOptions = {},
  ): Promise<Prediction | Float32Array> {
    this.runtime.expectOpen('model');
    const outputs = await predictOutputs(this, x, options);
    const several = options.layer === undefined && this.spec.topology.severalOutputs;
    return several ? (outputs as Prediction) : (outputs[0] as Float32Array);
  }

  /**
   * Opens a stream on a copy of the current weights: `step` takes one time step and gives the output, synchronously.
   * Streams that are opened between two changes of the weights share one copy.
   * @throws {@link CugruError} `ERR_UNSUPPORTED` for bidirectional layers, and on a GPU.
   */
  async stream(): Promise<ModelStream> {
    const store = await this.store();
    const { version } = await native().storeInfo(store);
    if (this.#streamer?.version !== version) {
      const streamer = { version, handle: openStreamer(store, lowerStream(this.spec)) };
      this.#streamer = streamer;
      streamer.handle.catch(() => {
        if (this.#streamer === streamer) this.#streamer = undefined; // so that the next call tries again
      });
    }
    return new ModelStream(await this.#streamer.handle);
  }

  /** Copies of all weights and buffers, by name: `gru_1.weight_ih_l0`, `dense_1.weight`, `normalization.mean`. */
  async getWeights(): Promise<StateDict> {
    return this.table().read(await this.store(), 'parameters');
  }

  /**
   * Sets weights.
   * @param options - `partial`: names that are left out keep their values.
   * @throws {@link CugruError} `ERR_VALUE` (missing or unknown names), `ERR_SHAPE`, `ERR_NOT_FINITE`; nothing changes then.
   */
  async setWeights(weights: Readonly<StateDict>, options: { readonly partial?: boolean } = {}): Promise<void> {
    rejectUnknownKeys('setWeights', options, ['partial']);
    const partial = expectBoolean('partial', options.partial ?? false);
    await this.table().write(await this.store(), 'parameters', weights, { partial });
    if (Object.hasOwn(weights, `${normalizationGroup}.mean`)) this.#normalized = true;
  }

  /**
   * Takes over weights from another model, for example from one that was pre-trained without labels: copies of those layers that have the
   * same name and shapes in both, and its normalisation. The other model stays as it is.
   * @param options - `layers`: these alone, and all of them.
   * @returns the names of the layers that were taken.
   * @throws {@link CugruError} `ERR_VALUE` where no layer fits or a name is unknown, `ERR_SHAPE` where a named layer does not fit;
   * nothing changes then. `ERR_BUSY` during a fit.
   */
  async takeWeights(from: Network<unknown>, options: { readonly layers?: readonly string[] } = {}): Promise<string[]> {
    rejectUnknownKeys('takeWeights', options, ['layers']);
    if (!(from instanceof Network)) throw new CugruError('ERR_TYPE', `from must be a model, got ${show(from)}`);
    const taken = weightsToTake(await this.getWeights(), await from.getWeights(), options.layers);
    await this.setWeights(taken, { partial: true });
    return [...new Set(Object.keys(taken).map((name) => name.slice(0, name.indexOf('.'))))];
  }

  /**
   * Layers, shapes, parameters and the kernel that each runs on; print it with `String(summary)`. Kernels are those of the last training
   * (else of the last call of another kind), since a GPU's depend on the batch; before there was one, those that a single row would get.
   */
  async summary(): Promise<ModelSummary> {
    const lowered = this.lowered({ input: 'u8', lengths: false });
    const program = await this.runtime.compile(await this.store(), lowered.graph, 'predict', this.batchSize ?? 1, true);
    const info = native().programInfo(program);
    native().dispose(program);
    const used = new Map(this.#nodes?.nodes.map((node) => [node.name, node]));
    const nodes = info.nodes.map((node) => used.get(node.name) ?? node);
    return summarize(this.spec, lowered, { ...info, nodes }, this.runtime.description);
  }

  /** @internal Bytes of activations and scratch that a program would take, without taking them. */
  protected async plannedBytes(variant: Variant, mode: Mode, batch: number): Promise<number> {
    const program = await this.runtime.compile(await this.store(), this.lowered(variant).graph, mode, batch, true);
    const { arenaBytes } = native().programInfo(program);
    native().dispose(program);
    return arenaBytes;
  }

  /** Whether some layer keeps its states from batch to batch. */
  get stateful(): boolean {
    return this.spec.groups.groups.some(({ op }) => op === stateOp);
  }

  /**
   * Sets the states of `stateful` layers to zero: the next batch begins new sequences.
   * @throws {@link CugruError} `ERR_DISPOSED`; `ERR_BUSY` during a fit.
   */
  async resetStates(): Promise<void> {
    await this.zeroStates();
  }

  /** @internal {@link Network.resetStates}, without asking whether a fit runs. */
  async zeroStates(): Promise<void> {
    await this.table().zeroStates(await this.store());
  }

  /**
   * @internal Refuses rows that are no whole batches of the fixed size; gives the rows of a batch.
   * @throws {@link CugruError} `ERR_SHAPE`.
   */
  expectBatches(rows: number, wanted: number): number {
    const { batchSize } = this;
    if (batchSize === undefined) return wanted;
    if (rows % batchSize === 0) return batchSize;
    throw new CugruError(
      'ERR_SHAPE',
      `the model has a batchSize of ${batchSize}, and takes a multiple of as many rows, got ${rows}`,
      { batchSize, rows },
    );
  }

  /** Frees all native memory. A running call ends after its batch; calls that wait fail with `ERR_DISPOSED`. */
  dispose(): void {
    this.#programs.clear();
    this.slabs.dispose();
    disposeWhenMade(this.#streamer?.handle);
    disposeWhenMade(this.#ready);
    this.runtime.close();
  }

  /** As {@link dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal Whether the normalisation's statistics were set: by a training set, with the weights, or by the user. */
  get normalized(): boolean {
    return this.#normalized;
  }

  /** @internal */
  set normalized(value: boolean) {
    this.#normalized = value;
  }

  /** @internal */
  table(): WeightTable {
    return new WeightTable(this.spec.groups.groups);
  }

  /** @internal The parameter store, made and initialised at the first call. */
  store(): Promise<StoreHandle> {
    this.runtime.expectOpen('model');
    this.#ready ??= (async () => {
      const store = await this.runtime.createStore(this.spec.groups.groups);
      await native().storeInitialize(store, this.seed);
      if (typeof this.normalization === 'object') await this.#normalize(store, this.normalization);
      return store;
    })();
    this.#ready.catch(() => {
      this.#ready = undefined; // so that the next call tries again
    });
    return this.#ready;
  }

  /** @internal */
  lowered(variant: Variant): Lowered {
    return lower(this.spec, variant);
  }

  /** @internal A compiled program, from a small cache. */
  program(variant: Variant, mode: Mode, batch: number): Promise<CompiledGraph> {
    return this.#programs.get(variant, mode, batch, async () => {
      const lowered = this.lowered(variant);
      const program = await this.runtime.compile(await this.store(), lowered.graph, mode, batch);
      if (variant.until === undefined && (mode === 'train' || this.#nodes?.mode !== 'train')) {
        this.#nodes = { mode, nodes: native().programInfo(program).nodes };
      }
      return { program, lowered, batch };
    });
  }

  /** @internal */
  async run(compiled: CompiledGraph, request: RunRequest): Promise<RunResult> {
    this.runtime.expectOpen('model');
    const result = await this.runtime.run(compiled.program, request);
    if (result.cancelled) this.runtime.expectOpen('model');
    return result;
  }

  /** @internal Sets mean and deviation from the first training set, where the model asks for it. */
  async normalizeFrom(dataset: Dataset): Promise<void> {
    if (this.normalization !== 'dataset' || this.#normalized) return;
    const statistics = await datasetStatistics(dataset, this.inputShape[2] as number);
    await this.#normalize(await this.store(), statistics);
  }

  async #normalize(store: StoreHandle, { mean, std }: ChannelStatistics): Promise<void> {
    const tensor = (figures: readonly number[]): Tensor => ({
      data: Float32Array.from(figures),
      shape: [figures.length],
    });
    const dict = { [`${normalizationGroup}.mean`]: tensor(mean), [`${normalizationGroup}.std`]: tensor(std) };
    await this.table().write(store, 'parameters', dict, { partial: true });
    this.#normalized = true;
  }
}
