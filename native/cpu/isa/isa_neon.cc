// The kernels for Advanced SIMD on 64-bit Arm: no special flags. Elsewhere there is no table.
#include "cpu/isa/table.h"

#if defined(__aarch64__)

#include "cpu/isa/vec_neon.h"

#include "cpu/isa/kernels.inl"

namespace cugru::cpu {
const Table* neonTable() { return &kTable; }
}  // namespace cugru::cpu

#else

namespace cugru::cpu {
const Table* neonTable() { return nullptr; }
}  // namespace cugru::cpu

#endif
