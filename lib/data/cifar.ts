/** CIFAR-10 and CIFAR-100 in their binary version. */
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expectOneOf, expectString, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { breather } from '../slices.js';
import { fromArrays } from './arrays.js';
import type { Dataset } from './dataset.js';
import type { DatasetSplits } from './mnist.js';

/** Options of {@link cifar10}. */
export interface CifarOptions {
  /** @defaultValue 'cifar10' or 'cifar100' */
  readonly name?: string;
}

/** Options of {@link cifar100}. */
export interface Cifar100Options extends CifarOptions {
  /**
   * The 100 classes, or the 20 groups that they belong to.
   * @defaultValue 'fine'
   */
  readonly labels?: 'fine' | 'coarse';
}

const side = 32;
const plane = side * side;
const pixels = 3 * plane;
const help =
  "it is the folder of the binary version, from 'cifar-10-binary.tar.gz' or 'cifar-100-binary.tar.gz', unpacked";

/** How a record is laid out, and how labels are called. */
interface Kind {
  readonly name: string;
  readonly folder: string;
  readonly train: readonly string[];
  readonly test: readonly string[];
  /** Bytes of labels before the pixels, and which one is wanted. */
  readonly labelBytes: number;
  readonly labelAt: number;
  readonly classes: number;
  readonly namesFile: string;
}

const ten: Kind = {
  name: 'cifar10',
  folder: 'cifar-10-batches-bin',
  train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
  test: ['test_batch.bin'],
  labelBytes: 1,
  labelAt: 0,
  classes: 10,
  namesFile: 'batches.meta.txt',
};
const hundred: Kind = {
  name: 'cifar100',
  folder: 'cifar-100-binary',
  train: ['train.bin'],
  test: ['test.bin'],
  labelBytes: 2,
  labelAt: 1,
  classes: 100,
  namesFile: 'fine_label_names.txt',
};
const groups: Kind = { ...hundred, labelAt: 0, classes: 20, namesFile: 'coarse_label_names.txt' };

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function folderOf(dir: string, kind: Kind): Promise<string | undefined> {
  for (const folder of [dir, join(dir, kind.folder)]) {
    if (await isFile(join(folder, kind.train[0] as string))) return folder;
  }
  return undefined;
}

/** Which of both a folder holds. @internal */
export async function cifarKind(dir: string): Promise<'cifar10' | 'cifar100' | undefined> {
  if ((await folderOf(dir, ten)) !== undefined) return 'cifar10';
  return (await folderOf(dir, hundred)) === undefined ? undefined : 'cifar100';
}

async function readRecords(path: string, record: number): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem = `${path} cannot be read: ${reason}; ${help}`;
    throw new CugruError('ERR_DATASET_MISSING', problem, { path }, { cause: error });
  }
  if (bytes.length > 0 && bytes.length % record === 0) return bytes;
  const rest = `${Math.floor(bytes.length / record)} and ${bytes.length % record} bytes`;
  const problem = `expected whole records of ${record} bytes, got ${rest}: the file is cut short, or something else`;
  throw new CugruError('ERR_DATASET_CORRUPT', `${path}: ${problem}`, { path, length: bytes.length });
}

/** One record: three planes become pixels of three channels. */
function interleave(from: Uint8Array, at: number, to: Uint8Array, start: number): void {
  for (let i = 0; i < plane; i++) {
    to[start + 3 * i] = from[at + i] as number;
    to[start + 3 * i + 1] = from[at + plane + i] as number;
    to[start + 3 * i + 2] = from[at + 2 * plane + i] as number;
  }
}

async function readPart(
  folder: string,
  files: readonly string[],
  kind: Kind,
): Promise<{ readonly images: Uint8Array; readonly labels: Int32Array }> {
  const record = kind.labelBytes + pixels;
  const parts: Uint8Array[] = [];
  for (const file of files) parts.push(await readRecords(join(folder, file), record));
  const count = parts.reduce((sum, part) => sum + part.length / record, 0);
  const [images, labels] = [new Uint8Array(count * pixels), new Int32Array(count)];
  const breathe = breather();
  let row = 0;
  for (const [i, part] of parts.entries()) {
    for (let at = 0; at < part.length; at += record, row++) {
      const label = part[at + kind.labelAt] as number;
      if (label >= kind.classes) {
        const path = join(folder, files[i] as string);
        const problem = `the label of record ${at / record} must be from 0 to ${kind.classes - 1}, got ${label}`;
        throw new CugruError('ERR_DATASET_CORRUPT', `${path}: ${problem}`, { path, index: at / record, value: label });
      }
      labels[row] = label;
      interleave(part, at + kind.labelBytes, images, row * pixels);
      const pause = breathe();
      if (pause) await pause;
    }
  }
  return { images, labels };
}

async function readNames(folder: string, { namesFile, classes }: Kind): Promise<readonly string[] | undefined> {
  const path = join(folder, namesFile);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    // The numbers do without names.
    return undefined;
  }
  const names = text.split(/\r?\n/).map((line) => line.trim());
  const found = names.filter((name) => name !== '');
  if (found.length === classes) return found;
  const problem = `expected ${classes} names, one in each line, got ${found.length}`;
  throw new CugruError('ERR_DATASET_CORRUPT', `${path}: ${problem}`, { path });
}

async function load(dir: string, kind: Kind, name: string | undefined): Promise<DatasetSplits> {
  const given = resolve(expectString('dir', dir));
  const folder = await folderOf(given, kind);
  if (folder === undefined) {
    const problem = `${given} has no ${kind.train[0]}, nor has ${join(given, kind.folder)}; ${help}`;
    throw new CugruError('ERR_DATASET_MISSING', problem, { path: given });
  }
  const classNames = await readNames(folder, kind);
  const dataset = async (files: readonly string[]): Promise<Dataset> =>
    fromArrays({
      ...(await readPart(folder, files, kind)),
      shape: [side, side, 3],
      classes: kind.classes,
      name: expectString('name', name ?? kind.name),
      ...(classNames === undefined ? {} : { classNames }),
    });
  return { train: await dataset(kind.train), test: await dataset(kind.test) };
}

/**
 * CIFAR-10 from the folder of its binary version (`data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin`, `batches.meta.txt`): 50 000
 * training and 10 000 test images of `[32, 32, 3]` bytes.
 * @throws {@link CugruError} `ERR_DATASET_MISSING`; `ERR_DATASET_CORRUPT` naming the file and what is wrong.
 */
export async function cifar10(dir: string, options: CifarOptions = {}): Promise<DatasetSplits> {
  rejectUnknownKeys('datasets.cifar10', options, ['name']);
  return load(dir, ten, options.name);
}

/**
 * CIFAR-100 from the folder of its binary version (`train.bin`, `test.bin`, `fine_label_names.txt`, `coarse_label_names.txt`): 50 000
 * training and 10 000 test images of `[32, 32, 3]` bytes.
 * @throws {@link CugruError} as {@link cifar10}.
 */
export async function cifar100(dir: string, options: Cifar100Options = {}): Promise<DatasetSplits> {
  rejectUnknownKeys('datasets.cifar100', options, ['name', 'labels']);
  const labels = expectOneOf('labels', options.labels ?? 'fine', ['fine', 'coarse'] as const);
  return load(dir, labels === 'fine' ? hundred : groups, options.name);
}
