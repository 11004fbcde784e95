// NVIDIA's libraries, found and opened when a GPU is first asked for; the addon is linked with none of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cuda/driver/cublaslt_api.h"
#include "cuda/driver/cuda_api.h"
#include "cuda/driver/cudnn_api.h"
#include "cuda/driver/nvrtc_api.h"
#include "cuda/driver/places.h"

namespace cugru::cuda {

struct SearchOptions {
  std::string path;                                // folders to look in first, separated by ':'; else CUGRU_CUDA_PATH
  std::function<void(const std::string&)> onStep;  // told before anything that might never return
};

// One look at one place.
struct Attempt {
  std::string path, source;
  std::string reason;  // why it was not taken; empty for the one that was
};

struct LibraryReport {
  std::string name;                // "driver", "cudnn", "cublasLt", "nvrtc"
  std::string path, source;        // empty when it was not found
  std::string version;             // as people write it: "9.26.0"
  int cudaMajor = 0;               // the CUDA that it is for (the driver: that it runs at most); 0 when not known
  std::string problem, advice;     // why it cannot be used, and what to do; empty when it can
  std::vector<std::string> parts;  // opened with it, from the same folder
  std::vector<Attempt> attempts;

  bool opened() const { return !path.empty(); }
  bool usable() const { return opened() && problem.empty(); }
};

// Tables of those that are usable, and the story of each search. Plain data, but for the pointers.
struct Libraries {
  CudaApi cuda;
  CudnnApi cudnn;
  CublasLtApi cublasLt;
  NvrtcApi nvrtc;
  LibraryReport driverReport, cudnnReport, cublasLtReport, nvrtcReport;

  bool usable() const {
    return driverReport.usable() && cudnnReport.usable() && cublasLtReport.usable() && nvrtcReport.usable();
  }
};

// Never throws for what it finds or does not find; calls nothing but version functions.
Libraries openLibraries(const SearchOptions& options = {});

}  // namespace cugru::cuda
