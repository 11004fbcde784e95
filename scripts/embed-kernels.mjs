// Writes build/generated/kernels.cc: the CUDA kernels' sources as strings, which the addon compiles with NVRTC at run time.
import { join } from 'node:path';
import { kernelSources, root, writeChanged } from './kernel-sources.mjs';

const LONGEST = 16000; // what every compiler takes as one literal

function literal(text) {
  const pieces = [];
  for (let at = 0; at < text.length; at += LONGEST) pieces.push(`R"kernel(${text.slice(at, at + LONGEST)})kernel"`);
  return pieces.join('\n');
}

/** The file's path. */
export function embedKernels() {
  const rows = kernelSources().map(({ name, text }) => `    {"${name}",\n     ${literal(text)}},`);
  const path = join(root, 'build', 'generated', 'kernels.cc');
  writeChanged(
    path,
    `// Made by scripts/embed-kernels.mjs from native/cuda/kernels.
#include "cuda/kernel_sources.h"

namespace cugru::cuda {

const std::vector<KernelSource>& kernelSources() {
  static const std::vector<KernelSource> sources{
${rows.join('\n')}
  };
  return sources;
}

}  // namespace cugru::cuda
`,
  );
  return path;
}

if (process.argv[1] === import.meta.filename) embedKernels();
