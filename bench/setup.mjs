// Sets up the peers in a folder of their own (bench/.peers): never as dependencies of the package.
//   npm run bench:setup
// Debian's packages (oneDNN, OpenBLAS, an older PyTorch) are installed with apt where this runs as root. Whatever cannot be had
// is left out, and `npm run bench` says so.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peersFolder } from './peers.mjs';

const debian = ['libdnnl-dev', 'libopenblas-dev', 'python3-torch', 'python3-numpy', 'g++'];
const node = { 'onnxruntime-node': '1.30.0', '@tensorflow/tfjs': '4.22.0', '@tensorflow/tfjs-backend-wasm': '4.22.0' };

function attempt(what, work) {
  try {
    work();
    console.error(`${what}: ready`);
  } catch (error) {
    console.error(`${what}: not to be had (${String(error.message).split('\n')[0]})`);
  }
}

function run(command, args, options = {}) {
  execFileSync(command, args, { stdio: ['ignore', 2, 2], ...options });
}

mkdirSync(join(peersFolder, 'node'), { recursive: true });

attempt("Debian's packages", () => {
  if (process.getuid?.() !== 0) throw new Error(`as root: apt-get install ${debian.join(' ')}`);
  run('apt-get', ['update', '-qq']);
  run('apt-get', ['install', '-y', '-qq', ...debian]);
});

attempt('onnxruntime-node and tfjs', () => {
  const cwd = join(peersFolder, 'node');
  writeFileSync(join(cwd, 'package.json'), JSON.stringify({ name: 'bench-peers', private: true, dependencies: node }));
  // The package downloads GPU libraries at install unless it is told not to.
  run('npm', ['install', '--no-audit', '--no-fund'], {
    cwd,
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
});

attempt('the newest PyTorch', () => {
  const venv = join(peersFolder, 'torch');
  if (!existsSync(join(venv, 'bin', 'python'))) run('python3', ['-m', 'venv', venv]);
  run(join(venv, 'bin', 'pip'), ['install', '--quiet', '--upgrade', 'torch', 'numpy']);
});

attempt('the AVX2 mask', () => {
  run('gcc', [
    '-O1',
    '-shared',
    '-fPIC',
    '-Wl,-z,initfirst',
    'bench/peers/avx2_only.c',
    '-o',
    join(peersFolder, 'avx2_only.so'),
  ]);
});

for (const [name, library] of [
  ['onednn', '-ldnnl'],
  ['openblas', '-lopenblas'],
]) {
  attempt(name, () => {
    run('g++', ['-O2', '-std=c++17', '-fopenmp', `bench/peers/${name}.cpp`, '-o', join(peersFolder, name), library]);
  });
}
