// The kernels for AVX-512: compiled with -mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma. Elsewhere there is no table.
#include "cpu/isa/table.h"

#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && defined(__AVX512BW__)

// GCC's own header reads a deliberately undefined register, and older versions warn about it.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include "cpu/isa/vec_avx512.h"

#include "cpu/isa/kernels.inl"

namespace cugru::cpu {
const Table* avx512Table() { return &kTable; }
}  // namespace cugru::cpu

#else

namespace cugru::cpu {
const Table* avx512Table() { return nullptr; }
}  // namespace cugru::cpu

#endif
