/** Where a fit takes its rows from: a dataset, or a stream of slabs. */
import { type Dataset, DatasetStream, shuffleRows } from '../data/index.js';
import { CugruError } from '../errors.js';

/** Rows of one storage, in the order of their use. */
export interface RowsInOrder {
  readonly storage: Dataset['storage'];
  readonly rows: Int32Array;
}

/** The rows of each epoch. */
export interface TrainingRows {
  /** Rows of an epoch; fewer where a stream skips broken files. */
  readonly size: number;
  /** Some rows, for the graph and for statistics. */
  sample(): Promise<Dataset>;
  /** One after the other: all rows of an epoch. */
  parts(epoch: number): AsyncGenerator<RowsInOrder, void>;
}

/** What the order of the rows depends on. */
export interface RowOrder {
  readonly shuffle: boolean;
  readonly seed: number;
  readonly batchSize: number;
  readonly initialEpoch: number;
  readonly signal: AbortSignal | undefined;
  /** Rows of a stream carry their places in the epoch, for augmentation. */
  readonly numbered: boolean;
}

function ofDataset(dataset: Dataset, { shuffle, seed }: RowOrder): TrainingRows {
  return {
    size: dataset.size,
    sample: async () => dataset,
    async *parts(epoch) {
      const rows = dataset.rows();
      yield { storage: dataset.storage, rows: shuffle ? await shuffleRows(rows, seed, epoch) : rows };
    },
  };
}

function ofStream(stream: DatasetStream, { batchSize, initialEpoch, signal, numbered }: RowOrder): TrainingRows {
  const { size } = stream;
  if (size === undefined) {
    const problem = 'a stream needs a size to be fitted, for the schedule; give datasets.streamRows its size';
    throw new CugruError('ERR_VALUE', problem);
  }
  // Whole batches, but for the last one.
  const slabRows = Math.ceil(stream.slabRows / batchSize) * batchSize;
  return {
    size,
    async sample() {
      for await (const slab of stream.cut(initialEpoch, slabRows, signal)) return slab;
      throw new CugruError('ERR_VALUE', `the stream '${stream.name}' has no rows`);
    },
    async *parts(epoch) {
      let first = 0;
      for await (const { storage, size: count } of stream.cut(epoch, slabRows, signal)) {
        const samples = Int32Array.from({ length: count }, (_, i) => first + i);
        yield {
          storage: numbered ? { ...storage, samples } : storage,
          rows: Int32Array.from({ length: count }, (_, i) => i),
        };
        first += count;
      }
    },
  };
}

/** @throws {@link CugruError} `ERR_VALUE` for a stream without a size. */
export function trainingRows(source: Dataset | DatasetStream, order: RowOrder): TrainingRows {
  return source instanceof DatasetStream ? ofStream(source, order) : ofDataset(source, order);
}
