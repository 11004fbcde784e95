/** The training loop: shuffled rows in chunks of about 50 ms of native work, metrics, validation. */
import { type ChunkSizer, chunkSizer } from '../model/chunks.js';
import type { Network } from '../model/network.js';
import type { CompiledGraph } from '../model/programs.js';
import { type Slabs, slabBindings } from '../model/source.js';
import { type CancelHandle, native, type RunResult, segments } from '../native.js';
import { type Evaluation, LossTally } from './evaluation.js';
import type { EpochLogs, FitEvent, ProgressEvent } from './events.js';
import { expectFinite } from './finite.js';
import { learningRateAt, type Schedule } from './schedules.js';
import type { RowsInOrder, TrainingRows } from './training_rows.js';

/** Everything a loop needs, checked. */
export interface FitPlan {
  readonly model: Network<unknown>;
  readonly compiled: CompiledGraph;
  readonly source: TrainingRows;
  readonly schedule: Schedule;
  readonly epochs: number;
  readonly initialEpoch: number;
  /** One native call for each batch. */
  readonly perBatch: boolean;
  /** By the device's own clock. */
  readonly timeReplays: boolean;
  readonly validate: (() => Promise<Evaluation>) | undefined;
  readonly signal: AbortSignal | undefined;
}

const trainStep = segments.zeroGradients | segments.forward | segments.loss | segments.backward | segments.update;

/** Rows of one storage, on the device. */
interface Part {
  readonly rows: RowsInOrder['rows'];
  readonly slabs: Slabs;
  /** Batches of this epoch before it. */
  readonly done: number;
  /** When the epoch began. */
  readonly begin: number;
}

/** One epoch; yields progress and returns its logs. */
class EpochLoop {
  readonly #plan: FitPlan;
  readonly #epoch: number;
  readonly #batches: number;
  readonly #tally = new LossTally();
  #computeSeconds = 0;
  #waitSeconds = 0;
  #replaySeconds: number | undefined;
  #gradientNorm = 0;
  #learningRate = 0;

  constructor(plan: FitPlan, epoch: number) {
    this.#plan = plan;
    this.#epoch = epoch;
    this.#batches = Math.ceil(plan.source.size / plan.compiled.batch);
  }

  async *run(cancel: CancelHandle): AsyncGenerator<ProgressEvent, EpochLogs> {
    const begin = performance.now();
    const { model, source } = this.#plan;
    const chunks = chunkSizer(this.#plan.compiled.batch);
    let done = 0;
    let waiting = begin;
    for await (const { storage, rows } of source.parts(this.#epoch)) {
      const slabs = await model.slabs.get(storage);
      this.#waitSeconds += (performance.now() - waiting) / 1000;
      done = yield* this.#part({ rows, slabs, done, begin }, chunks, cancel);
      waiting = performance.now();
    }
    this.#waitSeconds += (performance.now() - waiting) / 1000;
    const seconds = (performance.now() - begin) / 1000;
    return this.#logs(seconds);
  }

  /** Trains on the rows of one storage, and returns how many batches are done then. */
  async *#part(part: Part, chunks: ChunkSizer, cancel: CancelHandle): AsyncGenerator<ProgressEvent, number> {
    const { signal, compiled, perBatch } = this.#plan;
    const batches = Math.ceil(part.rows.length / compiled.batch);
    for (let done = 0; done < batches; ) {
      signal?.throwIfAborted();
      const count = Math.min(batches - done, perBatch ? 1 : chunks.batches());
      const before = { rows: this.#tally.rows, sum: this.#tally.loss * this.#tally.rows };
      const took = await this.#chunk(part, done, count, cancel);
      chunks.took(took);
      done += took.batches;
      signal?.throwIfAborted();
      const batchLoss =
        (this.#tally.loss * this.#tally.rows - before.sum) / Math.max(1, this.#tally.rows - before.rows);
      yield this.#progress(part.done + done, batchLoss, (performance.now() - part.begin) / 1000);
    }
    return part.done + batches;
  }

  async #chunk(part: Part, at: number, count: number, cancel: CancelHandle): Promise<RunResult> {
    const { model, compiled, schedule, epochs } = this.#plan;
    const first = part.done + at;
    const rates = new Float32Array(count);
    const total = epochs * this.#batches;
    for (let i = 0; i < count; i++) {
      rates[i] = learningRateAt(schedule, this.#epoch * this.#batches + first + i, total);
    }
    const rows = part.rows.subarray(at * compiled.batch, (at + count) * compiled.batch);
    const result = await model.run(compiled, {
      segments: trainStep,
      rows: rows.length,
      indices: rows,
      learningRates: rates,
      seed: model.seed,
      epoch: this.#epoch,
      slabs: slabBindings(compiled.lowered, part.slabs),
      timeReplays: this.#plan.timeReplays,
      cancel,
    });
    expectFinite(result, (batch) => ({
      text: `in epoch ${this.#epoch + 1}, at batch ${first + batch}`,
      details: { epoch: this.#epoch, batch: first + batch },
    }));
    this.#tally.add(result);
    this.#computeSeconds += result.seconds;
    const { replaySeconds } = result;
    if (replaySeconds !== undefined) this.#replaySeconds = (this.#replaySeconds ?? 0) + replaySeconds;
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
      ...(this.#replaySeconds === undefined ? {} : { replaySeconds: this.#replaySeconds }),
      waitSeconds: this.#waitSeconds,
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
    const done: EpochLogs[] = [];
    for (let epoch = plan.initialEpoch; epoch < epochs; epoch++) {
      if (model.stateful) await model.zeroStates();
      let logs = yield* new EpochLoop(plan, epoch).run(cancel);
      if (plan.validate !== undefined) {
        if (model.stateful) await model.zeroStates();
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
