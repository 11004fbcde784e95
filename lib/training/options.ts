/** Options and small results of a model's training calls. */
import type { ArraysOptions, Dataset } from '../data/index.js';
import type { Augmentation } from '../image/index.js';
import type { Loss, LossName } from '../layers/loss.js';
import type { EpochLogs, ProgressEvent } from './events.js';
import type { LossScaleOptions, Optimizer, OptimizerName } from './optimizers.js';

/** Options of {@link Model.compile}. */
export interface CompileOptions {
  readonly optimizer: Optimizer | OptimizerName;
  readonly loss: Loss | LossName;
  /** Named for Keras's sake: a classifier always reports its accuracy. */
  readonly metrics?: readonly 'accuracy'[];
  /** For a model in `'fp16'`; without effect in the others. Not saved with the model, but where the scale stands is. */
  readonly lossScale?: LossScaleOptions;
}

/** Options of {@link Model.fit}. */
export interface FitOptions {
  /** @defaultValue 1 */
  readonly epochs?: number;
  /** @defaultValue 32, or the `batchSize` that the model fixes */
  readonly batchSize?: number;
  /** Evaluated after each epoch. */
  readonly validationData?: Dataset;
  /**
   * Another order of rows in each epoch, from the model's seed.
   * @defaultValue true; false for a model with stateful layers
   */
  readonly shuffle?: boolean;
  /**
   * Where a continued training stands: its schedule and shuffling go on from this epoch.
   * @defaultValue 0
   */
  readonly initialEpoch?: number;
  /**
   * How images are changed at random, in the compiled program, for training only: see the `augment` namespace. What a sample gets
   * depends on the model's seed, the epoch and the sample alone: its row number in the data, or, of a stream, its place in the epoch.
   * @defaultValue not at all
   */
  readonly augment?: readonly Augmentation[];
  /**
   * Takes the time of each recorded step by the GPU's own clock: {@link EpochLogs.replaySeconds}. Two events a step, and nothing waits for
   * them. Without a GPU it does nothing.
   * @defaultValue false
   */
  readonly timeReplays?: boolean;
  /** Ends the fit after the batch in flight; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Callbacks of {@link Model.fit}. What a callback throws ends the fit. */
export interface FitCallbacks {
  /** Several times a second. */
  readonly onProgress?: (event: ProgressEvent) => void | Promise<void>;
  /** After every batch; makes each batch a native call of its own. */
  readonly onBatchEnd?: (event: ProgressEvent) => void | Promise<void>;
  /** After every epoch, and its validation. */
  readonly onEpochEnd?: (logs: EpochLogs) => void | Promise<void>;
}

/** Options of {@link Model.evaluate}. */
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
