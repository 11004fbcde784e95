// The kernels, compiled for the host: libkernels_host.so, beside this library or where CUGRU_SIMULATED_KERNELS says.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace simulated {

bool hasKernel(const std::string& name);
std::vector<size_t> kernelParameterSizes(const std::string& name);
// Not 0: the launch was refused.
int launchKernel(const std::string& name, const unsigned grid[3], const unsigned block[3], size_t sharedBytes,
                 void** parameters);

}  // namespace simulated
