import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  cudnnCode,
  driverCode,
  place,
  placeSource,
  placeToolkit,
  placeWheels12,
  placeWheels13,
  symbolsOf,
} from '../support/cuda_driver_fakes.js';
import { search } from '../support/cuda_driver_search.js';
import { scratch } from '../support/edges_files.js';

test('files that cannot be used are passed over, each with its reason, up to one that can', async (t) => {
  const root = scratch(t);
  const folder = (name: string): string => join(root, name, 'libnvrtc.so.13');
  mkdirSync(join(root, 'text'));
  writeFileSync(folder('text'), 'not a library\n');
  place(folder('foreign'), 'nvrtc');
  const foreign = readFileSync(folder('foreign'));
  foreign.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18); // the ELF header's machine: AArch64, or x86-64
  writeFileSync(folder('foreign'), foreign);
  place(folder('partial'), 'nvrtc', { without: ['nvrtcGetCUBIN'] });
  placeSource(folder('unresolved'), 'int absent(void); int nvrtcVersion(int* a, int* b) { return absent(); }');
  placeToolkit(join(root, 'good'), join(root, 'good'), 13);

  const names = ['text', 'foreign', 'partial', 'unresolved', 'good'];
  const { library } = await search({ CUGRU_CUDA_PATH: names.map((name) => join(root, name)).join(':') });
  const { attempts: all, path } = library('nvrtc');
  const attempts = all.filter((attempt) => attempt.path.endsWith('.so.13')); // .so.12 is nowhere here
  t.deepEqual(
    attempts.map((attempt) => attempt.path),
    names.map(folder),
  );
  t.regex(attempts[0]?.reason ?? '', /invalid ELF header|file too short/);
  t.regex(attempts[1]?.reason ?? '', /cannot open shared object file|wrong ELF|ELF/);
  t.is(attempts[2]?.reason, 'it has no nvrtcGetCUBIN');
  t.regex(attempts[3]?.reason ?? '', /undefined symbol: absent/);
  t.is(attempts[4]?.reason, '');
  t.is(path, folder('good'));
});

test('a symbol that may be missing is not missed', async (t) => {
  const root = scratch(t);
  const optional = symbolsOf('nvrtc').filter(({ required }) => !required);
  t.true(optional.length > 0);
  place(join(root, 'libnvrtc.so.13'), 'nvrtc', { without: optional.map(({ name }) => name) });
  t.is((await search({ CUGRU_CUDA_PATH: root })).library('nvrtc').path, join(root, 'libnvrtc.so.13'));
});

test('a cuDNN without its recurrent part beside it is refused', async (t) => {
  const [root, whole] = [scratch(t), scratch(t)];
  for (const folder of [root, whole]) placeWheels13(folder);
  rmSync(join(root, 'nvidia', 'cudnn', 'lib', 'libcudnn_adv.so.9'));
  const { library } = await search({ CUGRU_CUDA_PATH: `${root}:${whole}` });
  const refused = library('cudnn').attempts.find(({ path }) => path.startsWith(join(root, 'nvidia')));
  t.is(refused?.reason, 'libcudnn_adv.so.9 is not beside it');
  t.true(library('cudnn').path.startsWith(whole));
  t.true(library('cudnn').parts.every((part) => part.startsWith(whole)));
});

test('libraries of two CUDAs are not mixed', async (t) => {
  const root = scratch(t);
  placeWheels13(root);
  rmSync(join(root, 'nvidia', 'cu13'), { recursive: true });
  placeToolkit(join(root, 'twelve'), join(root, 'twelve'), 12);
  const { library, verdict } = await search({ CUGRU_CUDA_PATH: `${root}:${join(root, 'twelve')}` });
  if (library('nvrtc').path === '') {
    t.is(library('nvrtc').problem, 'libnvrtc.so.13 was not found, and cuDNN is for that CUDA');
    t.regex(library('nvrtc').advice, /^run `cugru cuda install --cuda 13`/);
  } else {
    t.log('this host has a libnvrtc.so.13 of its own, which is taken');
  }
  t.false(library('nvrtc').path.startsWith(root));
  t.false(verdict.usable);
});

test('libraries of another CUDA than their name says are told', async (t) => {
  const root = scratch(t);
  placeWheels13(root);
  place(join(root, 'nvidia', 'cu13', 'lib', 'libcublasLt.so.13'), 'cublaslt', {
    code: 'size_t cublasLtGetVersion(void) { return 120901; }',
  });
  const { library } = await search({ CUGRU_CUDA_PATH: root });
  t.is(library('cublasLt').problem, 'it is for CUDA 12, and cuDNN is for CUDA 13');
});

test('a cuDNN for a newer CUDA than the driver runs is refused, with what to do', async (t) => {
  const root = scratch(t);
  placeWheels13(root);
  place(join(root, 'libcuda.so.1'), 'cuda', { code: driverCode(12040) });
  const { library, verdict } = await search({ CUGRU_CUDA_PATH: root });
  t.is(library('cudnn').problem, 'it is for CUDA 13, and the driver runs CUDA 12 at most');
  t.regex(library('cudnn').advice, /580 or newer.*`cugru cuda install --cuda 12`.*CUGRU_CUDA_PATH/);
  t.false(verdict.usable);
});

test('a driver may be newer than the libraries', async (t) => {
  const root = scratch(t);
  placeWheels12(root);
  place(join(root, 'libcuda.so.1'), 'cuda', { code: driverCode(13020) });
  t.true((await search({ CUGRU_CUDA_PATH: root })).verdict.usable);
});

for (const [what, cudnn, driver, message] of [
  ['a cuDNN before 8.9', 8401, 12040, /libcudnn\.so\.9: cuDNN 8\.4\.1 is older than 8\.9/],
  ['a driver before CUDA 12', 92600, 11080, /libcuda\.so\.1: the driver runs CUDA 11\.8 at most/],
] as const) {
  test(`${what} is too old`, async (t) => {
    const root = scratch(t);
    placeWheels12(root);
    place(join(root, 'nvidia', 'cudnn', 'lib', 'libcudnn.so.9'), 'cudnn', { code: cudnnCode(cudnn, 11080) });
    place(join(root, 'libcuda.so.1'), 'cuda', { code: driverCode(driver) });
    const { verdict } = await search({ CUGRU_CUDA_PATH: root });
    t.true(
      verdict.report?.problems.some((problem) => message.test(problem.what)),
      JSON.stringify(verdict.report?.problems),
    );
  });
}

test('the stub of the toolkit is not taken for a driver', async (t) => {
  const root = scratch(t);
  placeWheels13(root);
  place(join(root, 'libcuda.so.1'), 'cuda', {
    code: 'int cuDriverGetVersion(int* version) { return 34; }',
  });
  const { library } = await search({ CUGRU_CUDA_PATH: root });
  t.is(library('driver').problem, 'the driver does not tell its version');
  t.regex(library('driver').advice, /stub/);
});

test('a folder with the name of a library is no more than a reason', async (t) => {
  const root = scratch(t);
  mkdirSync(join(root, 'folder', 'libnvrtc.so.13'), { recursive: true });
  placeToolkit(join(root, 'good'), join(root, 'good'), 13);
  const { library } = await search({ CUGRU_CUDA_PATH: `${join(root, 'folder')}:${join(root, 'good')}` });
  t.regex(library('nvrtc').attempts[0]?.reason ?? '', /directory|cannot read/i);
  t.is(library('nvrtc').path, join(root, 'good', 'libnvrtc.so.13'));
});

test('a second copy of cuDNN is not mixed with the parts of one that was refused', async (t) => {
  const [first, second] = [scratch(t), scratch(t)];
  for (const folder of [first, second]) placeWheels13(folder);
  place(join(first, 'nvidia', 'cudnn', 'lib', 'libcudnn.so.9'), 'cudnn', { without: ['cudnnRNNForward'] });
  const { library } = await search({ CUGRU_CUDA_PATH: `${first}:${second}` });
  const reasons = library('cudnn').attempts.filter(({ path }) => path.includes('/nvidia/cudnn/'));
  t.deepEqual(
    reasons.map(({ reason }) => reason),
    ['it has no cudnnRNNForward', `parts of the one in ${join(first, 'nvidia/cudnn/lib')} are in the process already`],
  );
  t.is(library('cudnn').path, '');
});
