// Builds build/simulated/libkernels_host.so: the CUDA kernels, compiled for the host, which the simulated device runs.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { folder, kernelNames, kernelSources, root, shared, writeChanged } from './kernel-sources.mjs';

const generated = join(root, 'build', 'generated', 'kernels_host.cc');
const library = join(root, 'build', 'simulated', 'libkernels_host.so');

// A namespace for each file, so that their helpers do not meet.
function source() {
  const files = kernelSources().filter(({ name }) => name.endsWith('.cu'));
  const space = (name) => `k_${name.replace('.cu', '')}`;
  const includes = files.map(({ name }) => `namespace ${space(name)} {\n#include "${name}"\n}`);
  const rows = files.flatMap(({ name, text }) =>
    kernelNames(text).map((kernel) => `      Caller<${space(name)}::${kernel}>::entry("${kernel}"),`),
  );
  return `// Made by scripts/build-kernels-host.mjs from native/cuda/kernels.
#include "host_shim.h"
#include "common.cuh"
${includes.join('\n')}
namespace host_shim {
const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
${rows.join('\n')}
  };
  return all;
}
}  // namespace host_shim
`;
}

writeChanged(generated, source());
mkdirSync(join(root, 'build', 'simulated'), { recursive: true });
const sanitize = process.env.CUGRU_SANITIZE ? [`-fsanitize=${process.env.CUGRU_SANITIZE}`, '-g'] : [];
const flags = ['-std=c++17', '-O2', '-ffp-contract=off', '-fPIC', '-shared', '-fvisibility=hidden', '-Wall', '-Wextra'];
const { status } = spawnSync(
  process.env.CXX ?? 'g++',
  [...flags, ...sanitize, '-Wno-unused-function', `-I${folder}`, `-I${shared}`, generated, '-o', library],
  { stdio: ['ignore', 2, 2] },
);
process.exitCode = status ?? 1;
