/** A model as a stack of layers with weights on a device: what predicts, streams and is saved. */
import { expectBoolean, expectInteger, expectRows, expectSignal, expectString, rejectUnknownKeys } from '../checks.js';
import { type ChannelStatistics, Dataset, datasetStatistics, fromArrays } from '../data/index.js';
import { CugruError } from '../errors.js';
import type { Precision } from '../graph_spec.js';
import { isToSequence, type ToSequence } from '../image/index.js';
import { GroupTable } from '../layers/builder.js';
import { Layer } from '../layers/layer.js';
import {
  type Mode,
  native,
  type ProgramHandle,
  type ProgramInfo,
  type RunRequest,
  type RunResult,
  type StoreHandle,
  type StreamerHandle,
  segments,
} from '../native.js';
import { chunkSizer } from './chunks.js';
import {
  type Lowered,
  lower,
  lowerStream,
  type ModelSpec,
  type NamedLayer,
  normalizationGroup,
  type Variant,
} from './lowering.js';
import { Lru } from './lru.js';
import { type Device, disposeWhenMade, expectPrecision, Runtime } from './runtime.js';
import { disposeSlabs, expectInputs, inputVariant, SlabCache, slabBindings } from './source.js';
import { ModelStream, openStreamer } from './stream.js';
import { type ModelSummary, summarize } from './summary.js';
import { elements, type Tensor } from './tensor.js';
import { fromBuffer } from './transfer.js';
import { type StateDict, WeightTable } from './weights.js';

/** Options of a model. */
export interface NetworkOptions {
  /**
   * Of one row: `[height, width, channels]` for images (then the first element of the list is `image.toSequence(...)`),
   * `[steps, features]` for sequences, `[features]` for plain vectors.
   */
  readonly inputShape: readonly number[];
  /** @defaultValue 'auto' */
  readonly device?: Device;
  /**
   * Of first weights, shuffling and dropout: the same seed gives the same bytes, for any number of threads.
   * @defaultValue 0
   */
  readonly seed?: number;
  /**
   * How a GPU makes the products of recurrent and dense layers. Not saved with the model. `'bf16'` and `'fp16'` are refused on the CPU.
   * @defaultValue 'tf32' on a GPU (or what `CUGRU_CUDA_PRECISION` says); the CPU always computes in float32
   */
  readonly precision?: Precision;
  /** @internal Forces an instruction set, for tests. */
  readonly isa?: string;
}

/** Options of {@link Network.predict}. */
export interface PredictOptions {
  /**
   * Rows of one batch at most.
   * @defaultValue 256
   */
  readonly batchSize?: number;
  /** Ends the call early; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * The name of the layer whose output is wanted, for example `gru_1`: features instead of the model's output.
   * @defaultValue the last layer
   */
  readonly layer?: string;
}

/** @internal A program with the graph that it was compiled from. */
export interface CompiledGraph {
  readonly program: ProgramHandle;
  readonly lowered: Lowered;
  readonly batch: number;
}

interface WantedOutput {
  readonly batchSize: number;
  readonly signal: AbortSignal | undefined;
  readonly until: Pick<Variant, 'until'>;
}

const maxPrograms = 12;
// Rows of one upload while predicting from an array.
const predictRows = 4096;

function nameLayers(layers: readonly Layer[]): NamedLayer[] {
  const counts = new Map<string, number>();
  const seen = new Map<string, Layer>();
  const names = new Map<Layer, string>();
  return layers.map((layer) => {
    let name = layer.name ?? names.get(layer);
    if (name === undefined) {
      const count = (counts.get(layer.kind) ?? 0) + 1;
      counts.set(layer.kind, count);
      name = `${layer.kind}_${count}`;
    }
    const other = seen.get(name);
    if (other !== undefined && other !== layer) {
      throw new CugruError('ERR_VALUE', `two layers are named '${name}'; give each its own name`);
    }
    if (!/^[A-Za-z_][\w-]*$/.test(name) || name === normalizationGroup) {
      throw new CugruError('ERR_VALUE', `'${name}' cannot name a layer; use letters, digits, _ and -`);
    }
    seen.set(name, layer);
    names.set(layer, name);
    return { name, layer };
  });
}

function expectInputShape(shape: unknown, toSequence: ToSequence | undefined): readonly number[] {
  const wanted = toSequence === undefined ? '[steps, features] or [features]' : '[height, width, channels]';
  const ranks = toSequence === undefined ? [1, 2] : [3];
  if (!Array.isArray(shape) || !ranks.includes(shape.length)) {
    const hint =
      toSequence === undefined && Array.isArray(shape) && shape.length === 3
        ? '; for images, begin the list of layers with image.toSequence(...)'
        : '';
    throw new CugruError('ERR_SHAPE', `inputShape must be ${wanted}, got ${JSON.stringify(shape)}${hint}`, {
      got: shape,
    });
  }
  shape.forEach((dim, i) => void expectInteger(`inputShape[${i}]`, dim, { min: 1, max: 2 ** 20 }));
  return Object.freeze([...(shape as number[])]);
}

// Figures that the user gave must be as many as there are channels.
function expectNormalization(toSequence: ToSequence | undefined, channels: number | undefined): void {
  if (typeof toSequence?.normalization !== 'object') return;
  const given = toSequence.normalization.mean.length;
  if (given === channels) return;
  throw new CugruError(
    'ERR_SHAPE',
    `image.toSequence has a normalization for ${given} channels, inputShape [height, width, channels] has ${channels}`,
    { given, channels },
  );
}

/** The smallest power of two that is at least `rows`, at most `limit`. */
function bucket(rows: number, limit: number): number {
  let size = 1;
  while (size < rows && size < limit) size *= 2;
  return Math.min(size, limit);
}

/** See the file's head. Built by `sequential`. */
export class Network {
  /** Of one row. */
  readonly inputShape: readonly number[];
  /** Of one row: `[classes]` for a classifier. */
  readonly outputShape: readonly number[];
  /** Where it runs: 'cpu' or 'cuda:0'. */
  readonly device: string;
  readonly seed: number;
  /** @internal */
  readonly spec: ModelSpec;
  /** @internal */
  readonly runtime: Runtime;
  /** @internal */
  readonly slabs: SlabCache;
  readonly #programs: Lru<Promise<CompiledGraph>>;
  #ready: Promise<StoreHandle> | undefined;
  /** What the last training program runs on, or the last of any kind where there was none. */
  #nodes: { readonly mode: Mode; readonly nodes: ProgramInfo['nodes'] } | undefined;
  #normalized = false;
  #streamer: { readonly version: number; readonly handle: Promise<StreamerHandle> } | undefined;

  /** @internal */
  constructor(layers: readonly (Layer | ToSequence)[], options: NetworkOptions) {
    rejectUnknownKeys('sequential', options, ['inputShape', 'device', 'seed', 'precision', 'isa']);
    if (!Array.isArray(layers) || layers.length === 0) {
      throw new CugruError('ERR_VALUE', 'a model needs a list of at least one layer');
    }
    const [first] = layers;
    const toSequence = isToSequence(first) ? first : undefined;
    const rest = toSequence === undefined ? layers : layers.slice(1);
    rest.forEach((layer, i) => {
      if (layer instanceof Layer) return;
      const hint = isToSequence(layer)
        ? 'image.toSequence can only be the first'
        : 'use layers.gru(...), layers.dense(...), ...';
      throw new CugruError(
        'ERR_TYPE',
        `element ${i + layers.length - rest.length} of the list is not a layer; ${hint}`,
      );
    });
    if (rest.length === 0)
      throw new CugruError('ERR_VALUE', 'a model needs at least one layer besides image.toSequence');
    this.seed = expectInteger('seed', options.seed ?? 0, { min: 0, max: 2 ** 52 });
    this.inputShape = expectInputShape(options.inputShape, toSequence);
    expectNormalization(toSequence, this.inputShape[2]);
    this.spec = {
      layers: nameLayers(rest as readonly Layer[]),
      toSequence,
      inputShape: this.inputShape,
      groups: new GroupTable(expectPrecision(options.precision, options.device ?? 'auto')),
    };
    this.outputShape = Object.freeze([...this.lowered({ input: 'f32', lengths: false }).outputShape]);
    this.runtime = new Runtime(options.device ?? 'auto', options.isa);
    this.device = this.runtime.device;
    this.slabs = new SlabCache(this.runtime);
    this.#programs = new Lru(
      maxPrograms,
      (made) =>
        void made.then(
          ({ program }) => native().dispose(program),
          () => {},
        ),
    );
  }

  /** The layers with their names, without `image.toSequence`. */
  get layers(): readonly { readonly name: string; readonly layer: Layer }[] {
    return this.spec.layers;
  }

  /** Number of trainable and frozen weights together. */
  get parameterCount(): number {
    return this.spec.groups.groups
      .filter((group) => group.buffer !== true)
      .reduce((sum, group) => sum + group.params.reduce((s, param) => s + elements(param.shape), 0), 0);
  }

  /**
   * The model's output for each row.
   * @param x - a dataset, or rows one after the other: `Uint8Array` pixels from 0 to 255, or `Float32Array` (pixels from 0
   * to 1, or sequences).
   * @returns `[rows, ...outputShape]` in one array; with `layer`, that layer's outputs.
   * @throws {@link CugruError} `ERR_SHAPE`, `ERR_TYPE`, `ERR_DETACHED_BUFFER`, `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
   */
  async predict(x: Dataset | Uint8Array | Float32Array, options: PredictOptions = {}): Promise<Float32Array> {
    rejectUnknownKeys('predict', options, ['batchSize', 'signal', 'layer']);
    this.runtime.expectOpen('model');
    const batchSize = expectInteger('batchSize', options.batchSize ?? 256, { min: 1, max: 2 ** 20 });
    const { signal } = options;
    expectSignal('signal', signal);
    const until = options.layer === undefined ? {} : { until: expectString('layer', options.layer) };
    const wanted = { batchSize, signal, until };
    if (x instanceof Dataset) return this.#predictDataset(x, wanted);
    const row = elements(this.inputShape);
    expectRows('x', x);
    if (x.length === 0 || x.length % row !== 0) {
      throw new CugruError(
        'ERR_SHAPE',
        `x must hold one or more whole rows of [${this.inputShape.join(', ')}], that is ${row} numbers each, got ${x.length}`,
        { expected: this.inputShape, length: x.length },
      );
    }
    const rows = x.length / row;
    const width = elements(this.lowered({ input: 'f32', lengths: false, ...until }).outputShape);
    const out = new Float32Array(rows * width);
    for (let first = 0; first < rows; first += predictRows) {
      const part = x.subarray(first * row, Math.min(rows, first + predictRows) * row);
      const dataset = fromArrays({ inputs: part, shape: this.inputShape });
      out.set(await this.#predictDataset(dataset, wanted, true), first * width);
    }
    return out;
  }

  async #predictDataset(
    dataset: Dataset,
    { batchSize, signal, until }: WantedOutput,
    temporary = false,
  ): Promise<Float32Array> {
    expectInputs(dataset, this.inputShape);
    const batch = bucket(dataset.size, batchSize);
    const compiled = await this.program({ ...inputVariant(dataset), ...until }, 'predict', batch);
    const slabs = await this.slabs.get(dataset.storage);
    const width = elements(compiled.lowered.outputShape);
    const out = new Float32Array(dataset.size * width);
    const chunks = chunkSizer(batch);
    for (let first = 0; first < dataset.size; ) {
      signal?.throwIfAborted();
      const rows = Math.min(dataset.size - first, chunks.batches() * batch);
      const buffer = native().createBuffer(rows * width * 4);
      const result = await this.run(compiled, {
        segments: segments.forward,
        rows,
        indices: dataset.rows(first, first + rows),
        slabs: slabBindings(compiled.lowered, slabs),
        outputs: [{ index: compiled.lowered.output, buffer }],
      });
      chunks.took(result);
      await fromBuffer(buffer, out.subarray(first * width, (first + rows) * width));
      first += rows;
    }
    if (temporary) disposeSlabs(slabs);
    return out;
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
      this.#streamer = { version, handle: openStreamer(store, lowerStream(this.spec)) };
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
   * Layers, shapes, parameters and the kernel that each runs on; print it with `String(summary)`. Kernels are those of the last training
   * (else of the last call of another kind), since a GPU's depend on the batch; before there was one, those that a single row would get.
   */
  async summary(): Promise<ModelSummary> {
    const lowered = this.lowered({ input: 'u8', lengths: false });
    const program = await this.runtime.compile(await this.store(), lowered.graph, 'predict', 1, true);
    const { nodes } = native().programInfo(program);
    native().dispose(program);
    const used = new Map(this.#nodes?.nodes.map((node) => [node.name, node]));
    const shown = nodes.map((node) => used.get(node.name) ?? node);
    return summarize(this.spec, lowered, shown, this.runtime.description);
  }

  /** @internal Bytes of activations and scratch that a program would take, without taking them. */
  protected async plannedBytes(variant: Variant, mode: Mode, batch: number): Promise<number> {
    const program = await this.runtime.compile(await this.store(), this.lowered(variant).graph, mode, batch, true);
    const { arenaBytes } = native().programInfo(program);
    native().dispose(program);
    return arenaBytes;
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
      const normalization = this.spec.toSequence?.normalization;
      if (typeof normalization === 'object') await this.#normalize(store, normalization);
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
    const { input, lengths, loss, until } = variant;
    const key = [mode, batch, input, lengths, until ?? '', loss === undefined ? '' : JSON.stringify(loss)].join();
    return this.#programs.get(key, async () => {
      try {
        const lowered = this.lowered(variant);
        const program = await this.runtime.compile(await this.store(), lowered.graph, mode, batch);
        if (until === undefined && (mode === 'train' || this.#nodes?.mode !== 'train')) {
          this.#nodes = { mode, nodes: native().programInfo(program).nodes };
        }
        return { program, lowered, batch };
      } catch (error) {
        this.#programs.delete(key);
        throw error;
      }
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
    const { toSequence } = this.spec;
    if (toSequence?.normalization !== 'dataset' || this.#normalized) return;
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
