/**
 * Datasets from arrays and files.
 *
 * @module
 */
export { type ArraysOptions, fromArrays } from './arrays.js';
export { type DatasetSplits, type IdxFolderOptions, idx, type MnistOptions, mnist } from './mnist.js';
