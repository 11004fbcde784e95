// The factor of gradients on their way through float16, whose smallest numbers would be lost otherwise: applied where float32 becomes
// float16, and taken back where float16 becomes float32, so that everything outside of such an operation has its true size. One for a
// session, on the device; the optimizer halves it when gradients overflowed, and doubles it after many that did not.
#pragma once

#include <cstdint>

namespace cugru::cuda {

// As in kernels/common.cuh.
struct LossScaleState {
  float scale = 1, inverse = 1;
  float zero = 0, one = 1;  // cuBLASLt reads its factors from here
  int32_t good = 0, leftOut = 0;
  int32_t used = 0;  // whether anything runs in float16
  int32_t reserved[9] = {};
};
static_assert(sizeof(LossScaleState) == 64, "as in kernels/common.cuh");

}  // namespace cugru::cuda
