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
} from '../checks.js';
import { type Dataset, DatasetStream } from '../data/index.js';
import { CugruError } from '../errors.js';
import type { Decoding } from '../image/index.js';
import type { AnyLayer } from '../layers/layer.js';
import { type Loss, resolveLoss } from '../layers/loss.js';
import type { Variant } from '../model/lowering.js';
import { Network } from '../model/network.js';
import type { StateDict } from '../model/weights.js';
import { native, type StoreHandle, segments } from '../native.js';
import { type Evaluation, evaluateRows } from './evaluation.js';
import type { FitEvent, History } from './events.js';
import { type FitPlan, fitLoop } from './fit.js';
import { expectFitOptions } from './fit_options.js';
import { asDataset, labelledVariant } from './labelled.js';
import { nativeOptimizer, type Optimizer, resolveLossScale, resolveOptimizer } from './optimizers.js';
import type {
  Batch,
  CompileOptions,
  EvaluateOptions,
  FitCallbacks,
  FitOptions,
  MemoryEstimate,
  StepResult,
} from './options.js';
import { type Profile, profileOf } from './profile.js';
import { saveModel, slotsOf } from './saving.js';
import { gradientParts, runBatch, runProfiled, runUpdate, stepParts } from './steps.js';
import { trainingRows } from './training_rows.js';

interface Compiled {
  readonly optimizer: Optimizer;
  readonly loss: Loss;
}

const fitKeys = [
  'epochs',
  'batchSize',
  'validationData',
  'shuffle',
  'initialEpoch',
  'augment',
  'timeReplays',
  'signal',
] as const;

/**
 * Layers with weights, trained end to end. Made by {@link sequential} or {@link model}; `Prediction` is what {@link Model.predict} gives.
 *
 * All long calls run on a native thread; one `fit` (or training step) at a time, while `predict` and `evaluate` may come
 * in between.
 */
export class Model<Prediction = Float32Array> extends Network<Prediction> {
  /** Names of the classes, taken from the first training set that has them. */
  classNames: readonly string[] | undefined;
  /** How image files become rows, taken from the first training set that was image files. */
  decoding: Decoding | undefined;
  #compiled: Compiled | undefined;
  #lossScale = resolveLossScale();
  #configured: Promise<void> | undefined;
  #training: string | undefined;

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
   * Trains as {@link Model.fit} does, and yields what happens. Leaving the loop ends the fit after the batch in flight.
   */
  fitEvents(dataset: Dataset | DatasetStream, options: FitOptions = {}): AsyncGenerator<FitEvent, void> {
    rejectUnknownKeys('fitEvents', options, fitKeys);
    return this.#events(dataset, options, false);
  }

  /**
   * Loss, accuracy and confusion matrix over a dataset.
   * @throws {@link CugruError} as {@link Model.fit}.
   */
  async evaluate(dataset: Dataset, options: EvaluateOptions = {}): Promise<Evaluation> {
    rejectUnknownKeys('evaluate', options, ['batchSize', 'signal']);
    expectSignal('signal', options.signal);
    const batchSize = expectInteger('batchSize', options.batchSize ?? 256, { min: 1, max: 2 ** 20 });
    const variant = labelledVariant(this, dataset, this.#expectCompiled().loss);
    const batch = this.expectBatches(dataset.size, Math.min(batchSize, dataset.size));
    const compiled = await this.program(variant, 'evaluate', batch);
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

  /** As {@link Network.resetStates}; not during a fit. */
  override async resetStates(): Promise<void> {
    this.#expectIdle('resetStates');
    await super.resetStates();
  }

  /** One optimiser step on one batch. */
  async trainOnBatch(batch: Batch): Promise<StepResult> {
    return this.#exclusively('trainOnBatch', () => this.#step(batch, stepParts, 1));
  }

  /**
   * Gradients of one batch, without a step: see {@link Model.getGradients}, {@link Model.applyGradients}.
   * @param options - `accumulate`: add to those that are there; `scale`: factor on the loss (1 / parts, when accumulating).
   */
  async computeGradients(
    batch: Batch,
    options: { readonly accumulate?: boolean; readonly scale?: number } = {},
  ): Promise<StepResult> {
    rejectUnknownKeys('computeGradients', options, ['accumulate', 'scale']);
    const kept = expectBoolean('accumulate', options.accumulate ?? false) ? segments.zeroGradients : 0;
    const scale = expectNumber('scale', options.scale ?? 1, { min: -1e30, max: 1e30 });
    return this.#exclusively('computeGradients', () => this.#step(batch, gradientParts & ~kept, scale));
  }

  /** Copies of the gradients by parameter name. */
  async getGradients(): Promise<StateDict> {
    return this.table().read(await this.store(), 'gradients');
  }

  /** One optimiser step with the gradients of {@link Model.computeGradients}; sets them to zero. */
  async applyGradients(): Promise<void> {
    await this.#exclusively('applyGradients', async () => {
      const compiled = this.#expectCompiled();
      await this.configure();
      const variant: Variant = { input: 'f32', lengths: false, loss: { loss: compiled.loss, labels: 'values' } };
      await runUpdate(this, await this.program(variant, 'train', this.batchSize ?? 1), compiled.optimizer);
    });
  }

  /**
   * How long each operation takes: forward, loss and backward over some batches, without a step of the optimiser. The weights stay
   * what they are; gradients are left behind.
   * @param options - `batchSize` (default 32); `batches` are measured (default 10) after one that is not.
   * @throws {@link CugruError} as {@link Model.fit}.
   */
  async profile(
    dataset: Dataset,
    options: { readonly batchSize?: number; readonly batches?: number } = {},
  ): Promise<Profile> {
    rejectUnknownKeys('profile', options, ['batchSize', 'batches']);
    const batchSize = expectInteger('batchSize', options.batchSize ?? 32, { min: 1, max: 2 ** 20 });
    const batches = expectInteger('batches', options.batches ?? 10, { min: 1, max: 1000 });
    return this.#exclusively('profile', async () => {
      const batch = this.expectBatches(dataset.size, Math.min(batchSize, dataset.size));
      const variant = labelledVariant(this, dataset, this.#expectCompiled().loss);
      const program = await this.program(variant, 'train', batch);
      await this.configure();
      const result = await runProfiled(this, program, dataset, batches);
      return profileOf(result, batch, native().programInfo(program.program).steps);
    });
  }

  /** Bytes that training (or, before compile, prediction) with this batch size would take. Nothing is allocated. */
  async estimateMemory(options: { readonly batchSize?: number } = {}): Promise<MemoryEstimate> {
    rejectUnknownKeys('estimateMemory', options, ['batchSize']);
    const batch = this.batchSize ?? expectInteger('batchSize', options.batchSize ?? 32, { min: 1, max: 2 ** 24 });
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
   * normalisation under PyTorch's names), `optimizer.safetensors` (its state, once trained), `choices.json` (of a model on a GPU: the
   * algorithms that were chosen by timing) and `README.md`, a model card. The folder appears whole or not at all; an older model in its
   * place is replaced. See {@link loadModel}.
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
    for (const { layer } of this.layers) await this.#freeze(store, layer, false);
  }

  async #freeze(store: StoreHandle, layer: AnyLayer, outer: boolean): Promise<void> {
    const frozen = outer || !layer.trainable;
    for (const group of this.spec.groups.of(layer)) {
      if (this.spec.groups.groups[group]?.buffer === true) continue;
      await native().storeSetGroup(store, group, { frozen });
    }
    for (const part of layer.parts) await this.#freeze(store, part, frozen);
  }

  async *#events(
    dataset: Dataset | DatasetStream,
    options: FitOptions,
    perBatch: boolean,
  ): AsyncGenerator<FitEvent, void> {
    const compiled = this.#expectCompiled();
    const settings = expectFitOptions(this, options);
    const { epochs, initialEpoch, batchSize, augment: list, timeReplays, signal } = settings;
    const { validationData } = options;
    const numbered = dataset instanceof DatasetStream;
    if (!numbered) labelledVariant(this, dataset, compiled.loss);
    const augment = list.length === 0 ? {} : { augment: { list, numbered } };
    const source = trainingRows(dataset, { ...settings, seed: this.seed, numbered: list.length > 0 });
    if (validationData !== undefined) labelledVariant(this, validationData, compiled.loss);
    signal?.throwIfAborted();
    this.#begin('fit');
    try {
      const sample = await source.sample();
      const variant = { ...labelledVariant(this, sample, compiled.loss), ...augment };
      this.lowered(variant); // refuses before anything is changed
      this.classNames ??= dataset.classNames;
      this.decoding ??= dataset.decoding;
      await this.normalizeFrom(sample);
      await this.configure();
      const plan: FitPlan = {
        model: this,
        compiled: await this.program(
          variant,
          'train',
          this.expectBatches(source.size, Math.min(batchSize, source.size)),
        ),
        source,
        schedule: compiled.optimizer.learningRate,
        epochs,
        initialEpoch,
        perBatch,
        timeReplays,
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
    const { loss, optimizer } = this.#expectCompiled();
    const dataset = asDataset(batch, this);
    const variant = labelledVariant(this, dataset, loss);
    await this.configure();
    const program = await this.program(variant, 'train', dataset.size);
    return runBatch(this, program, dataset, { parts, gradientScale, optimizer });
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
