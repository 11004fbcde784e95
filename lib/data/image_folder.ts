/** Image folders: one folder for each class, with or without folders for training, validation and test above them. */
import { join, resolve } from 'node:path';
import { expectString, rejectUnknownKeys, show } from '../checks.js';
import { CugruError } from '../errors.js';
import { loadImages } from './image_dataset.js';
import { ImageWalk, imageExtensions, readFolder } from './image_files.js';
import { expectClassNames, type ImageList, type NamedItem, numberClasses, type PartName } from './image_list.js';
import { datasetKeys, type ImageDatasetOptions, type ImageDatasets } from './image_options.js';

/** Options of {@link imageFolder}. */
export interface ImageFolderOptions extends ImageDatasetOptions {
  /**
   * Endings of the files that are images, with their dot.
   * @defaultValue jpg, jpeg, png, webp, tif, tiff, gif, avif and svg
   */
  readonly extensions?: readonly string[];
  /**
   * Names of the classes by number; a folder that is none of them is refused, and one may be missing.
   * @defaultValue the folders of the training part
   */
  readonly classNames?: readonly string[];
}

const layoutHelp = 'images lie in folders that are named by their class: DIR/cat/1.jpg, or DIR/train/cat/1.jpg';
const parts: ReadonlyMap<string, PartName> = new Map([
  ['train', 'train'],
  ['training', 'train'],
  ['val', 'validation'],
  ['valid', 'validation'],
  ['validation', 'validation'],
  ['test', 'test'],
  ['testing', 'test'],
]);
const partOf = (folder: string): PartName | undefined => parts.get(folder.toLowerCase());

/** @internal */
export function expectExtensions(value: unknown): readonly string[] {
  if (value === undefined) return imageExtensions;
  if (!Array.isArray(value) || value.length === 0) {
    throw new CugruError('ERR_TYPE', `extensions must be an array such as ['.jpg', '.png'], got ${show(value)}`);
  }
  return value.map((extension, i) => {
    if (/^\.[^./\\]+$/.test(expectString(`extensions[${i}]`, extension))) return (extension as string).toLowerCase();
    throw new CugruError('ERR_VALUE', `extensions[${i}] must be a dot and an ending, got ${show(extension)}`);
  });
}

// A folder called 'train' may be a class, beside 'car' and 'bus'. It is a part where everything beside it is one as well.
function partFolders(dir: string, folders: readonly string[]): Map<PartName, string> | undefined {
  const named = folders.filter((name) => partOf(name) !== undefined);
  const byPart = new Map(named.map((name) => [partOf(name) as PartName, name]));
  if (!byPart.has('train') || (named.length === 1 && folders.length > 1)) return undefined;
  if (named.length < folders.length || byPart.size < named.length) {
    const problem = `has ${named.join(', ')} beside ${folders.length - named.length} other folders`;
    const detail = byPart.size < named.length ? `has two folders for one part (${named.join(', ')})` : problem;
    throw new CugruError('ERR_DATASET_CORRUPT', `${dir} ${detail}; ${layoutHelp}`, { path: dir, folders });
  }
  return byPart;
}

async function itemsOf(walk: ImageWalk, dir: string, part: PartName): Promise<NamedItem[]> {
  const { folders, files, others } = await readFolder(dir);
  for (const name of [...files, ...others]) walk.ignored.push(join(dir, name));
  const items: NamedItem[] = [];
  const spelled = new Map<string, string>();
  for (const folder of folders) {
    // The same name may be stored in two ways, on macOS and elsewhere.
    const className = folder.normalize('NFC');
    if (spelled.has(className)) {
      const problem = `has two folders for the class ${JSON.stringify(className)}, written in two ways of Unicode`;
      throw new CugruError('ERR_DATASET_CORRUPT', `${dir} ${problem}; give one of them another name`, { path: dir });
    }
    spelled.set(className, folder);
    const paths = await walk.files(join(dir, folder));
    if (paths.length === 0 && part === 'train') {
      const problem = `${join(dir, folder)} holds no images, but is named as a class; remove it, or put images there`;
      throw new CugruError('ERR_DATASET_CORRUPT', problem, { path: join(dir, folder) });
    }
    for (const path of paths) items.push({ path, className, part });
  }
  return items;
}

/**
 * What an image folder holds, before any file is opened.
 * @internal
 */
export async function listFolder(
  dir: string,
  name: string,
  extensions: readonly string[],
  classNames?: readonly string[],
): Promise<ImageList> {
  const walk = new ImageWalk(extensions);
  const { folders, files } = await readFolder(dir);
  if (folders.length === 0) {
    const images = files.filter((file) => walk.isImage(file)).length;
    const problem = images === 0 ? 'holds no images' : `holds ${images} images, but no folders of classes`;
    throw new CugruError('ERR_DATASET_MISSING', `${dir} ${problem}; ${layoutHelp}`, { path: dir });
  }
  const byPart = partFolders(dir, folders);
  const items: NamedItem[] = [];
  for (const [part, folder] of byPart ?? [['train', '.']]) {
    for (const item of await itemsOf(walk, join(dir, folder), part as PartName)) items.push(item);
  }
  return numberClasses({ source: dir, name, items, ignored: walk.ignored }, layoutHelp, classNames);
}

/**
 * Images in folders that are named by their class (`DIR/cat/1.jpg`), with or without folders for the parts above them
 * (`DIR/train/cat/1.jpg`; `val`, `valid` or `validation`, and `test`). Folders within a class are looked into as well; links are
 * followed. Classes are in the order of their names by code units, or of their numbers where all are numbers. Rows are
 * `[height, width, channels]` bytes in the order of their paths.
 *
 * @example
 * ```ts
 * const { train, test, classNames } = await datasets.imageFolder('flowers', { size: 64, split: { test: 0.2 } });
 * ```
 * @throws {@link CugruError} `ERR_DATASET_MISSING` for a folder that is not there or holds no images; `ERR_DATASET_CORRUPT` for fewer
 * than two classes, an empty one, or one that has no images for training; `ERR_IMAGE` naming a broken file; `ERR_OUT_OF_MEMORY`
 * before anything is decoded; `ERR_TYPE`, `ERR_VALUE`.
 */
export async function imageFolder(dir: string, options: ImageFolderOptions): Promise<ImageDatasets> {
  rejectUnknownKeys('datasets.imageFolder', options, [...datasetKeys, 'extensions', 'classNames']);
  const { extensions, classNames, ...rest } = options;
  const endings = expectExtensions(extensions);
  const names = expectClassNames(classNames);
  return loadImages(rest, () => listFolder(resolve(expectString('dir', dir)), options.name ?? dir, endings, names));
}
