/** `--data`: what kind of data lies there is found out by looking. */
import { readdir, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { cifarKind, type Dataset, datasets, isManifest } from '../data/index.js';
import { CugruError } from '../errors.js';
import type { image } from '../image/index.js';
import { ProgressLine } from './progress.js';

/** How image files become rows. Other data does without. */
export interface ImageSettings extends image.Decoding {
  /** `[height, width]` */
  readonly size?: readonly [number, number];
  readonly channels?: 1 | 3;
  readonly cache?: string;
  /** Leave broken files out. */
  readonly skipBroken?: boolean;
  /** Of a model that is there already. */
  readonly classNames?: readonly string[];
}

/** What {@link openData} finds. */
export interface OpenedData {
  readonly train: Dataset;
  readonly validation?: Dataset;
  readonly test?: Dataset;
  /** Files that were left out. */
  readonly skipped: readonly datasets.SkippedFile[];
}

/** How to name the kinds of data in `--help`. */
export const dataHelp =
  "'mnist', a folder of IDX files, of CIFAR, or of folders with images of one class each; an npz file, or a CSV or JSON manifest";

/** What images of a folder or manifest are made to, unless something else is wanted. */
export const defaultImages = { size: [64, 64], channels: 3 } as const;

type Kind = 'mnist' | 'npz' | 'manifest' | 'cifar10' | 'cifar100' | 'images' | 'idx';

const idxName = /^(train|t10k|test)-(images|labels)[-.]idx\d-ubyte(\.gz)?$/;
const imageName = /\.(jpe?g|png|webp|tiff?|gif|avif|svg)$/i;

async function kindOfFile(path: string): Promise<Kind> {
  if (extname(path).toLowerCase() === '.npz') return 'npz';
  if (isManifest(path)) return 'manifest';
  throw new CugruError('ERR_DATASET_MISSING', `${path} is no data that can be read; it must be ${dataHelp}`, { path });
}

async function kindOfFolder(path: string): Promise<Kind> {
  const cifar = await cifarKind(path);
  if (cifar !== undefined) return cifar;
  const entries = await readdir(path, { withFileTypes: true });
  if (entries.some(({ name }) => idxName.test(name))) return 'idx';
  const holdsImages = entries.some((entry) => !entry.isFile() || imageName.test(entry.name));
  return holdsImages ? 'images' : 'idx';
}

async function kindOf(path: string): Promise<Kind> {
  if (path === 'mnist') return 'mnist';
  try {
    return (await stat(path)).isFile() ? await kindOfFile(path) : await kindOfFolder(path);
  } catch (error) {
    // The loader says what is missing.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return isManifest(path) ? 'manifest' : 'idx';
    throw error;
  }
}

async function openImages(
  path: string,
  kind: 'images' | 'manifest',
  { skipBroken, ...settings }: ImageSettings,
  signal: AbortSignal | undefined,
): Promise<OpenedData> {
  const line = new ProgressLine();
  const options = {
    ...defaultImages,
    ...settings,
    onError: skipBroken === true ? 'skip' : 'stop',
    onProgress: ({ done, total }: datasets.DecodeProgress) => line.draw(`decoding ${done}/${total} images`),
    ...(signal === undefined ? {} : { signal }),
  } as const;
  try {
    return await (kind === 'images' ? datasets.imageFolder(path, options) : datasets.manifest(path, options));
  } finally {
    line.clear();
  }
}

/**
 * Opens a dataset by name, or what a path holds.
 * @throws {@link CugruError} as the loaders do.
 */
export async function openData(path: string, settings: ImageSettings, signal?: AbortSignal): Promise<OpenedData> {
  const kind = await kindOf(path);
  if (kind === 'images' || kind === 'manifest') return openImages(path, kind, settings, signal);
  const load = {
    mnist: () => datasets.mnist(),
    idx: () => datasets.idx({ dir: path }),
    npz: () => datasets.npz(path),
    cifar10: () => datasets.cifar10(path),
    cifar100: () => datasets.cifar100(path),
  }[kind];
  return { ...(await load()), skipped: [] };
}

const usualShare = 0.1;

/** How {@link openForTraining} divides what it opens. */
export interface TrainingSplit {
  /**
   * Share of the training rows that is held out for the validation.
   * @defaultValue 0.1; 0 for `mnist`, whose test rows are at hand
   */
  readonly validationSplit?: number;
  readonly seed: number;
}

// The data's own validation part, or a share of every class.
function withValidation(path: string, opened: OpenedData, { validationSplit, seed }: TrainingSplit): OpenedData {
  const { train, validation } = opened;
  if (validation !== undefined) {
    if (validationSplit === undefined) return opened;
    const problem = `${path} has a validation part of ${validation.size} images, which is used; leave --validation-split out`;
    throw new CugruError('ERR_VALUE', problem, { path });
  }
  const fraction = validationSplit ?? (path === 'mnist' ? 0 : usualShare);
  // What has no classes is refused by the model.
  if (fraction === 0 || train.classes === undefined) return opened;
  if (validationSplit === undefined && Math.round(fraction * train.size) === 0) {
    const problem = `${train.size} images for training are too few to hold some out; give --validation-split, or more images`;
    throw new CugruError('ERR_VALUE', problem, { path, size: train.size });
  }
  const [held, rest] = train.split({ fraction, stratified: train.storage.labels instanceof Int32Array, seed });
  return { ...opened, train: rest, validation: held };
}

/**
 * Rows to train on, and to validate and test on where there are some.
 * @throws {@link CugruError} as the loaders do; `ERR_VALUE` for a validation split of data that has a validation part.
 */
export async function openForTraining(
  path: string,
  settings: ImageSettings,
  split: TrainingSplit,
  signal: AbortSignal,
): Promise<OpenedData> {
  const opened = await openData(path, settings, signal);
  reportSkipped(opened.skipped);
  return withValidation(path, opened, split);
}

/** Rows to evaluate on: the test rows, or those of the validation, or all where there are neither. */
export async function openForEvaluation(path: string, settings: ImageSettings): Promise<Dataset> {
  const { train, validation, test, skipped } = await openData(path, settings);
  reportSkipped(skipped);
  if (test !== undefined) return test;
  const [rows, which] =
    validation === undefined ? [train, `all ${train.size}`] : [validation, `the ${validation.size} of the validation`];
  process.stderr.write(`there are no test images: ${which} are evaluated\n`);
  return rows;
}

function reportSkipped(skipped: OpenedData['skipped']): void {
  if (skipped.length === 0) return;
  const lines = skipped.slice(0, 3).map(({ reason }) => `  ${reason}\n`);
  const more = skipped.length > lines.length ? `  and ${skipped.length - lines.length} more\n` : '';
  process.stderr.write(`${skipped.length} files were left out:\n${lines.join('')}${more}`);
}
