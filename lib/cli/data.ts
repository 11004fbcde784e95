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

const heldOut = 0.2;

/** Training and test rows; where there are no test rows, a fifth of each class is held out. */
export async function openForTraining(
  path: string,
  settings: ImageSettings & { readonly seed: number },
  signal: AbortSignal,
): Promise<Required<OpenedData>> {
  const { seed, ...images } = settings;
  const { train, test, skipped } = await openData(path, images, signal);
  reportSkipped(skipped);
  if (test !== undefined) return { train, test, skipped };
  process.stderr.write('there are no test images: a fifth of each class is held out for the test\n');
  const [held, rest] = train.split({ fraction: heldOut, stratified: train.classes !== undefined, seed });
  return { train: rest, test: held, skipped };
}

/** Rows to evaluate on: the test rows, or all where there are none. */
export async function openForEvaluation(path: string, settings: ImageSettings): Promise<Dataset> {
  const { train, test, skipped } = await openData(path, settings);
  reportSkipped(skipped);
  if (test === undefined) process.stderr.write(`there are no test images: all ${train.size} are evaluated\n`);
  return test ?? train;
}

function reportSkipped(skipped: OpenedData['skipped']): void {
  if (skipped.length === 0) return;
  const lines = skipped.slice(0, 3).map(({ reason }) => `  ${reason}\n`);
  const more = skipped.length > lines.length ? `  and ${skipped.length - lines.length} more\n` : '';
  process.stderr.write(`${skipped.length} files were left out:\n${lines.join('')}${more}`);
}
