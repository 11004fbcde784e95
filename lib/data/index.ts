/** Datasets: rows in memory with labels, and where they come from. */
import { fromArrays } from './dataset.js';
import { idx, mnist } from './idx_folder.js';

export { type ArraysOptions, Dataset, type DatasetStorage, fromArrays, type SplitOptions } from './dataset.js';
export { type DatasetSplits, type IdxOptions, type MnistOptions } from './idx_folder.js';
export { permutation } from './shuffle.js';
export { type ChannelStatistics, datasetStatistics } from './statistics.js';

/** Sources of data. */
export const datasets = { fromArrays, idx, mnist } as const;
