import { join } from 'node:path';
import test from 'ava';
import type { CudaVerdict } from '../../lib/cuda/index.js';
import { driverCode, place, placeSource, placeWheels13 } from '../support/cuda_driver_fakes.js';
import { cugru, lastLine } from '../support/edges_cli.js';
import { scratch } from '../support/edges_files.js';

const cudaLines = (stdout: string): string[] => {
  const lines = stdout.split('\n');
  const first = lines.findIndex((line) => /^(ok {6}|missing ) cuda /.test(line));
  const rest = lines.slice(first + 1);
  return [
    lines[first] as string,
    ...rest.slice(
      0,
      rest.findIndex((line) => !line.startsWith(' '.repeat(16))),
    ),
  ];
};

test('doctor shows devices, and every library with version, path and what led there', async (t) => {
  const root = scratch(t);
  placeWheels13(root);
  place(join(root, 'libcuda.so.1'), 'cuda', { code: driverCode() });
  const run = await cugru(['doctor'], { env: { CUGRU_CUDA_PATH: root } });
  t.is(run.status, 0);
  const nvidia = join(root, 'nvidia');
  t.deepEqual(
    cudaLines(run.stdout).map((line) => line.slice(16)),
    [
      'cuda:0 Pretend GPU, compute capability 9.0, 4 multiprocessors, 8.0 GiB, 6.0 GiB available',
      `NVIDIA's driver: CUDA 13.2, ${root}/libcuda.so.1 (CUGRU_CUDA_PATH)`,
      `cuDNN: 9.26.0, ${nvidia}/cudnn/lib/libcudnn.so.9 (CUGRU_CUDA_PATH)`,
      `cuBLASLt: 13.2.0, ${nvidia}/cu13/lib/libcublasLt.so.13 (CUGRU_CUDA_PATH)`,
      `NVRTC: 13.2, ${nvidia}/cu13/lib/libnvrtc.so.13 (CUGRU_CUDA_PATH)`,
    ],
  );
  t.regex(run.stdout, /^ok {7}cuda /m);
});

test('doctor --json has the whole report', async (t) => {
  const root = scratch(t);
  placeWheels13(root);
  place(join(root, 'libcuda.so.1'), 'cuda', { code: driverCode() });
  const { cuda } = lastLine(await cugru(['doctor', '--json'], { env: { CUGRU_CUDA_PATH: root } })) as {
    cuda: CudaVerdict;
  };
  t.true(cuda.usable);
  t.deepEqual(
    cuda.report?.libraries.map(({ name, version }) => `${name} ${version}`),
    ['driver CUDA 13.2', 'cudnn 9.26.0', 'cublasLt 13.2.0', 'nvrtc 13.2'],
  );
  t.is(cuda.report?.devices[0]?.name, 'Pretend GPU');
});

test('doctor says what was tried, why not, and what to do', async (t) => {
  const root = scratch(t);
  placeWheels13(root);
  place(join(root, 'nvidia', 'cu13', 'lib', 'libnvrtc.so.13'), 'nvrtc', { without: ['nvrtcGetCUBIN'] });
  place(join(root, 'libcuda.so.1'), 'cuda', { code: driverCode() });
  const { stdout, status } = await cugru(['doctor'], { env: { CUGRU_CUDA_PATH: root } });
  t.is(status, 0);
  t.true(
    cudaLines(stdout).includes(
      `${' '.repeat(18)}tried ${root}/nvidia/cu13/lib/libnvrtc.so.13 (CUGRU_CUDA_PATH): it has no nvrtcGetCUBIN`,
    ),
    stdout,
  );
});

test('doctor outlives a driver that does not', async (t) => {
  const root = scratch(t);
  placeSource(join(root, 'libcuda.so.1'), '__attribute__((constructor)) static void begin(void) { __builtin_trap(); }');
  const { stdout, status } = await cugru(['doctor'], { env: { CUGRU_CUDA_PATH: root } });
  t.is(status, 0);
  t.regex(stdout, /^missing {2}cuda +the check for a GPU was ended by SIG\w+, while opening .*libcuda\.so\.1$/m);
  t.regex(stdout, /^ {18}what to do: .*CUGRU_CUDA_PATH$/m);
});
