/** Folders that appear whole or not at all. */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CugruError } from '../errors.js';

/** Options of {@link writeFolder}. */
export interface WriteFolderOptions {
  /** An older folder with only these files is replaced; any other that is not empty is left alone. */
  readonly replaceable: readonly string[];
}

async function entriesOf(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ENOTDIR')
      throw new CugruError('ERR_VALUE', `${folder} is a file, not a folder; choose another place`);
    throw error;
  }
}

async function writeSynced(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Writes `files` into a new folder beside `folder`, then puts it in its place.
 * @throws {@link CugruError} `ERR_VALUE` when `folder` holds files that are not `replaceable`; nothing is changed then.
 */
export async function writeFolder(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  { replaceable }: WriteFolderOptions,
): Promise<void> {
  const target = resolve(folder);
  const existing = await entriesOf(target);
  const foreign = existing?.filter((name) => !replaceable.includes(name)) ?? [];
  if (foreign.length > 0) {
    throw new CugruError(
      'ERR_VALUE',
      `${folder} holds other files (${foreign.slice(0, 3).join(', ')}); choose an empty or new folder`,
      {
        folder,
        foreign,
      },
    );
  }
  const stem = join(dirname(target), `.${basename(target)}.${process.pid}.${Date.now().toString(36)}`);
  const fresh = `${stem}.new`;
  const old = `${stem}.old`;
  await mkdir(fresh, { recursive: true });
  try {
    for (const [name, content] of Object.entries(files)) await writeSynced(join(fresh, name), content);
    if (existing !== undefined) await rename(target, old);
    try {
      await rename(fresh, target);
    } catch (error) {
      if (existing !== undefined) await rename(old, target);
      throw error;
    }
  } finally {
    await rm(fresh, { recursive: true, force: true });
    await rm(old, { recursive: true, force: true });
  }
}
