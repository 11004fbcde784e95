/** The model that users build: a network that can be compiled, fitted and evaluated. */
import {
  expectBoolean,
  expectCallback,
  expectInteger,
  expectNumber,
  expectOneOf,
  expectSignal,
  expectString,
  rejectUnknownKeys,
  show,
} from '../checks.js';
import { type ArraysOptions, Dataset, DatasetStream, fromArrays } from '../data/index.js';
import { CugruError } from '../errors.js';
import type { Decoding, ToSequence } from '../image/index.js';
import type { Layer } from '../layers/layer.js';
import { type LabelKind, type Loss, type LossName, resolveLoss } from '../layers/loss.js';
import type { Variant } from '../model/lowering.js';
import { type CompiledGraph, Network, type NetworkOptions } from '../model/network.js';
import { expectInputs, inputVariant, slabBindings } from '../model/source.js';
import { elements } from '../model/tensor.js';
import type { StateDict } from '../model/weights.js';
import { native, type RunResult, segments } from '../native.js';
import { type Evaluation, evaluateRows, LossTally } from './evaluation.js';
import type { EpochLogs, FitEvent, History, ProgressEvent } from './events.js';
import { expectFinite } from './finite.js';
import { type FitPlan, fitLoop } from './fit.js';
import {
  type LossScaleOptions,
  nativeOptimizer,
  type Optimizer,
  type OptimizerName,
  resolveLossScale,
  resolveOptimizer,
} from './optimizers.js';
import { type Profile, profileOf } from './profile.js';
import { saveModel, slotsOf } from './saving.js';
import { learningRateAt } from './schedules.js';
import { trainingRows } from './training_rows.js';

/** Options of {@link Sequential.compile}. */
export interface CompileOptions {
  readonly optimizer: Optimizer | OptimizerName;
  readonly loss: Loss | LossName;
  /** Named for Keras's sake: a classifier always reports its accuracy. */
  readonly metrics?: readonly 'accuracy'[];
  /** For a model in `'fp16'`; without effect in the others. Not saved with the model, but where the scale stands is. */
  readonly lossScale?: LossScaleOptions;
}

/** Options of {@link Sequential.fit}. */
export interface FitOptions {
  /** @defaultValue 1 */
  readonly epochs?: number;
  /** @defaultValue 32 */
  readonly batchSize?: number;
  /** Evaluated after each epoch. */
  readonly validationData?: Dataset;
  /**
   * Another order of rows in each epoch, from the model's seed.
   * @defaultValue true
   */
  readonly shuffle?: boolean;
  /**
   * Where a continued training stands: its schedule and shuffling go on from this epoch.
   * @defaultValue 0
   */
  readonly initialEpoch?: number;
  /** Ends the fit after the batch in flight; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Callbacks of {@link Sequential.fit}. What a callback throws ends the fit. */
export interface FitCallbacks {
  /** Several times a second. */
  readonly onProgress?: (event: ProgressEvent) => void | Promise<void>;
  /** After every batch; makes each batch a native call of its own. */
  readonly onBatchEnd?: (event: ProgressEvent) => void | Promise<void>;
  /** After every epoch, and its validation. */
  readonly onEpochEnd?: (logs: EpochLogs) => void | Promise<void>;
}

/** Options of {@link Sequential.evaluate}. */
export interface EvaluateOptions {
  /** @defaultValue 256 */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/** Rows of one batch with their labels. */
export type Batch = Dataset | ArraysOptions;

/** What one training step gives. */
export interface StepResult {
  /** Mean over the batch, before the step. */
  readonly loss: number;
  readonly accuracy: number | undefined;
}

/** Bytes that a model takes. */
export interface MemoryEstimate {
  /** Weights, gradients and optimiser state. */
  readonly weights: number;
  /** Activations, their gradients and scratch of one batch. */
  readonly activations: number;
  readonly total: number;
}

interface Compiled {
  readonly optimizer: Optimizer;
  readonly loss: Loss;
}

const fitKeys = ['epochs', 'batchSize', 'validationData', 'shuffle', 'initialEpoch', 'signal'] as const;

function asDataset(batch: Batch, inputShape: readonly number[]): Dataset {
  if (batch instanceof Dataset) return batch;
  if (typeof batch !== 'object' || batch === null) {
    throw new CugruError('ERR_TYPE', `a batch must be a dataset, or { inputs, labels }, got ${show(batch)}`);
  }
  return fromArrays({ ...batch, shape: batch.shape ?? inputShape });
}

/**
 * A stack of layers, trained end to end. Made by {@link sequential}.
 *
 * All long calls run on a native thread; one `fit` (or training step) at a time, while `predict` and `evaluate` may come
 * in between.
 */
export class Sequential extends Network {
  /** Names of the classes, taken from the first training set that has them. */
  classNames: readonly string[] | undefined;
  /** How image files become rows, taken from the first training set that was image files. */
  decoding: Decoding | undefined;
  #compiled: Compiled | undefined;
  #lossScale = resolveLossScale();
  #configured: Promise<void> | undefined;
  #training: string | undefined;

  /** @internal */
  constructor(layers: readonly (Layer | ToSequence)[], options: NetworkOptions) {
    super(layers, options);
  }

  /** Optimiser and loss, once compiled. */
  get compileOptions(): { readonly optimizer: Optimizer; readonly loss: Loss } | undefined {
    return this.#compiled;
  }

  /**
   * Chooses optimiser and loss. The optimiser's state starts anew.
   * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`; `ERR_GRAPH` when the loss does not fit the last layer; `ERR_BUSY`.
   */
  compile(options: CompileOptions): void {
    rejectUnknownKeys('compile', options, ['optimizer', 'loss', 'metrics', 'lossScale']);
    this.runtime.expectOpen('model');
    this.#expectIdle('compile');
    for (const metric of options.metrics ?? []) expectOneOf('metrics', metric, ['accuracy'] as const);
    const compiled = { optimizer: resolveOptimizer(options.optimizer), loss: resolveLoss(options.loss) };
    this.lowered({ input: 'f32', lengths: false, loss: { loss: compiled.loss, labels: 'values' } });
    this.#lossScale = resolveLossScale(options.lossScale);
    this.#compiled = compiled;
    this.#configured = undefined;
  }

  /**
   * Trains for some epochs.
   * @param dataset - rows with labels: class numbers or distributions for cross-entropy, targets for squared error. A stream is read
   * slab by slab, in its own order; its first slab stands for all where the normalisation asks for statistics.
   * @returns the results of each epoch.
   * @throws {@link CugruError} `ERR_STATE` before compile, `ERR_SHAPE`, `ERR_RANGE` (labels), `ERR_BUSY` while another fit
   * runs, `ERR_NOT_FINITE` when the loss is no number any more, `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
   */
  async fit(dataset: Dataset | DatasetStream, options: FitOptions & FitCallbacks = {}): Promise<History> {
    rejectUnknownKeys('fit', options, [...fitKeys, 'onProgress', 'onBatchEnd', 'onEpochEnd']);
    const { onProgress, onBatchEnd, onEpochEnd, ...rest } = options;
    for (const [name, callback] of Object.entries({ onProgress, onBatchEnd, onEpochEnd }))
      expectCallback(name, callback);
    for await (const event of this.#events(dataset, rest, onBatchEnd !== undefined)) {
      if (event.type === 'end') return event.history;
      if (event.type === 'epochEnd') {
        await onEpochEnd?.(event.logs);
      } else {
        await onProgress?.(event);
        await onBatchEnd?.(event);
      }
    }
    throw new CugruError('ERR_INTERNAL', 'the fit ended without a history');
  }

  /**
   * Trains as {@link Sequential.fit} does, and yields what happens. Leaving the loop ends the fit after the batch in flight.
   */
  fitEvents(dataset: Dataset | DatasetStream, options: FitOptions = {}): AsyncGenerator<FitEvent, void> {
    rejectUnknownKeys('fitEvents', options, fitKeys);
    return this.#events(dataset, options, false);
  }

  /**
   * Loss, accuracy and confusion matrix over a dataset.
   * @throws {@link CugruError} as {@link Sequential.fit}.
   */
  async evaluate(dataset: Dataset, options: EvaluateOptions = {}): Promise<Evaluation> {
    rejectUnknownKeys('evaluate', options, ['batchSize', 'signal']);
    expectSignal('signal', options.signal);
    const batchSize = expectInteger('batchSize', options.batchSize ?? 256, { min: 1, max: 2 ** 20 });
    const variant = this.#variant(dataset, this.#expectCompiled());
    const compiled = await this.program(variant, 'evaluate', Math.min(batchSize, dataset.size));
    return evaluateRows(this, compiled, dataset, options.signal);
  }

  /**
   * Sets weights. Not during a fit, whose steps it would undo.
   * @param options - `partial`: names that are left out keep their values.
   * @throws {@link CugruError} `ERR_BUSY` during a fit; `ERR_VALUE` (missing or unknown names), `ERR_SHAPE`, `ERR_NOT_FINITE`; nothing
   * changes then.
   */
  override async setWeights(weights: Readonly<StateDict>, options: { readonly partial?: boolean } = {}): Promise<void> {
    this.#expectIdle('setWeights');
    await super.setWeights(weights, options);
  }

  /** One optimiser step on one batch. */
  async trainOnBatch(batch: Batch): Promise<StepResult> {
    const train = segments.zeroGradients | segments.forward | segments.loss | segments.backward | segments.update;
    return this.#exclusively('trainOnBatch', () => this.#step(batch, train, 1));
  }

  /**
   * Gradients of one batch, without a step: see {@link Sequential.getGradients}, {@link Sequential.applyGradients}.
   * @param options - `accumulate`: add to those that are there; `scale`: factor on the loss (1 / parts, when accumulating).
   */
  async computeGradients(
    batch: Batch,
    options: { readonly accumulate?: boolean; readonly scale?: number } = {},
  ): Promise<StepResult> {
    rejectUnknownKeys('computeGradients', options, ['accumulate', 'scale']);
    const zero = expectBoolean('accumulate', options.accumulate ?? false) ? 0 : segments.zeroGradients;
    const scale = expectNumber('scale', options.scale ?? 1, { min: -1e30, max: 1e30 });
    const parts = zero | segments.forward | segments.loss | segments.backward;
    return this.#exclusively('computeGradients', () => this.#step(batch, parts, scale));
  }

  /** Copies of the gradients by parameter name. */
  async getGradients(): Promise<Awaited<ReturnType<Network['getWeights']>>> {
    return this.table().read(await this.store(), 'gradients');
  }

  /** One optimiser step with the gradients of {@link Sequential.computeGradients}; sets them to zero. */
  async applyGradients(): Promise<void> {
    await this.#exclusively('applyGradients', async () => {
      const compiled = this.#expectCompiled();
      await this.configure();
      const program = await this.program(
        { input: 'f32', lengths: false, loss: { loss: compiled.loss, labels: 'values' } },
        'train',
        1,
      );
      const result = await this.run(program, {
        segments: segments.update,
        rows: 1,
        learningRates: await this.#rates(),
      });
      expectFinite(result, () => ({ text: 'among those to apply' }));
    });
  }

  /**
   * How long each operation takes: forward, loss and backward over some batches, without a step of the optimiser. The weights stay
   * what they are; gradients are left behind.
   * @param options - `batchSize` (default 32); `batches` are measured (default 10) after one that is not.
   * @throws {@link CugruError} as {@link Sequential.fit}.
   */
  async profile(
    dataset: Dataset,
    options: { readonly batchSize?: number; readonly batches?: number } = {},
  ): Promise<Profile> {
    rejectUnknownKeys('profile', options, ['batchSize', 'batches']);
    const batchSize = expectInteger('batchSize', options.batchSize ?? 32, { min: 1, max: 2 ** 20 });
    const batches = expectInteger('batches', options.batches ?? 10, { min: 1, max: 1000 });
    return this.#exclusively('profile', async () => {
      const batch = Math.min(batchSize, dataset.size);
      const program = await this.program(this.#variant(dataset, this.#expectCompiled()), 'train', batch);
      await this.configure();
      const slabs = slabBindings(program.lowered, await this.slabs.get(dataset.storage));
      const run = (count: number): Promise<RunResult> => {
        const indices = Int32Array.from({ length: count * batch }, (_, i) => i % dataset.size);
        const parts = segments.zeroGradients | segments.forward | segments.loss | segments.backward;
        const rows = indices.length;
        return this.run(program, { segments: parts, rows, indices, seed: this.seed, slabs, profile: true });
      };
      await run(1);
      return profileOf(await run(batches), batch);
    });
  }

  /** Bytes that training (or, before compile, prediction) with this batch size would take. Nothing is allocated. */
  async estimateMemory(options: { readonly batchSize?: number } = {}): Promise<MemoryEstimate> {
    rejectUnknownKeys('estimateMemory', options, ['batchSize']);
    const batch = expectInteger('batchSize', options.batchSize ?? 32, { min: 1, max: 2 ** 24 });
    const compiled = this.#compiled;
    const loss = compiled === undefined ? {} : { loss: { loss: compiled.loss, labels: 'values' } as const };
    const mode = compiled === undefined ? 'predict' : 'train';
    const activations = await this.plannedBytes({ input: 'u8', lengths: false, ...loss }, mode, batch);
    const { bytes } = await native().storeInfo(await this.store());
    const copies = compiled === undefined ? 0 : 1 + slotsOf(compiled.optimizer).length;
    const extra = this.#configured === undefined ? copies * this.table().length('gradients') * 4 : 0;
    return { weights: bytes + extra, activations, total: bytes + extra + activations };
  }

  /**
   * Saves the model to a folder: `config.json` (layers, preprocessing, optimiser, class names), `model.safetensors` (weights and
   * normalisation under PyTorch's names), `optimizer.safetensors` (its state, once trained) and `README.md`, a model card.
   * The folder appears whole or not at all; an older model in its place is replaced. See {@link loadModel}.
   * @throws {@link CugruError} `ERR_VALUE` when the folder holds something else.
   */
  async save(folder: string): Promise<void> {
    this.runtime.expectOpen('model');
    await saveModel(this, expectString('folder', folder));
  }

  /** @internal Hands the optimiser to the core, once after each compile; and which layers are frozen. */
  async configure(): Promise<void> {
    const compiled = this.#expectCompiled();
    const store = await this.store();
    this.#configured ??= native().storeConfigure(store, nativeOptimizer(compiled.optimizer, this.#lossScale));
    this.#configured.catch(() => {
      this.#configured = undefined; // so that the next call tries again
    });
    await this.#configured;
    for (const { layer } of this.spec.layers) {
      for (const group of this.spec.groups.of(layer)) {
        await native().storeSetGroup(store, group, { frozen: !layer.trainable });
      }
    }
  }

  async *#events(
    dataset: Dataset | DatasetStream,
    options: FitOptions,
    perBatch: boolean,
  ): AsyncGenerator<FitEvent, void> {
    const compiled = this.#expectCompiled();
    const epochs = expectInteger('epochs', options.epochs ?? 1, { min: 1, max: 1e6 });
    const initialEpoch = expectInteger('initialEpoch', options.initialEpoch ?? 0, { min: 0, max: epochs - 1 });
    const batchSize = expectInteger('batchSize', options.batchSize ?? 32, { min: 1, max: 2 ** 20 });
    const shuffle = expectBoolean('shuffle', options.shuffle ?? true);
    const { validationData, signal } = options;
    expectSignal('signal', signal);
    if (!(dataset instanceof DatasetStream)) this.#variant(dataset, compiled);
    const order = { shuffle, seed: this.seed, batchSize, initialEpoch, signal };
    const source = trainingRows(dataset, order);
    if (validationData !== undefined) this.#variant(validationData, compiled);
    signal?.throwIfAborted();
    this.#begin('fit');
    try {
      this.classNames ??= dataset.classNames;
      this.decoding ??= dataset.decoding;
      const sample = await source.sample();
      const variant = this.#variant(sample, compiled);
      await this.normalizeFrom(sample);
      await this.configure();
      const plan: FitPlan = {
        model: this,
        compiled: await this.program(variant, 'train', Math.min(batchSize, source.size)),
        source,
        schedule: compiled.optimizer.learningRate,
        epochs,
        initialEpoch,
        perBatch,
        validate:
          validationData === undefined
            ? undefined
            : () => this.evaluate(validationData, signal === undefined ? {} : { signal }),
        signal,
      };
      yield* fitLoop(plan);
    } finally {
      this.#training = undefined;
    }
  }

  async #step(batch: Batch, parts: number, gradientScale: number): Promise<StepResult> {
    const compiled = this.#expectCompiled();
    const dataset = asDataset(batch, this.inputShape);
    const variant = this.#variant(dataset, compiled);
    await this.configure();
    const program = await this.program(variant, 'train', dataset.size);
    const result = await this.#runOnce(program, dataset, parts, gradientScale);
    if ((parts & segments.update) !== 0) expectFinite(result, () => ({ text: 'in this batch' }));
    const tally = new LossTally();
    tally.add(result);
    return { loss: tally.loss, accuracy: tally.accuracy };
  }

  async #runOnce(program: CompiledGraph, dataset: Dataset, parts: number, gradientScale: number): Promise<RunResult> {
    const slabs = await this.slabs.get(dataset.storage);
    return this.run(program, {
      segments: parts,
      rows: dataset.size,
      indices: dataset.rows(),
      learningRates: await this.#rates(),
      seed: this.seed,
      gradientScale,
      slabs: slabBindings(program.lowered, slabs),
    });
  }

  // Outside of a fit there is no end in sight: a cosine needs its decaySteps, or stays at its full rate.
  async #rates(): Promise<Float32Array> {
    const { learningRate } = this.#expectCompiled().optimizer;
    const { step } = await native().storeInfo(await this.store());
    return Float32Array.of(learningRateAt(learningRate, step, Number.MAX_SAFE_INTEGER));
  }

  #variant(dataset: Dataset, compiled: Compiled): Variant {
    if (!(dataset instanceof Dataset)) {
      throw new CugruError(
        'ERR_TYPE',
        'expected a dataset; make one with datasets.fromArrays({ inputs, labels, shape })',
      );
    }
    expectInputs(dataset, this.inputShape);
    const { labels } = dataset.storage;
    if (labels === undefined) throw new CugruError('ERR_VALUE', 'this dataset has no labels to train or evaluate on');
    const kind: LabelKind = labels instanceof Int32Array ? 'classes' : 'values';
    if (kind === 'values') this.#expectTargets(labels.length / dataset.storage.rows);
    return { ...inputVariant(dataset), loss: { loss: compiled.loss, labels: kind } };
  }

  #expectTargets(width: number): void {
    const wanted = elements(this.outputShape);
    if (width === wanted) return;
    throw new CugruError(
      'ERR_SHAPE',
      `the model gives [${this.outputShape.join(', ')}], that is ${wanted} numbers for a row, the labels have ${width}`,
      { expected: this.outputShape, got: width },
    );
  }

  #expectCompiled(): Compiled {
    this.runtime.expectOpen('model');
    if (this.#compiled === undefined) {
      throw new CugruError('ERR_STATE', 'call model.compile({ optimizer, loss }) first');
    }
    return this.#compiled;
  }

  #expectIdle(what: string): void {
    if (this.#training === undefined) return;
    throw new CugruError(
      'ERR_BUSY',
      `${what} cannot run while ${this.#training} does; wait for it, or use another model`,
    );
  }

  #begin(what: string): void {
    this.#expectIdle(what);
    this.#training = what;
  }

  async #exclusively<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.#begin(what);
    try {
      return await work();
    } finally {
      this.#training = undefined;
    }
  }
}

/**
 * Builds a model from a list of layers.
 *
 * @example
 * ```ts
 * const model = sequential(
 *   [image.toSequence({ scheme: 'rows' }), layers.gru({ units: 128 }), layers.dense({ units: 10, activation: 'softmax' })],
 *   { inputShape: [28, 28, 1], device: 'auto', seed: 1 },
 * );
 * ```
 * @throws {@link CugruError} `ERR_SHAPE` naming the layer and axes that do not fit, `ERR_VALUE`, `ERR_TYPE`,
 * `ERR_CUDA_UNAVAILABLE`.
 */
export function sequential(layers: readonly (Layer | ToSequence)[], options: NetworkOptions): Sequential {
  return new Sequential(layers, options);
}
