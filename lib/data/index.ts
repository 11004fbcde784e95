/** Data in memory: immutable datasets, their loaders, statistics, and the seeded order of their rows. */
export { type ArraysOptions, fromArrays } from './arrays.js';
export { Dataset, type DatasetStorage, type RowSelection, type SplitOptions } from './dataset.js';
export * as datasets from './datasets.js';
export type { DatasetSplits, IdxFolderOptions, MnistOptions } from './mnist.js';
export { permutation, shuffleRows } from './shuffle.js';
export { type ChannelStatistics, datasetStatistics } from './statistics.js';
