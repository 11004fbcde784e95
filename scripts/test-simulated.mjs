// npm run test:simulated: the conformance suite and PyTorch's goldens on the simulated device (build/simulated), after `npm run pretest`.
// Left out: same_bytes, which is about the CPU's threads, and the cells that cuDNN has not. In float32, since it has no TF32. One test at a time: sessions of one process share the device's context, as on a GPU.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const device = resolve('build', 'simulated');
if (!existsSync(join(device, 'libkernels_host.so'))) {
  console.error('build/simulated is not there; run "npm run pretest" first');
  process.exit(1);
}
const suites = ['gru', 'gru_differences', 'gru_modes', 'cells', 'cells_modes', 'dense', 'gather', 'dropout', 'losses']
  .concat(['pointwise', 'optimizers', 'valid_rows', 'extremes'])
  .map((name) => `test/conformance/${name}.test.ts`);
const cache = mkdtempSync(join(tmpdir(), 'cugru-kernels-'));
const env = {
  CUGRU_CUDA_PATH: device,
  CUGRU_CUDA_PROBE: 'skip',
  CUGRU_CUDA_PRECISION: 'fp32',
  CUGRU_CUDA_TIMING: 'off',
  XDG_CACHE_HOME: cache,
};
const ava = [resolve('node_modules', 'ava', 'entrypoints', 'cli.mjs'), '--serial', ...suites, 'test/goldens/**'];
const { status } = spawnSync(process.execPath, [...ava, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, ...env },
});
rmSync(cache, { recursive: true, force: true });
process.exitCode = status ?? 1;
