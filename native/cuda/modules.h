// The kernels' modules: compiled by NVRTC at the first use of one of their kernels, or taken from the disk cache.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/driver/libraries.h"

namespace cugru::cuda {

// What NVRTC is told for a device.
struct Target {
  std::string architecture;  // "sm_90", or "compute_90" where NVRTC is older than the device
  bool isPtx() const { return architecture.rfind("compute_", 0) == 0; }
};

// ERR_CUDA_UNAVAILABLE when NVRTC can compile nothing that the device runs.
Target targetFor(const Libraries& libraries, int capability);

// A cubin, or PTX with its final zero. ERR_INTERNAL with NVRTC's log.
std::vector<char> compileKernels(const Libraries& libraries, const std::string& source, const Target& target);

class Modules {
 public:
  Modules(const Libraries& libraries, int capability);
  ~Modules();  // the context must be current
  Modules(const Modules&) = delete;
  Modules& operator=(const Modules&) = delete;

  // `source`: "gather.cu". The context must be current.
  CUfunction function(const char* source, const char* kernel);

 private:
  CUmodule load(const std::string& source);
  void expect(CUresult result, const std::string& what) const;

  const Libraries& libraries_;
  Target target_;
  std::mutex mutex_;
  std::map<std::string, CUmodule> loaded_;
};

}  // namespace cugru::cuda
