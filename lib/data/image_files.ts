/** Image files of a folder and the folders in it, in the same order on every machine. */
import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { CugruError } from '../errors.js';
import { byCodeUnits } from './image_list.js';

/** @internal */
export const imageExtensions = ['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.gif', '.avif', '.svg'] as const;

/** What is in one folder. @internal */
export interface FolderContent {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Links to nothing. */
  readonly broken: readonly string[];
  /** Pipes, sockets, devices: never to be read. */
  readonly others: readonly string[];
}

function missing(folder: string, error: unknown): CugruError {
  const reason = error instanceof Error ? error.message : String(error);
  return new CugruError(
    'ERR_DATASET_MISSING',
    `${folder} cannot be read: ${reason}`,
    { path: folder },
    { cause: error },
  );
}

async function kindOf(folder: string, entry: Dirent): Promise<Dirent | Stats | undefined> {
  if (!entry.isSymbolicLink()) return entry;
  try {
    return await stat(join(folder, entry.name));
  } catch {
    return undefined;
  }
}

/**
 * Names in a folder by kind, links followed, hidden ones left out.
 * @throws {@link CugruError} `ERR_DATASET_MISSING` when it cannot be read.
 * @internal
 */
export async function readFolder(folder: string): Promise<FolderContent> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw missing(folder, error);
  }
  const content = { folders: [] as string[], files: [] as string[], broken: [] as string[], others: [] as string[] };
  for (const entry of entries.sort((a, b) => byCodeUnits(a.name, b.name))) {
    if (entry.name.startsWith('.')) continue;
    const kind = await kindOf(folder, entry);
    if (kind?.isDirectory()) content.folders.push(entry.name);
    else if (kind?.isFile()) content.files.push(entry.name);
    else if (kind === undefined) content.broken.push(entry.name);
    else content.others.push(entry.name);
  }
  return content;
}

/** Collects the files of one tree after the other. @internal */
export class ImageWalk {
  readonly #extensions: ReadonlySet<string>;
  /** What is no image file, and links that lead back to where they are. */
  readonly ignored: string[] = [];

  /** @param extensions - in lower case, with their dot */
  constructor(extensions: readonly string[]) {
    this.#extensions = new Set(extensions);
  }

  isImage(name: string): boolean {
    return this.#extensions.has(extname(name).toLowerCase());
  }

  /** Paths of the image files in `folder` and all folders below it. A broken link that is called an image is a broken image. */
  async files(folder: string): Promise<string[]> {
    const paths: string[] = [];
    await this.#visit(folder, new Set(), paths);
    return paths;
  }

  async #visit(folder: string, above: ReadonlySet<string>, paths: string[]): Promise<void> {
    const { files, folders, broken, others } = await readFolder(folder);
    const real = await realpath(folder);
    if (above.has(real)) {
      this.ignored.push(folder);
      return;
    }
    for (const name of [...files, ...broken].sort(byCodeUnits)) {
      (this.isImage(name) ? paths : this.ignored).push(join(folder, name));
    }
    for (const name of others) this.ignored.push(join(folder, name));
    for (const name of folders) await this.#visit(join(folder, name), new Set([...above, real]), paths);
  }
}
