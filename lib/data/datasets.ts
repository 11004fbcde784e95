/**
 * Datasets from arrays and files.
 *
 * @module
 */
export { type ArraysOptions, fromArrays } from './arrays.js';
export { type Cifar100Options, type CifarOptions, cifar10, cifar100 } from './cifar.js';
export { type ImageFolderOptions, imageFolder } from './image_folder.js';
export type { PartName } from './image_list.js';
export type {
  DecodeProgress,
  ImageDatasetOptions,
  ImageDatasets,
  ImageFilesOptions,
  SkippedFile,
} from './image_options.js';
export { type ManifestColumns, type ManifestOptions, manifest } from './manifest.js';
export { type DatasetSplits, type IdxFolderOptions, idx, type MnistOptions, mnist } from './mnist.js';
export { type NpyOptions, type NumpyDatasets, type NumpyOptions, npy, npz } from './numpy.js';
export type { DatasetStream, SlabOptions } from './stream.js';
export { type StreamOptions, stream } from './stream_files.js';
export { type RowSource, type StreamRow, type StreamRowsOptions, streamRows } from './stream_rows.js';
