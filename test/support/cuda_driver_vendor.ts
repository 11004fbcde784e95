/** NVIDIA's own libraries and headers, installed once into .cache/vendor and kept. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type CudaMajor, installCuda, planInstall } from '../../lib/cuda/index.js';

const cache = resolve('.cache', 'vendor');

// cuda.h, and what the headers of cuBLASLt and cuDNN include.
const headerPackages: Readonly<Record<CudaMajor, readonly string[]>> = {
  12: ['nvidia-cuda-runtime-cu12', 'nvidia-cuda-nvcc-cu12', 'nvidia-cuda-cccl-cu12'],
  13: ['nvidia-cuda-runtime', 'nvidia-cuda-crt', 'nvidia-cuda-cccl'],
};

/** The CUDAs that are tested; CUGRU_VENDOR_CUDA=13 leaves one. */
export const majors: readonly CudaMajor[] = ([12, 13] as const).filter((major) =>
  (process.env['CUGRU_VENDOR_CUDA'] ?? '12,13').split(',').includes(String(major)),
);

/** The folder with the libraries, installed by `cugru cuda install`'s own code. */
export async function libraries(cuda: CudaMajor): Promise<string> {
  const dir = join(cache, `cuda-${cuda}`);
  if (!existsSync(dir)) await installCuda(planInstall({ cuda, dir }));
  return dir;
}

function headers(cuda: CudaMajor): string {
  const dir = join(cache, `headers-${cuda}`);
  if (existsSync(dir)) return dir;
  const made = `${dir}.tmp`;
  rmSync(made, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--target', made];
  execFileSync('python3', [...args, ...headerPackages[cuda]], { stdio: ['ignore', 'ignore', 'pipe'] });
  renameSync(made, dir);
  return dir;
}

/** -I for all of NVIDIA's headers. */
export async function includeFlags(cuda: CudaMajor): Promise<string[]> {
  const roots = [headers(cuda), await libraries(cuda)].map((root) => join(root, 'nvidia'));
  const folders = roots.flatMap((root) => readdirSync(root).map((name) => join(root, name, 'include')));
  return folders.filter((folder) => existsSync(folder)).flatMap((folder) => ['-isystem', folder]);
}
