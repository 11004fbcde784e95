/**
 * cugru: train and serve recurrent image classifiers from Node.
 *
 * @module cugru
 */
export { Dataset, datasets } from './data/index.js';
export { CugruError, type ErrorCode } from './errors.js';
export { image } from './image/index.js';
export * as layers from './layers/public.js';
export * as losses from './layers/losses.js';
export { GRU } from './model/gru.js';
export { getNumThreads, setNumThreads } from './threads.js';
export * from './training/index.js';
export { version } from './version.js';
