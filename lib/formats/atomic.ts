/** Files and folders that appear whole or not at all: written beside their place, flushed, then renamed. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { expectTypedArray } from '../checks.js';
import { CugruError } from '../errors.js';

/** Content of a file: text (UTF-8), bytes, or bytes in several parts, one after the other. */
export type FolderFile = string | Uint8Array | readonly Uint8Array[];

/** Options of {@link writeFolder}. */
export interface WriteFolderOptions {
  /**
   * Names of the files that an older folder of the same kind may hold. A folder with anything else in it is left alone.
   * @defaultValue the names that are written
   */
  readonly replaceable?: readonly string[];
  /**
   * Names of the files that make a folder an older one of the same kind; one without them is left alone. They keep a folder that
   * has, for example, nothing but a README.md from being taken for ours.
   * @defaultValue the first of `replaceable`
   */
  readonly required?: readonly string[];
}

function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes(String((error as NodeJS.ErrnoException).code));
}

// A hidden name in the same folder, hence on the same file system: only there is a rename atomic.
function sibling(path: string, suffix: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.${suffix}`);
}

// What a link points to is replaced, not the link.
async function target(path: string): Promise<string> {
  const full = resolve(path);
  try {
    return await realpath(full);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return full;
    throw error;
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done);
    done += bytesWritten;
  }
}

function partsOf(content: FolderFile): readonly Uint8Array[] {
  if (typeof content === 'string') return [Buffer.from(content)];
  const parts = Array.isArray(content) ? content : [content];
  return parts.map((part) => expectTypedArray('the content of a file', part, Uint8Array));
}

async function writeNew(path: string, content: FolderFile): Promise<void> {
  const parts = partsOf(content);
  const file = await open(path, 'wx');
  try {
    for (const part of parts) await writeAll(file, part);
    await file.sync();
  } finally {
    await file.close();
  }
}

// Makes a rename last through a power cut. Some file systems refuse to open or flush a folder; then there is nothing to be done.
async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined;
  try {
    folder = await open(path, 'r');
    await folder.sync();
  } catch (error) {
    if (!isErrno(error, 'EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP')) throw error;
  } finally {
    await folder?.close();
  }
}

/**
 * Writes a file so that its path holds either the old or the new content, never a part of it, whatever fails. Its folder must
 * be there.
 * @throws the error of the file system (`ENOSPC`, `EACCES`, ...); the path is as it was then.
 */
export async function writeFileAtomic(path: string, content: FolderFile): Promise<void> {
  const place = await target(path);
  const temporary = sibling(place, 'tmp');
  try {
    await writeNew(temporary, content);
    await rename(temporary, place);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(place));
}

function checkNames(names: readonly string[]): void {
  for (const name of names) {
    if (name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name)) continue;
    throw new CugruError('ERR_VALUE', `'${name}' is not the name of a file in a folder; leave out / and \\`, { name });
  }
}

function notOurs(folder: string, problem: string, details: Readonly<Record<string, unknown>> = {}): CugruError {
  return new CugruError(
    'ERR_VALUE',
    `${folder} ${problem}, so it is left as it is; choose a folder that does not exist yet, or an empty one`,
    { path: folder, ...details },
  );
}

// Only a folder that is empty, or an older one of the same kind, may be replaced.
async function expectReplaceable(folder: string, known: readonly string[], required: readonly string[]): Promise<void> {
  let entries: readonly { readonly name: string; isFile(): boolean }[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    if (isErrno(error, 'ENOTDIR')) throw notOurs(folder, 'is a file, not a folder');
    throw error;
  }
  const foreign = entries.filter((entry) => !entry.isFile() || !known.includes(entry.name)).map(({ name }) => name);
  if (foreign.length > 0) {
    const list = `${foreign.slice(0, 3).join(', ')}${foreign.length > 3 ? `, and ${foreign.length - 3} more` : ''}`;
    throw notOurs(folder, `holds something else (${list})`, { foreign });
  }
  const missing = required.filter((name) => !entries.some((entry) => entry.name === name));
  if (entries.length > 0 && missing.length > 0) {
    throw notOurs(folder, `has no ${missing.join(' and no ')} and may be something else`, { missing });
  }
}

async function moveAside(folder: string): Promise<string | undefined> {
  const aside = sibling(folder, 'old');
  try {
    await rename(folder, aside);
    return aside;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

// Two renames: there is no portable exchange. Between them, and should the process die there, the older folder stands beside
// its place, whole, as .NAME.XXXX.old.
async function install(made: string, folder: string, check: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    await check();
    const old = await moveAside(folder);
    try {
      await rename(made, folder);
      if (old !== undefined) await rm(old, { recursive: true, force: true });
      return;
    } catch (error) {
      const taken = isErrno(error, 'ENOTEMPTY', 'EEXIST');
      if (old !== undefined) {
        // Another writer may have taken the place meanwhile; its folder is newer than the one set aside.
        if (taken) await rm(old, { recursive: true, force: true });
        else await rename(old, folder);
      }
      if (!taken || attempt >= 8) throw error;
    }
  }
}

/**
 * Refuses a folder that {@link writeFolder} would refuse, and touches nothing: to know it before long work.
 * @throws {@link CugruError} `ERR_VALUE` when the folder holds something else.
 */
export async function expectReplaceableFolder(
  folder: string,
  replaceable: readonly string[],
  required: readonly string[] = replaceable.slice(0, 1),
): Promise<void> {
  await expectReplaceable(await target(folder), replaceable, required);
}

/**
 * Writes a folder of files so that it appears whole or not at all. Folders above it are made. A folder that is there already is
 * replaced when it is empty or an older one of the same kind.
 * @param folder - its path
 * @param files - content by file name
 * @throws {@link CugruError} `ERR_VALUE` when the folder holds something else (nothing is touched then), or for a name that is
 * a path; or the error of the file system, and the older folder is as it was then.
 */
export async function writeFolder(
  folder: string,
  files: Readonly<Record<string, FolderFile>>,
  options: WriteFolderOptions = {},
): Promise<void> {
  const names = Object.keys(files);
  checkNames(names);
  const known = options.replaceable ?? names;
  const required = options.required ?? known.slice(0, 1);
  const place = await target(folder);
  const check = (): Promise<void> => expectReplaceable(place, known, required);
  await check();
  await mkdir(dirname(place), { recursive: true });
  const temporary = sibling(place, 'tmp');
  try {
    await mkdir(temporary);
    for (const [name, content] of Object.entries(files)) await writeNew(join(temporary, name), content);
    await syncFolder(temporary);
    await install(temporary, place, check);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  await syncFolder(dirname(place));
}
