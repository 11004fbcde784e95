/** Loss, accuracy and confusion over a dataset. */
import type { Dataset } from '../data/index.js';
import { chunkSizer } from '../model/chunks.js';
import type { Network } from '../model/network.js';
import type { CompiledGraph } from '../model/programs.js';
import { slabBindings } from '../model/source.js';
import { type LossResult, type RunResult, segments } from '../native.js';

/** What {@link Model.evaluate} gives. */
export interface Evaluation {
  /** Mean over rows. */
  readonly loss: number;
  /** Share of rows whose largest output is the label's class; absent for a regression. */
  readonly accuracy: number | undefined;
  readonly samples: number;
  /** `[truth][answer]` counts, for a classifier. */
  readonly confusionMatrix: readonly (readonly number[])[] | undefined;
  /** Wall-clock, from the first batch to the last. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/** Sums of many runs of one loss. */
export class LossTally {
  #loss = 0;
  #rows = 0;
  #correct = 0;
  #classes = 0;
  #confusion = new Float64Array(0);

  add(result: RunResult): void {
    const loss = result.losses[0] as LossResult;
    this.#loss += loss.lossSum;
    this.#rows += loss.rows;
    this.#correct += loss.correct;
    this.#classes = loss.classes;
    if (this.#confusion.length !== loss.confusion.length) this.#confusion = new Float64Array(loss.confusion.length);
    loss.confusion.forEach((count, i) => {
      this.#confusion[i] = (this.#confusion[i] as number) + count;
    });
  }

  get rows(): number {
    return this.#rows;
  }

  get loss(): number {
    return this.#loss / Math.max(1, this.#rows);
  }

  get accuracy(): number | undefined {
    return this.#classes > 0 ? this.#correct / Math.max(1, this.#rows) : undefined;
  }

  get confusionMatrix(): number[][] | undefined {
    if (this.#classes === 0) return undefined;
    return Array.from({ length: this.#classes }, (_, row) => [
      ...this.#confusion.subarray(row * this.#classes, (row + 1) * this.#classes),
    ]);
  }
}

/** Runs `compiled` (mode 'evaluate') over all rows. */
export async function evaluateRows(
  model: Network<unknown>,
  compiled: CompiledGraph,
  dataset: Dataset,
  signal?: AbortSignal,
): Promise<Evaluation> {
  const slabs = await model.slabs.get(dataset.storage);
  const tally = new LossTally();
  const chunks = chunkSizer(compiled.batch);
  const begin = performance.now();
  for (let first = 0; first < dataset.size; ) {
    signal?.throwIfAborted();
    const rows = Math.min(dataset.size - first, chunks.batches() * compiled.batch);
    const result = await model.run(compiled, {
      segments: segments.forward | segments.loss,
      rows,
      indices: dataset.rows(first, first + rows),
      slabs: slabBindings(compiled.lowered, slabs),
    });
    chunks.took(result);
    tally.add(result);
    first += rows;
  }
  const seconds = (performance.now() - begin) / 1000;
  return {
    loss: tally.loss,
    accuracy: tally.accuracy,
    samples: tally.rows,
    confusionMatrix: tally.confusionMatrix,
    seconds,
    imagesPerSecond: tally.rows / seconds,
  };
}
