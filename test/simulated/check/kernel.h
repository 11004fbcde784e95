// The tests' kernels (kernels_host.cc), compiled and loaded as the project does it.
#pragma once

#include "check/check.h"

namespace simulated_check {

inline constexpr const char* kKernelSource = R"(
extern "C" __global__ void checkAdd(float* y, float a, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += a;
}
extern "C" __global__ void checkNothing() {}
)";

// As cubin for sm_.., as PTX for compute_...
std::string compiled(const std::string& architecture);

struct Kernels {
  Kernels();
  ~Kernels();
  Kernels(const Kernels&) = delete;
  Kernels& operator=(const Kernels&) = delete;

  CUmodule module = nullptr;
  CUfunction addition = nullptr, nothing = nullptr;

  CUresult add(CUstream stream, CUdeviceptr y, float a, int n) const;  // n threads and some more
  CUresult launchWithoutArguments(CUstream stream) const;
};

}  // namespace simulated_check
