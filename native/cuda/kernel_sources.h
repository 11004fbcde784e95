// The kernels of cuda/kernels as strings (build/generated/kernels.cc, made by scripts/embed-kernels.mjs).
#pragma once

#include <string>
#include <vector>

namespace cugru::cuda {

struct KernelSource {
  const char* name;  // "gather.cu"
  const char* text;
};

const std::vector<KernelSource>& kernelSources();

}  // namespace cugru::cuda
