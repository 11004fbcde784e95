// The kernels for AVX2 and FMA: compiled with -mavx2 -mfma. Elsewhere there is no table.
#include "cpu/isa/table.h"

#if defined(__AVX2__) && defined(__FMA__)

#include "cpu/isa/vec_avx2.h"

#include "cpu/isa/kernels.inl"

namespace cugru::cpu {
const Table* avx2Table() { return &kTable; }
}  // namespace cugru::cpu

#else

namespace cugru::cpu {
const Table* avx2Table() { return nullptr; }
}  // namespace cugru::cpu

#endif
