import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { driverCode, place, placeToolkit, placeWheels12, placeWheels13 } from '../support/cuda_driver_fakes.js';
import { search } from '../support/cuda_driver_search.js';
import { scratch } from '../support/edges_files.js';

test('of all places, each is taken only when those before it have nothing', async (t) => {
  const root = scratch(t);
  const python = join('lib', 'python3.11', 'site-packages');
  // Source, its variable, the variable's value, the folder for the libraries of CUDA 13.
  const places: readonly (readonly [string, string, string, string])[] = [
    ['CUGRU_CUDA_PATH', 'CUGRU_CUDA_PATH', join(root, 'named'), join(root, 'named')],
    ['VIRTUAL_ENV', 'VIRTUAL_ENV', join(root, 'venv'), join(root, 'venv', python, 'nvidia', 'cu13', 'lib')],
    ['CONDA_PREFIX', 'CONDA_PREFIX', join(root, 'conda'), join(root, 'conda', 'lib')],
    ['PYTHONUSERBASE', 'PYTHONUSERBASE', join(root, 'user'), join(root, 'user', python, 'nvidia', 'cu13', 'lib')],
    [
      'cugru cuda install',
      'XDG_DATA_HOME',
      join(root, 'data'),
      join(root, 'data', 'cugru', 'cuda', 'cuda-13', 'nvidia', 'cu13', 'lib'),
    ],
    ['loader path', 'LD_LIBRARY_PATH', join(root, 'loader'), join(root, 'loader')],
    ['CUDA_HOME', 'CUDA_HOME', join(root, 'home'), join(root, 'home', 'lib64')],
    ['CUDA_PATH', 'CUDA_PATH', join(root, 'path'), join(root, 'path', 'lib64')],
  ];
  for (const [, , , folder] of places) placeToolkit(folder, folder, 13);
  const env = Object.fromEntries(places.map(([, variable, value]) => [variable, value]));
  for (const [source, variable, , folder] of places) {
    const found = await search(env);
    for (const [name, file] of [
      ['cublasLt', 'libcublasLt.so.13'],
      ['nvrtc', 'libnvrtc.so.13'],
    ] as const) {
      t.like(found.library(name), { source, path: join(folder, file), problem: '' });
    }
    delete env[variable];
  }
});

test('what the process has already goes before an environment, and after a folder that was named', async (t) => {
  const root = scratch(t);
  const [loaded, venv, named] = ['loaded', 'venv', 'named'].map((name) => join(root, name)) as [string, string, string];
  const packages = join(venv, 'lib', 'python3.12', 'site-packages', 'nvidia', 'cu13', 'lib');
  for (const folder of [loaded, packages, named]) placeToolkit(folder, folder, 13);
  const preload = [process.env['LD_PRELOAD'], join(loaded, 'libnvrtc.so.13')].filter((path) => path).join(':');
  const env = { LD_PRELOAD: preload, VIRTUAL_ENV: venv };
  const found = await search(env);
  t.like(found.library('nvrtc'), { source: 'already loaded', path: join(loaded, 'libnvrtc.so.13') });
  t.is(found.library('cublasLt').source, 'VIRTUAL_ENV');
  const other = await search({ ...env, CUGRU_CUDA_PATH: named });
  t.like(other.library('nvrtc'), { source: 'CUGRU_CUDA_PATH', path: join(named, 'libnvrtc.so.13') });
});

test('the wheels of CUDA 13 are found as they are laid out, with all that belongs to them', async (t) => {
  const root = scratch(t);
  placeWheels13(root);
  const { library } = await search({ CUGRU_CUDA_PATH: root });
  const cudnn = join(root, 'nvidia', 'cudnn', 'lib');
  t.like(library('cudnn'), { path: join(cudnn, 'libcudnn.so.9'), version: '9.26.0', cudaMajor: 13, problem: '' });
  t.deepEqual(
    library('cudnn').parts,
    ['graph', 'ops', 'adv'].map((part) => join(cudnn, `libcudnn_${part}.so.9`)),
  );
  t.like(library('cublasLt'), { path: join(root, 'nvidia', 'cu13', 'lib', 'libcublasLt.so.13'), version: '13.2.0' });
  t.like(library('nvrtc'), { path: join(root, 'nvidia', 'cu13', 'lib', 'libnvrtc.so.13'), version: '13.2' });
  t.deepEqual(library('nvrtc').parts, [join(root, 'nvidia', 'cu13', 'lib', 'libnvrtc-builtins.so.13.2')]);
});

test('the wheels of CUDA 12 are found as they are laid out', async (t) => {
  const root = scratch(t);
  placeWheels12(root);
  const { library } = await search({ CUGRU_CUDA_PATH: root });
  t.like(library('cudnn'), { cudaMajor: 12, problem: '' });
  t.like(library('cublasLt'), { path: join(root, 'nvidia', 'cublas', 'lib', 'libcublasLt.so.12'), problem: '' });
  t.like(library('nvrtc'), { path: join(root, 'nvidia', 'cuda_nvrtc', 'lib', 'libnvrtc.so.12'), problem: '' });
});

test('several folders may be named, and each may be a toolkit or a Python environment', async (t) => {
  const root = scratch(t);
  placeWheels13(join(root, 'env', 'lib', 'python3.10', 'site-packages'));
  placeToolkit(join(root, 'toolkit', 'lib64'), join(root, 'toolkit', 'lib64'), 13);
  const path = [join(root, 'none'), join(root, 'toolkit'), join(root, 'env')].join(':');
  const { library } = await search({ CUGRU_CUDA_PATH: path });
  t.is(library('nvrtc').path, join(root, 'toolkit', 'lib64', 'libnvrtc.so.13'));
  t.true(library('cudnn').path.startsWith(join(root, 'env')));
  t.like(library('nvrtc').attempts[0], { path: join(root, 'none', 'libnvrtc.so.13'), reason: 'no such file' });
});

for (const [driver, wanted] of [
  [12040, 12],
  [13020, 13],
] as const) {
  test(`of what "cugru cuda install" made, a driver of CUDA ${driver / 1000} gets CUDA ${wanted}`, async (t) => {
    const root = scratch(t);
    placeWheels12(join(root, 'cugru', 'cuda', 'cuda-12'));
    placeWheels13(join(root, 'cugru', 'cuda', 'cuda-13'));
    place(join(root, 'driver', 'libcuda.so.1'), 'cuda', { code: driverCode(driver) });
    const env = { XDG_DATA_HOME: root, CUGRU_CUDA_PATH: join(root, 'driver') };
    const found = await search(env);
    t.true(found.library('cudnn').path.startsWith(join(root, 'cugru', 'cuda', `cuda-${wanted}`)));
    t.deepEqual(found.verdict.report?.problems, []);
    t.true(found.verdict.usable);
  });
}

test('an installation that is still being made is not looked into', async (t) => {
  const root = scratch(t);
  placeWheels13(join(root, 'cugru', 'cuda', '.cuda-13.0123.tmp'));
  mkdirSync(join(root, 'empty'));
  const { library } = await search({ XDG_DATA_HOME: root });
  t.not(library('cudnn').source, 'cugru cuda install');
  rmSync(root, { recursive: true });
});
