/** The training loop: shuffled rows in chunks of about 50 ms of native work, metrics, validation. */
import type { Dataset } from '../data/index.js';
import { shuffleRows } from '../data/index.js';
import { chunkSizer } from '../model/chunks.js';
import type { CompiledGraph, Network } from '../model/network.js';
import { type Slabs, slabBindings } from '../model/source.js';
import { type CancelHandle, native, type RunResult, segments } from '../native.js';
import { type Evaluation, LossTally } from './evaluation.js';
import type { EpochLogs, FitEvent, ProgressEvent } from './events.js';
import { expectFinite } from './finite.js';
import { learningRateAt, type Schedule } from './schedules.js';

/** Everything a loop needs, checked. */
export interface FitPlan {
  readonly model: Network;
  readonly compiled: CompiledGraph;
  readonly dataset: Dataset;
  readonly schedule: Schedule;
  readonly epochs: number;
  readonly initialEpoch: number;
  readonly shuffle: boolean;
  /** One native call for each batch. */
  readonly perBatch: boolean;
  readonly validate: (() => Promise<Evaluation>) | undefined;
  readonly signal: AbortSignal | undefined;
}

const trainStep = segments.zeroGradients | segments.forward | segments.loss | segments.backward | segments.update;

/** Rows of the dataset's storage in the order of this epoch. */
async function epochRows(plan: FitPlan, epoch: number): Promise<Int32Array> {
  const rows = plan.dataset.rows();
  return plan.shuffle ? shuffleRows(rows, plan.model.seed, epoch) : rows;
}

/** One epoch; yields progress and returns its logs. */
class EpochLoop {
  readonly #plan: FitPlan;
  readonly #slabs: Slabs;
  readonly #epoch: number;
  readonly #batches: number;
  readonly #tally = new LossTally();
  #rows: Int32Array = new Int32Array(0);
  #computeSeconds = 0;
  #gradientNorm = 0;
  #learningRate = 0;

  constructor(plan: FitPlan, slabs: Slabs, epoch: number) {
    this.#plan = plan;
    this.#slabs = slabs;
    this.#epoch = epoch;
    this.#batches = Math.ceil(plan.dataset.size / plan.compiled.batch);
  }

  async *run(cancel: CancelHandle): AsyncGenerator<ProgressEvent, EpochLogs> {
    const begin = performance.now();
    const { signal, compiled, perBatch } = this.#plan;
    const chunks = chunkSizer(compiled.batch);
    this.#rows = await epochRows(this.#plan, this.#epoch);
    for (let done = 0; done < this.#batches; ) {
      signal?.throwIfAborted();
      const count = Math.min(this.#batches - done, perBatch ? 1 : chunks.batches());
      const before = { rows: this.#tally.rows, sum: this.#tally.loss * this.#tally.rows };
      const took = await this.#chunk(done, count, cancel);
      chunks.took(took);
      done += took.batches;
      signal?.throwIfAborted();
      const batchLoss =
        (this.#tally.loss * this.#tally.rows - before.sum) / Math.max(1, this.#tally.rows - before.rows);
      yield this.#progress(done, batchLoss, (performance.now() - begin) / 1000);
    }
    const seconds = (performance.now() - begin) / 1000;
    return this.#logs(seconds);
  }

  async #chunk(first: number, count: number, cancel: CancelHandle): Promise<RunResult> {
    const { model, compiled, schedule, epochs } = this.#plan;
    const rates = new Float32Array(count);
    const total = epochs * this.#batches;
    for (let i = 0; i < count; i++) {
      rates[i] = learningRateAt(schedule, this.#epoch * this.#batches + first + i, total);
    }
    const rows = this.#rows.subarray(first * compiled.batch, (first + count) * compiled.batch);
    const result = await model.run(compiled, {
      segments: trainStep,
      rows: rows.length,
      indices: rows,
      learningRates: rates,
      seed: model.seed,
      slabs: slabBindings(compiled.lowered, this.#slabs),
      cancel,
    });
    expectFinite(result, (batch) => ({
      text: `in epoch ${this.#epoch + 1}, at batch ${first + batch}`,
      details: { epoch: this.#epoch, batch: first + batch },
    }));
    this.#tally.add(result);
    this.#computeSeconds += result.seconds;
    this.#gradientNorm = result.gradientNorm;
    this.#learningRate = rates[count - 1] as number;
    return result;
  }

  #progress(batch: number, batchLoss: number, seconds: number): ProgressEvent {
    return {
      type: 'progress',
      epoch: this.#epoch,
      epochs: this.#plan.epochs,
      batch,
      batches: this.#batches,
      loss: this.#tally.loss,
      accuracy: this.#tally.accuracy,
      batchLoss,
      learningRate: this.#learningRate,
      imagesPerSecond: this.#tally.rows / seconds,
    };
  }

  #logs(seconds: number): EpochLogs {
    return {
      epoch: this.#epoch,
      loss: this.#tally.loss,
      accuracy: this.#tally.accuracy,
      learningRate: this.#learningRate,
      gradientNorm: this.#gradientNorm,
      seconds,
      computeSeconds: this.#computeSeconds,
      imagesPerSecond: this.#tally.rows / seconds,
    };
  }
}

/** The whole loop. An abort ends it after the batch in flight: the weights are those of the last whole step. */
export async function* fitLoop(plan: FitPlan): AsyncGenerator<FitEvent, void> {
  const begin = performance.now();
  const { model, epochs, signal } = plan;
  const cancel = native().createCancel();
  const onAbort = (): void => native().cancel(cancel);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const slabs = await model.slabs.get(plan.dataset.storage);
    const done: EpochLogs[] = [];
    for (let epoch = plan.initialEpoch; epoch < epochs; epoch++) {
      let logs = yield* new EpochLoop(plan, slabs, epoch).run(cancel);
      if (plan.validate !== undefined) {
        const { loss, accuracy } = await plan.validate();
        logs = { ...logs, valLoss: loss, valAccuracy: accuracy };
      }
      done.push(logs);
      yield { type: 'epochEnd', epochs, logs };
    }
    const seconds = (performance.now() - begin) / 1000;
    yield { type: 'end', history: { epochs: done, device: model.device, seconds } };
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
