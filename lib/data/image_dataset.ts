/** From a list of image files to datasets in memory, through a cache. */
import { constants } from 'node:buffer';
import { resolve } from 'node:path';
import { expectString } from '../checks.js';
import { CugruError } from '../errors.js';
import { decodeEach, decodingOf } from '../image/index.js';
import { breather } from '../slices.js';
import { makeDataset } from './arrays.js';
import type { Dataset } from './dataset.js';
import { type CachedRows, fingerprint, readCache, writeCache } from './image_cache.js';
import { type ImageList, type PartName, partNames } from './image_list.js';
import {
  checkFilesOptions,
  checkProgress,
  checkShares,
  type FilesPlan,
  type ImageDatasetOptions,
  type ImageDatasets,
  type Shares,
  type SkippedFile,
} from './image_options.js';

const gibibyte = 2 ** 30;

function expectRoom(source: string, files: number, bytes: number): void {
  const most = Math.min(constants.MAX_LENGTH, process.availableMemory());
  if (bytes <= most) return;
  const problem = `${source}: ${files} rows need ${(bytes / gibibyte).toFixed(1)} GiB, there is room for ${(most / gibibyte).toFixed(1)}`;
  const help = 'choose a smaller size, or datasets.stream';
  throw new CugruError('ERR_OUT_OF_MEMORY', `${problem}; ${help}`, { files, bytes, available: most });
}

/** Moves the rows that are kept together, in place. */
async function closeGaps(inputs: Uint8Array, row: number, kept: readonly number[]): Promise<Uint8Array> {
  const breathe = breather();
  for (let to = 0; to < kept.length; to++) {
    const from = kept[to] as number;
    if (from !== to) inputs.copyWithin(to * row, from * row, (from + 1) * row);
    const pause = breathe();
    if (pause) await pause;
  }
  return inputs.subarray(0, kept.length * row);
}

// With what can be done about it.
function stopped({ code, message, details, cause }: CugruError): CugruError {
  const advice = "mend or remove it, or leave such files out (onError: 'skip', on the command line --skip-broken)";
  return new CugruError(code, `${message}; ${advice}`, details, { cause });
}

/** Decodes the files of a list into memory of their own. @internal */
export async function decodeList(
  list: Pick<ImageList, 'source' | 'items'>,
  plan: FilesPlan,
  onProgress?: ImageDatasetOptions['onProgress'],
): Promise<CachedRows> {
  const { items } = list;
  const row = plan.decode.height * plan.decode.width * plan.decode.channels;
  expectRoom(list.source, items.length, items.length * row);
  const inputs = new Uint8Array(items.length * row);
  const failures = new Map<number, SkippedFile>();
  let count = 0;
  await decodeEach({
    sources: items.map(({ path }) => path),
    plan: plan.decode,
    concurrency: plan.concurrency,
    signal: plan.signal,
    place: (i) => inputs.subarray(i * row, (i + 1) * row),
    done: (i, failure) => {
      if (failure !== undefined && plan.onError === 'stop') throw stopped(failure);
      const path = items[i]?.path as string;
      if (failure !== undefined) failures.set(i, { path, reason: failure.message });
      onProgress?.({ done: ++count, total: items.length, skipped: failures.size });
    },
  });
  const kept = items.map((_, i) => i).filter((i) => !failures.has(i));
  return {
    inputs: failures.size === 0 ? inputs : await closeGaps(inputs, row, kept),
    labels: Int32Array.from(kept, (i) => items[i]?.label as number),
    parts: Uint8Array.from(kept, (i) => partNames.indexOf(items[i]?.part as PartName)),
    skipped: [...failures].sort(([a], [b]) => a - b).map(([, skipped]) => skipped),
  };
}

async function rowsOf(
  list: ImageList,
  plan: FilesPlan,
  { cache, onProgress }: ImageDatasetOptions,
): Promise<{ readonly rows: CachedRows; readonly fromCache: boolean }> {
  if (cache === undefined) return { rows: await decodeList(list, plan, onProgress), fromCache: false };
  const path = resolve(expectString('cache', cache));
  const madeFrom = await fingerprint(list, plan);
  const cached = await readCache(path, madeFrom, list.classNames.length);
  if (cached !== undefined) return { rows: cached, fromCache: true };
  const rows = await decodeList(list, plan, onProgress);
  plan.signal?.throwIfAborted();
  await writeCache(path, madeFrom, rows);
  return { rows, fromCache: false };
}

type Parts = Partial<Record<PartName, Dataset>>;

function divide(all: Dataset, parts: Uint8Array): Parts {
  const present = partNames.flatMap((name, part) => {
    const positions = Int32Array.from(parts.keys()).filter((i) => parts[i] === part);
    return positions.length === 0 ? [] : [[name, positions] as const];
  });
  if (present.length === 1) return { [(present[0] as readonly [PartName, Int32Array])[0]]: all };
  return Object.fromEntries(present.map(([name, positions]) => [name, all.subset(positions)]));
}

// Test first, so that it stays the same when the share of the validation changes.
function share(parts: Parts, { validation, test, seed }: Shares): Parts {
  let { train } = parts;
  const result = { ...parts };
  for (const [name, fraction] of [
    ['test', test],
    ['validation', validation / (1 - test)],
  ] as const) {
    if (fraction === 0) continue;
    if (parts[name] !== undefined) {
      throw new CugruError('ERR_VALUE', `split.${name}: there are ${name} images already`, { part: name });
    }
    [result[name], train] = (train as Dataset).split({ fraction, seed, stratified: true });
  }
  return { ...result, train: train as Dataset };
}

/**
 * Checks the options, lists the files, and decodes them or reads the cache.
 * @internal
 */
export async function loadImages(options: ImageDatasetOptions, list: () => Promise<ImageList>): Promise<ImageDatasets> {
  const { cache, split, onProgress, name, ...filesOptions } = options;
  const plan = checkFilesOptions(filesOptions);
  const shares = checkShares(split);
  checkProgress(onProgress);
  if (name !== undefined) expectString('name', name);
  plan.signal?.throwIfAborted();
  const listed = await list();
  const { rows, fromCache } = await rowsOf(listed, plan, options);
  const { height, width, channels } = plan.decode;
  if (!rows.parts.includes(0)) {
    const problem = `${listed.source} has no image for training that can be decoded; the first problem is: ${rows.skipped[0]?.reason}`;
    throw new CugruError('ERR_DATASET_CORRUPT', problem, { path: listed.source, skipped: rows.skipped });
  }
  const { classNames, ignored } = listed;
  const arrays = { images: rows.inputs, labels: rows.labels, shape: [height, width, channels], classNames };
  const all = makeDataset({ ...arrays, name: listed.name }, decodingOf(plan.decode));
  const parts = divide(all, rows.parts);
  const { train, ...rest } = shares === undefined ? parts : share(parts, shares);
  return { train: train as Dataset, ...rest, classNames, skipped: rows.skipped, ignored, fromCache };
}
