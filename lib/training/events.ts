/** What a fit reports, and what it returns. */

/** Results of one epoch. */
export interface EpochLogs {
  /** From 0. */
  readonly epoch: number;
  /** Mean over the epoch's rows, while the weights changed. */
  readonly loss: number;
  /** Likewise; absent for a regression. */
  readonly accuracy: number | undefined;
  /** On the validation data, after the epoch. */
  readonly valLoss?: number;
  readonly valAccuracy?: number | undefined;
  /** Of the epoch's last step. */
  readonly learningRate: number;
  /** Norm of all gradients together before clipping, at the last step. */
  readonly gradientNorm: number;
  /** Wall-clock of the training part. */
  readonly seconds: number;
  /** Of that, spent in native compute. */
  readonly computeSeconds: number;
  /**
   * Of `seconds`, in which the GPU was at recorded steps (CUDA graphs), by its own clock: `1 - replaySeconds / seconds` is its idle share.
   * Steps that are not replayed, the first of a shape, are no part of it. Where {@link FitOptions.timeReplays} asks for it, on a GPU.
   */
  readonly replaySeconds?: number;
  /** Of `seconds`, spent waiting for data: shuffling, decoding, copying rows to the device. */
  readonly waitSeconds: number;
  readonly imagesPerSecond: number;
}

/** Where a fit stands, several times a second (or after every batch, where batches are asked for). */
export interface ProgressEvent {
  readonly type: 'progress';
  readonly epoch: number;
  readonly epochs: number;
  /** Batches done in this epoch. */
  readonly batch: number;
  readonly batches: number;
  /** Mean over the epoch so far. */
  readonly loss: number;
  readonly accuracy: number | undefined;
  /** Of the batches since the last event. */
  readonly batchLoss: number;
  readonly learningRate: number;
  readonly imagesPerSecond: number;
}

/** An epoch is over. */
export interface EpochEndEvent {
  readonly type: 'epochEnd';
  readonly epochs: number;
  readonly logs: EpochLogs;
}

/** The fit is over. */
export interface FitEndEvent {
  readonly type: 'end';
  readonly history: History;
}

/** What `model.fitEvents` yields. */
export type FitEvent = ProgressEvent | EpochEndEvent | FitEndEvent;

/** What `model.fit` returns. */
export interface History {
  readonly epochs: readonly EpochLogs[];
  readonly device: string;
  readonly seconds: number;
}
