// npm run test:simulated: the conformance suite and PyTorch's goldens on the simulated device (build/simulated, or the folder that
// CUGRU_TEST_SIMULATED names), after `npm run pretest`. Arguments are AVA's, files among them. In float32, since it has no TF32. One
// test at a time: sessions of one process share the device's context, as on a GPU.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { suiteNames } from './gpu/suite.mjs';

const device = resolve(process.env.CUGRU_TEST_SIMULATED || join('build', 'simulated'));
if (!existsSync(join(device, 'control.node'))) {
  console.error(`${device} is not there; run "npm run pretest" first`);
  process.exit(1);
}
const suites = suiteNames().map((name) => `test/${name}.test.ts`);
const cache = mkdtempSync(join(tmpdir(), 'cugru-kernels-'));
const env = {
  CUGRU_CUDA_PATH: device,
  CUGRU_CUDA_PROBE: 'skip',
  CUGRU_CUDA_PRECISION: 'fp32',
  CUGRU_CUDA_TIMING: 'off',
  XDG_CACHE_HOME: cache,
};
const ava = [resolve('node_modules', 'ava', 'entrypoints', 'cli.mjs'), '--serial', ...suites];
const { status } = spawnSync(process.execPath, [...ava, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, ...env },
});
rmSync(cache, { recursive: true, force: true });
process.exitCode = status ?? 1;
