/**
 * NVIDIA's libraries from the vendor's Python packages, in a folder of their own that the loader searches. The host's pip does the
 * work; the folder appears whole or not at all.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { CugruError } from '../errors.js';
import { type Output, runPip } from './pip.js';

/** The CUDA that the libraries are for. */
export type CudaMajor = 12 | 13;

/** Options of {@link planInstall}. */
export interface InstallOptions {
  readonly cuda: CudaMajor;
  /** Where to; default: a folder of the user's that is searched without being told. */
  readonly dir?: string | undefined;
}

/** What an installation does. */
export interface InstallPlan {
  readonly cuda: CudaMajor;
  readonly directory: string;
  readonly packages: readonly string[];
  /** A folder beside `directory` for all that is half-done; removed in the end. */
  readonly workshop: string;
  /** What is run there; its target is renamed to `directory` when all is there. */
  readonly command: readonly string[];
  /** For `CUGRU_CUDA_PATH`; undefined where it is found without. */
  readonly environment: string | undefined;
}

/** What was installed. */
export interface Installed {
  readonly directory: string;
  /** 'nvidia-cudnn-cu13 9.28.1.4' */
  readonly versions: readonly string[];
}

const packages: Readonly<Record<CudaMajor, readonly string[]>> = {
  12: ['nvidia-cudnn-cu12', 'nvidia-cublas-cu12', 'nvidia-cuda-nvrtc-cu12'],
  13: ['nvidia-cudnn-cu13', 'nvidia-cublas', 'nvidia-cuda-nvrtc'],
};

// What must be there in the end, so that half a download is not taken for a whole one.
const files: Readonly<Record<CudaMajor, readonly string[]>> = {
  12: ['cudnn/lib/libcudnn.so.9', 'cublas/lib/libcublasLt.so.12', 'cuda_nvrtc/lib/libnvrtc.so.12'],
  13: ['cudnn/lib/libcudnn.so.9', 'cu13/lib/libcublasLt.so.13', 'cu13/lib/libnvrtc.so.13'],
};

// Installed, with room for the packages that pip unpacks on the way.
const bytesNeeded = 4 * 2 ** 30;
const marker = 'cugru-cuda.json';

function failure(message: string, details: Readonly<Record<string, unknown>> = {}): CugruError {
  return new CugruError('ERR_CUDA_INSTALL', `${message}; nothing was changed`, details);
}

// native/cuda/driver/places.cc has the same rule.
function privateFolder(cuda: CudaMajor): string {
  const data = process.env['XDG_DATA_HOME'];
  return join(data ? data : join(homedir(), '.local', 'share'), 'cugru', 'cuda', `cuda-${cuda}`);
}

function sibling(directory: string, suffix: string): string {
  return join(dirname(directory), `.${basename(directory)}.${suffix}`);
}

/** What {@link installCuda} would do; touches nothing. */
export function planInstall(options: InstallOptions): InstallPlan {
  const own = privateFolder(options.cuda);
  const directory = options.dir === undefined ? own : resolve(options.dir);
  const chosen = packages[options.cuda];
  const workshop = sibling(directory, `${randomBytes(6).toString('hex')}.tmp`);
  const target = join(workshop, 'packages');
  const flags = [
    '--disable-pip-version-check',
    '--no-input',
    '--no-deps',
    '--only-binary',
    ':all:',
    '--target',
    target,
  ];
  return {
    cuda: options.cuda,
    directory,
    packages: chosen,
    workshop,
    command: ['python3', '-m', 'pip', 'install', ...flags, ...chosen],
    environment: directory === own ? undefined : directory,
  };
}

async function expectReplaceable(directory: string): Promise<void> {
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw failure(`${directory} is a file, not a folder`);
    throw error;
  });
  if (entries.length === 0 || entries.includes(marker)) return;
  throw failure(`${directory} holds something else (${entries.slice(0, 3).join(', ')}); choose another folder`);
}

async function expectRoom(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytesNeeded) return;
  const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
  throw failure(`${folder} has ${gibibytes(bavail * bsize)} GiB free, ${gibibytes(bytesNeeded)} GiB are needed`);
}

function expectWhole(plan: InstallPlan, made: string): void {
  const missing = files[plan.cuda].filter((file) => !existsSync(join(made, 'nvidia', file)));
  if (missing.length > 0) throw failure(`pip was done, but ${missing.join(' and ')} did not come`, { missing });
}

async function versionsIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.dist-info')).sort();
  return names.map((name) =>
    name
      .slice(0, -'.dist-info'.length)
      .replace(/-(?=[^-]*$)/, ' ')
      .replaceAll('_', '-'),
  );
}

// An older one is set aside first, and comes back when the new one cannot take its place.
async function replace(made: string, directory: string): Promise<void> {
  const aside = sibling(directory, `${randomBytes(6).toString('hex')}.old`);
  const older = existsSync(directory);
  if (older) await rename(directory, aside);
  try {
    await rename(made, directory);
  } catch (error) {
    if (older) await rename(aside, directory);
    throw error;
  }
  if (older) await rm(aside, { recursive: true, force: true });
}

/**
 * Installs cuDNN, cuBLAS and NVRTC of one CUDA. An older installation is replaced; a folder that holds anything else is left
 * alone.
 * @param plan - of {@link planInstall}
 * @param onOutput - is given what pip prints
 * @throws {@link CugruError} `ERR_CUDA_INSTALL`, `ERR_ABORTED` (by SIGINT or SIGTERM), `ERR_UNSUPPORTED`; or the error of the
 * file system. Nothing is left behind then, and what was there before is as it was.
 */
export async function installCuda(plan: InstallPlan, onOutput: Output = () => {}): Promise<Installed> {
  if (process.platform !== 'linux') {
    throw new CugruError('ERR_UNSUPPORTED', `CUDA is used on Linux only, this is ${process.platform}`);
  }
  await expectReplaceable(plan.directory);
  await mkdir(dirname(plan.directory), { recursive: true });
  await expectRoom(dirname(plan.directory));
  const made = join(plan.workshop, 'packages');
  // pip unpacks here, not in /tmp: that is often small, and a move from there would be a copy.
  const temporary = join(plan.workshop, 'tmp');
  try {
    await mkdir(temporary, { recursive: true });
    await runPip(plan.command, { TMPDIR: temporary }, onOutput, failure);
    expectWhole(plan, made);
    const versions = await versionsIn(made);
    await writeFile(join(made, marker), `${JSON.stringify({ format: 1, cuda: plan.cuda, versions }, null, 2)}\n`);
    await replace(made, plan.directory);
    return { directory: plan.directory, versions };
  } finally {
    await rm(plan.workshop, { recursive: true, force: true });
  }
}
