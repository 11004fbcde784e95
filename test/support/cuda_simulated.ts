/**
 * Imported for its effect, before anything opens the addon: this process looks for its GPU in the simulated device. What it shows is
 * the host's side of the CUDA backend; it is no GPU.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A cache of compiled kernels of this process's own. */
export const cache = mkdtempSync(join(tmpdir(), 'cugru-kernels-'));
process.once('exit', () => rmSync(cache, { recursive: true, force: true }));

/** The environment of a process that uses it. */
export const simulatedEnvironment: Readonly<Record<string, string>> = {
  CUGRU_CUDA_PATH: resolve(process.env['CUGRU_TEST_SIMULATED'] || 'build/simulated'),
  CUGRU_CUDA_PROBE: 'skip',
  CUGRU_CUDA_PRECISION: 'fp32',
  CUGRU_CUDA_TIMING: 'off',
  XDG_CACHE_HOME: cache,
};
Object.assign(process.env, simulatedEnvironment);
