/**
 * Decoded image files in one file. It is a safetensors file with the tensors `inputs` (U8 `[rows, height, width, channels]`),
 * `labels` (I32 `[rows]`) and `parts` (U8 `[rows]`: 0 training, 1 validation, 2 test), and this metadata:
 * - `cugru_cache`: version of the format
 * - `made_from`: JSON with what the rows were made from: how they were decoded, and a digest over all paths, sizes, times and labels
 * - `checksum`: SHA-256 of the three tensors
 * - `skipped`: JSON with the files that were left out
 *
 * A cache that differs from what is wanted in any of these is made anew.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { CugruError } from '../errors.js';
import { readSafetensors, readSafetensorsMetadata, type Safetensors, writeSafetensors } from '../formats/index.js';
import { loadSharp } from '../image/index.js';
import { breather, mapLimited } from '../slices.js';
import { type ImageList, partNames } from './image_list.js';
import type { FilesPlan, SkippedFile } from './image_options.js';

/** Rows with all that is known of them. @internal */
export interface CachedRows {
  /** `[rows, height, width, channels]` */
  readonly inputs: Uint8Array;
  readonly labels: Int32Array;
  /** Positions in {@link partNames}. */
  readonly parts: Uint8Array;
  readonly skipped: readonly SkippedFile[];
}

const cacheVersion = '1';
const mark = 'cugru_cache';
const sliceBytes = 2 ** 20;

interface MadeFrom {
  readonly text: string;
  readonly rowShape: readonly number[];
}

async function sizeAndTime(path: string): Promise<readonly number[]> {
  try {
    const { size, mtimeMs } = await stat(path);
    return [size, mtimeMs];
  } catch {
    return [-1, -1];
  }
}

/**
 * What the rows of a list are made from, as text: equal texts, equal rows.
 * @internal
 */
export async function fingerprint(list: ImageList, plan: FilesPlan): Promise<MadeFrom> {
  const { versions } = await loadSharp();
  const states = await mapLimited(list.items, 32, ({ path }) => sizeAndTime(path));
  const hash = createHash('sha256').update(JSON.stringify(list.classNames));
  const breathe = breather();
  for (const [i, { path, label, part }] of list.items.entries()) {
    hash.update(`${JSON.stringify([relative(list.source, path), label, part, ...(states[i] ?? [])])}\n`);
    const pause = breathe();
    if (pause) await pause;
  }
  const { decode, onError } = plan;
  const { source } = list;
  const text = JSON.stringify({
    source,
    decode,
    onError,
    libvips: versions.vips,
    files: list.items.length,
    digest: hash.digest('hex'),
  });
  return { text, rowShape: [decode.height, decode.width, decode.channels] };
}

async function checksum(parts: readonly Uint8Array[]): Promise<string> {
  const hash = createHash('sha256');
  const breathe = breather();
  for (const part of parts) {
    for (let at = 0; at < part.length; at += sliceBytes) {
      hash.update(part.subarray(at, at + sliceBytes));
      const pause = breathe();
      if (pause) await pause;
    }
  }
  return hash.digest('hex');
}

const bytesOf = ({ inputs, labels, parts }: CachedRows): Uint8Array[] => [
  inputs,
  new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength),
  parts,
];

async function readHead(path: string): Promise<Buffer | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const head = Buffer.alloc(256);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

// A torn cache is ours if its head says so; or it has none, and then nothing is lost. Anything else may be dear to someone.
async function isThere(path: string): Promise<boolean> {
  const head = await readHead(path);
  if (head === undefined) return false;
  if (head.includes(mark) || head.every((byte) => byte === 0)) return true;
  const problem = `${path} is no cache of cugru and is left as it is; name another file, or remove this one`;
  throw new CugruError('ERR_VALUE', problem, { path });
}

function tensor({ tensors }: Safetensors, name: string, shape: readonly number[]): unknown {
  const found = tensors.find((one) => one.name === name);
  return found?.shape.join() === shape.join() ? found.data : undefined;
}

function rowsOf(file: Safetensors, { rowShape }: MadeFrom): CachedRows | undefined {
  const count = file.tensors.find(({ name }) => name === 'labels')?.shape[0];
  if (count === undefined || count === 0) return undefined;
  const inputs = tensor(file, 'inputs', [count, ...rowShape]);
  const [labels, parts] = [tensor(file, 'labels', [count]), tensor(file, 'parts', [count])];
  if (!(inputs instanceof Uint8Array && labels instanceof Int32Array && parts instanceof Uint8Array)) return undefined;
  return { inputs, labels, parts, skipped: JSON.parse(file.metadata['skipped'] ?? '[]') as SkippedFile[] };
}

async function readTrusted(path: string, madeFrom: MadeFrom, classes: number): Promise<CachedRows | undefined> {
  const isWanted = (metadata: Safetensors['metadata']): boolean =>
    metadata[mark] === cacheVersion && metadata['made_from'] === madeFrom.text;
  if (!isWanted(await readSafetensorsMetadata(path))) return undefined;
  const file = await readSafetensors(path);
  const rows = isWanted(file.metadata) ? rowsOf(file, madeFrom) : undefined;
  if (rows === undefined || file.metadata['checksum'] !== (await checksum(bytesOf(rows)))) return undefined;
  const valid =
    rows.labels.every((label) => label >= 0 && label < classes) && rows.parts.every((part) => part < partNames.length);
  return valid ? rows : undefined;
}

/**
 * The rows of a cache; undefined when there is none, or none that can be trusted.
 * @throws {@link CugruError} `ERR_VALUE` when the file is something else.
 * @internal
 */
export async function readCache(path: string, madeFrom: MadeFrom, classes: number): Promise<CachedRows | undefined> {
  if (!(await isThere(path))) return undefined;
  try {
    return await readTrusted(path, madeFrom, classes);
  } catch (error) {
    if (error instanceof CugruError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Writes a cache, whole or not at all. @internal */
export async function writeCache(path: string, madeFrom: MadeFrom, rows: CachedRows): Promise<void> {
  const count = rows.labels.length;
  await writeSafetensors(
    path,
    [
      { name: 'inputs', shape: [count, ...madeFrom.rowShape], data: rows.inputs },
      { name: 'labels', shape: [count], data: rows.labels },
      { name: 'parts', shape: [count], data: rows.parts },
    ],
    {
      [mark]: cacheVersion,
      made_from: madeFrom.text,
      checksum: await checksum(bytesOf(rows)),
      skipped: JSON.stringify(rows.skipped),
    },
  );
}
