// Where NVIDIA's libraries are looked for, in order; docs/guides/gpu.md has the order for people.
#pragma once

#include <string>
#include <vector>

namespace cugru::cuda {

enum class LibraryKind { driver, cudnn, cublasLt, nvrtc };

struct Place {
  enum class How {
    directory,  // of libraries
    wheels,     // a folder that has nvidia/*/lib, as Python packages are laid out
    loaded,     // what the process has already
    loader,     // by name alone: the system's loader looks
  };
  How how;
  std::string source;  // what led there, for the report
  std::string path;    // of `directory` and `wheels`
};

// `explicitPath`: folders separated by ':'; empty takes CUGRU_CUDA_PATH. `cudaMajor`: the newest CUDA that the driver runs, 0
// when it is not known.
std::vector<Place> searchPlaces(LibraryKind kind, const std::string& explicitPath, int cudaMajor);

// The files of that name at a place of files; for `wheels` only those that exist, for `directory` the one, there or not.
std::vector<std::string> filesAt(const Place& place, const std::string& name);

}  // namespace cugru::cuda
