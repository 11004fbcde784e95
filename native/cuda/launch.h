// Kernels as typed functions: the host's parameter types are those of the kernel's signature in cuda/kernels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/stream.h"

namespace cugru::cuda {

struct Extent {
  unsigned x = 1, y = 1;
};

template <typename... Args>
class Function {
 public:
  Function() = default;
  Function(Device& device, const char* source, const char* kernel)
      : function_(device.function(source, kernel)), name_(kernel) {}

  bool ready() const { return function_ != nullptr; }

  void operator()(CudaStream& stream, Extent grid, Extent block, Args... args) const {
    void* parameters[] = {&args...};
    const CudaApi& api = stream.device().cuda();
    const CUresult result =
        api.cuLaunchKernel(function_, grid.x, grid.y, 1, block.x, block.y, 1, 0, stream.handle(), parameters, nullptr);
    stream.device().check(result, name_);
  }

 private:
  CUfunction function_ = nullptr;
  const char* name_ = "";
};

inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr unsigned kFlatThreads = 256;
constexpr unsigned kWarp = 32;
constexpr unsigned kWarpsPerBlock = 4;

// For kernels that walk over their elements by the whole grid.
inline Extent flatGrid(int64_t elements) {
  return {static_cast<unsigned>(std::clamp<int64_t>(ceilDiv(elements, kFlatThreads), 1, 1 << 16))};
}
// For kernels with a thread for each element, and no more than that.
inline Extent exactGrid(int64_t elements) {
  return {static_cast<unsigned>(std::max<int64_t>(1, ceilDiv(elements, kFlatThreads)))};
}
// For kernels with a warp for each row.
inline Extent warpGrid(int64_t rows) { return {static_cast<unsigned>(ceilDiv(rows, kWarpsPerBlock))}; }
constexpr Extent kFlatBlock{kFlatThreads};
constexpr Extent kWarpBlock{kWarp, kWarpsPerBlock};

}  // namespace cugru::cuda
