/** Manifests: a CSV, JSON or JSON lines file that names images and their classes. */
import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { expectOneOf, expectString, rejectUnknownKeys, show } from '../checks.js';
import { CugruError } from '../errors.js';
import { parseCsv } from '../formats/index.js';
import { breather } from '../slices.js';
import { loadImages } from './image_dataset.js';
import {
  expectClassNames,
  type ImageList,
  type NamedItem,
  numberClasses,
  type PartName,
  partNames,
} from './image_list.js';
import { datasetKeys, type ImageDatasetOptions, type ImageDatasets } from './image_options.js';

/** Where a manifest has what. */
export interface ManifestColumns {
  /**
   * Column (or key) of the image's path.
   * @defaultValue 'path'
   */
  readonly pathColumn?: string;
  /**
   * Column of the class: a name, or a number.
   * @defaultValue 'label'
   */
  readonly labelColumn?: string;
  /**
   * Column of the part: 'train', 'validation' (or 'val') or 'test'.
   * @defaultValue 'split', where there is one; without it all rows are for training
   */
  readonly splitColumn?: string;
  /**
   * Folder that relative paths begin at.
   * @defaultValue the folder of the manifest
   */
  readonly root?: string;
  /**
   * What is between the fields of a CSV file.
   * @defaultValue ',', and a tab for `.tsv`
   */
  readonly delimiter?: ',' | ';' | '\t';
  /**
   * Names of the classes by number; a label that is none of them is refused.
   * @defaultValue the labels of the training rows: by number where all are numbers, else by code units
   */
  readonly classNames?: readonly string[];
}

/** Options of {@link manifest}. */
export interface ManifestOptions extends ImageDatasetOptions, ManifestColumns {}

/** @internal */
export const manifestKeys = ['pathColumn', 'labelColumn', 'splitColumn', 'root', 'delimiter', 'classNames'] as const;

/** One entry of a manifest, and where it stands. */
interface Entry {
  readonly place: string;
  readonly value: (column: string) => unknown;
}

const parts: ReadonlyMap<string, PartName> = new Map([
  ...partNames.map((name) => [name, name] as const),
  ['val', 'validation'],
  ['valid', 'validation'],
]);

function corrupt(place: string, problem: string, cause?: unknown): CugruError {
  return new CugruError('ERR_DATASET_CORRUPT', `${place}: ${problem}`, { path: place }, { cause });
}

function expectHeader(file: string, names: readonly string[], needed: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw corrupt(file, `there are two columns named '${twice}'`);
  const absent = needed.filter((name) => !names.includes(name));
  if (absent.length === 0) return;
  const help = 'name others by pathColumn and labelColumn';
  throw corrupt(file, `there is no column '${absent.join("', '")}' among ${names.join(', ')}; ${help}`);
}

function* csvEntries(text: string, file: string, delimiter: string, needed: readonly string[]): Generator<Entry> {
  let names: readonly string[] | undefined;
  for (const { line, fields } of parseCsv(text, file, { delimiter })) {
    const place = `${file}:${line}`;
    if (names === undefined) {
      names = fields.map((field) => field.trim());
      expectHeader(file, names, needed);
    } else {
      if (fields.length !== names.length) throw corrupt(place, `expected ${names.length} fields, got ${fields.length}`);
      const columns = names;
      yield { place, value: (column) => fields[columns.indexOf(column)] };
    }
  }
}

function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw corrupt(place, `it is not JSON (${error instanceof Error ? error.message : error})`, error);
  }
}

function jsonEntry(value: unknown, place: string): Entry {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw corrupt(place, `expected an object with a path and a label, got ${show(value)}`);
  }
  return {
    place,
    value: (column) => (Object.hasOwn(value, column) ? (value as Record<string, unknown>)[column] : undefined),
  };
}

function* jsonLines(text: string, file: string): Generator<Entry> {
  for (const [i, line] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    const place = `${file}:${i + 1}`;
    if (line.trim() !== '') yield jsonEntry(parseJson(line, place), place);
  }
}

function* jsonEntries(text: string, file: string): Generator<Entry> {
  const list = parseJson(text.replace(/^\ufeff/, ''), file);
  if (!Array.isArray(list)) throw corrupt(file, `expected an array of objects, got ${show(list)}`);
  for (const [i, value] of list.entries()) yield jsonEntry(value, `${file}, entry ${i}`);
}

const extensions = ['.csv', '.tsv', '.json', '.jsonl', '.ndjson'] as const;

/** Whether a path is named as a manifest. @internal */
export function isManifest(file: string): boolean {
  return (extensions as readonly string[]).includes(extname(file).toLowerCase());
}

function entriesOf(
  text: string,
  file: string,
  needed: readonly string[],
  delimiter: string | undefined,
): Generator<Entry> {
  const extension = expectOneOf('the ending of a manifest', extname(file).toLowerCase(), extensions);
  if (extension === '.json') return jsonEntries(text, file);
  if (extension === '.jsonl' || extension === '.ndjson') return jsonLines(text, file);
  return csvEntries(text, file, delimiter ?? (extension === '.tsv' ? '\t' : ','), needed);
}

function labelOf({ place, value }: Entry, column: string): string {
  const label = value(column);
  if (typeof label === 'number' && Number.isSafeInteger(label) && label >= 0) return String(label);
  if (typeof label === 'string' && label.trim() !== '') return label.trim().normalize('NFC');
  const got = label === undefined || label === '' ? 'none' : show(label);
  throw corrupt(place, `the label (column '${column}') must be a name or a class number, got ${got}`);
}

function partOf({ place, value }: Entry, column: string): PartName {
  const given = value(column);
  if (given === undefined || given === '') return 'train';
  const part = typeof given === 'string' ? parts.get(given.trim().toLowerCase()) : undefined;
  if (part !== undefined) return part;
  throw corrupt(place, `the part (column '${column}') must be one of ${partNames.join(', ')}, got ${show(given)}`);
}

function pathOf({ place, value }: Entry, column: string, root: string): string {
  const path = value(column);
  if (typeof path === 'string' && path.trim() !== '' && !path.includes('\0')) return resolve(root, path);
  throw corrupt(
    place,
    `the path (column '${column}') must be that of an image, got ${path === '' ? 'none' : show(path)}`,
  );
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CugruError('ERR_DATASET_MISSING', `${file} cannot be read: ${reason}`, { path: file }, { cause: error });
  }
}

/**
 * What a manifest names, before any image is opened.
 * @internal
 */
export async function listManifest(file: string, name: string, columns: ManifestColumns): Promise<ImageList> {
  const { delimiter } = columns;
  const pathColumn = expectString('pathColumn', columns.pathColumn ?? 'path');
  const labelColumn = expectString('labelColumn', columns.labelColumn ?? 'label');
  const splitColumn = expectString('splitColumn', columns.splitColumn ?? 'split');
  const root = columns.root === undefined ? dirname(file) : resolve(expectString('root', columns.root));
  if (delimiter !== undefined) expectOneOf('delimiter', delimiter, [',', ';', '\t'] as const);
  const classNames = expectClassNames(columns.classNames);
  const needed = [pathColumn, labelColumn, ...(columns.splitColumn === undefined ? [] : [splitColumn])];
  const items: NamedItem[] = [];
  const breathe = breather();
  for (const entry of entriesOf(await readText(file), file, needed, delimiter)) {
    const className = labelOf(entry, labelColumn);
    items.push({ path: pathOf(entry, pathColumn, root), className, part: partOf(entry, splitColumn) });
    const pause = breathe();
    if (pause) await pause;
  }
  if (items.length === 0) throw corrupt(file, 'it names no images');
  return numberClasses({ source: file, name, items, ignored: [] }, 'name them by labelColumn', classNames);
}

/**
 * Images that a file names: CSV (or TSV) with a header, a JSON array of objects, or JSON lines. Each entry has a `path` (from the
 * manifest's folder), a `label` (a name, or a number) and, if wanted, a `split` (train, validation or test).
 *
 * @example
 * ```ts
 * const { train, test } = await datasets.manifest('birds.csv', { size: [48, 64], labelColumn: 'species' });
 * ```
 * @throws {@link CugruError} `ERR_DATASET_MISSING`; `ERR_DATASET_CORRUPT` with the line: a column that is missing or there twice, a
 * path or label that is missing; `ERR_IMAGE` naming a broken file; `ERR_OUT_OF_MEMORY`; `ERR_TYPE`, `ERR_VALUE`.
 */
export async function manifest(file: string, options: ManifestOptions): Promise<ImageDatasets> {
  rejectUnknownKeys('datasets.manifest', options, [...datasetKeys, ...manifestKeys]);
  const { pathColumn, labelColumn, splitColumn, root, delimiter, classNames, ...rest } = options;
  const given = { pathColumn, labelColumn, splitColumn, root, delimiter, classNames };
  const columns = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return loadImages(rest, () => listManifest(resolve(expectString('file', file)), options.name ?? file, columns));
}
