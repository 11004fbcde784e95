// npm run test:asan: the CUDA backend and the simulated device under AddressSanitizer, with the backend's own tests, the conformance
// suite and the goldens. Arguments are AVA's. The kernels' host library stays as it is: its threads are fibers on stacks of their
// own, which the sanitizer does not know.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const addon = resolve('build', 'asan', 'Release', 'cugru.node');
const device = resolve('build', 'simulated-asan');
const kernels = resolve('build', 'simulated', 'libkernels_host.so');

function run(script, args = [], env = {}) {
  const { status } = spawnSync(process.execPath, [join('scripts', script), ...args], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.exit(status ?? 1);
}

const sanitizer = execFileSync(process.env.CC ?? 'gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
if (!existsSync(sanitizer)) {
  console.error('there is no libasan.so; install a gcc that has it (Debian: apt install gcc)');
  process.exit(1);
}
for (const script of ['build-native.mjs', 'build-simulated.mjs']) run(script, [], { CUGRU_SANITIZE: 'address' });
run('build-kernels-host.mjs');
const own = readdirSync(join('test', 'cuda')).map((name) => `test/cuda/${name}`);
run('test-simulated.mjs', [...own, ...process.argv.slice(2)], {
  CUGRU_ADDON_PATH: addon,
  CUGRU_TEST_SIMULATED: device,
  CUGRU_SIMULATED_KERNELS: kernels,
  LD_PRELOAD: sanitizer,
  // Node keeps what it allocated to its end. The device makes errors of faults in its memory by itself.
  ASAN_OPTIONS: ['detect_leaks=0', 'handle_segv=0', process.env.ASAN_OPTIONS ?? ''].filter((one) => one).join(':'),
});
