/** Streams of image files: the list is in memory, the pixels are not. */
import { resolve } from 'node:path';
import { expectBoolean, expectOneOf, expectString, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { decodingOf } from '../image/index.js';
import { makeDataset } from './arrays.js';
import type { Dataset } from './dataset.js';
import { decodeList } from './image_dataset.js';
import { expectExtensions, listFolder } from './image_folder.js';
import { expectClassNames, type ImageItem, type PartName, partNames } from './image_list.js';
import {
  checkFilesOptions,
  type FilesPlan,
  filesKeys,
  type ImageFilesOptions,
  type SkippedFile,
} from './image_options.js';
import { isManifest, listManifest, type ManifestColumns, manifestKeys } from './manifest.js';
import { shuffleRows } from './shuffle.js';
import { checkSlabOptions, DatasetStream, type SlabOptions, slabKeys } from './stream.js';

/** Options of {@link stream}. */
export interface StreamOptions extends ImageFilesOptions, SlabOptions, ManifestColumns {
  /**
   * Which part of the images.
   * @defaultValue 'train'
   */
  readonly part?: PartName;
  /**
   * Another order of all files in each epoch.
   * @defaultValue true
   */
  readonly shuffle?: boolean;
  /** For a folder: as in `datasets.imageFolder`. */
  readonly extensions?: readonly string[];
  /** @defaultValue the path */
  readonly name?: string;
}

const keys = [...filesKeys, ...slabKeys, ...manifestKeys, 'part', 'shuffle', 'extensions', 'name'] as const;

function pick<T extends object, K extends keyof T>(options: T, wanted: readonly K[]): Pick<T, K> {
  return Object.fromEntries(Object.entries(options).filter(([key]) => wanted.includes(key as K))) as Pick<T, K>;
}

function combined(signal: AbortSignal, given: AbortSignal | undefined): AbortSignal {
  return given === undefined ? signal : AbortSignal.any([signal, given]);
}

interface FileStream {
  readonly name: string;
  readonly items: readonly ImageItem[];
  readonly classNames: readonly string[];
  readonly plan: FilesPlan;
  /** Positions of an epoch. */
  readonly order: (epoch: number) => Promise<Int32Array>;
  readonly skipped: Map<string, SkippedFile>;
}

async function* slabsOf(
  files: FileStream,
  epoch: number,
  slabRows: number,
  signal: AbortSignal,
): AsyncGenerator<Dataset, void> {
  const { name, items, classNames } = files;
  const plan = { ...files.plan, signal: combined(signal, files.plan.signal) };
  const { height, width, channels } = plan.decode;
  const order = await files.order(epoch);
  for (let first = 0; first < order.length; first += slabRows) {
    const wanted = [...order.subarray(first, first + slabRows)].map((i) => items[i] as ImageItem);
    const { inputs, labels, skipped } = await decodeList({ source: name, items: wanted }, plan);
    for (const file of skipped) files.skipped.set(file.path, file);
    if (labels.length === 0) continue;
    const arrays = { images: inputs, labels, shape: [height, width, channels], classNames, name };
    yield makeDataset(arrays, decodingOf(plan.decode));
  }
}

/**
 * A stream of the images of a folder (as `datasets.imageFolder`) or of a manifest (as `datasets.manifest`), for more images than
 * there is memory for. Files are shuffled as a whole, so that no buffer of rows is needed; each is decoded anew in each epoch.
 *
 * @example
 * ```ts
 * const train = await datasets.stream('photos', { size: 96, onError: 'skip', seed: 1 });
 * ```
 * @throws {@link CugruError} as `datasets.imageFolder` and `datasets.manifest`; broken files are met while the slabs are made.
 */
export async function stream(path: string, options: StreamOptions): Promise<DatasetStream> {
  rejectUnknownKeys('datasets.stream', options, keys);
  const plan = checkFilesOptions(pick(options, filesKeys));
  const cut = checkSlabOptions(options);
  const part = expectOneOf('part', options.part ?? 'train', partNames);
  const shuffle = expectBoolean('shuffle', options.shuffle ?? true);
  const source = resolve(expectString('path', path));
  const name = expectString('name', options.name ?? path);
  const list = isManifest(source)
    ? await listManifest(source, name, pick(options, manifestKeys))
    : await listFolder(source, name, expectExtensions(options.extensions), expectClassNames(options.classNames));
  const items = list.items.filter((item) => item.part === part);
  if (items.length === 0) {
    throw new CugruError('ERR_DATASET_MISSING', `${source} has no images for ${part}`, { path: source, part });
  }
  const order = async (epoch: number): Promise<Int32Array> => {
    const positions = Int32Array.from(items.keys());
    return shuffle ? shuffleRows(positions, cut.seed, epoch) : positions;
  };
  const skipped = new Map<string, SkippedFile>();
  const { classNames } = list;
  const files = { name, items, classNames, plan, order, skipped };
  const { height, width, channels } = plan.decode;
  const traits = { inputShape: [height, width, channels], classes: classNames.length, size: items.length };
  return new DatasetStream(
    { ...traits, name, classNames, decoding: decodingOf(plan.decode) },
    (epoch, slabRows, signal) => slabsOf(files, epoch, slabRows, signal),
    cut,
    skipped,
  );
}
