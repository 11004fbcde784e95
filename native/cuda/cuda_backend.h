// The CUDA backend; docs/design.md has a section on it.
#pragma once

#include <memory>

#include "core/backend.h"

namespace cugru {

// ERR_CUDA_UNAVAILABLE when the libraries or the device cannot be used.
std::unique_ptr<Backend> createCudaBackend(int ordinal);

}  // namespace cugru
