// Vec: eight floats in an AVX register, with FMA.
#pragma once

#include <immintrin.h>

namespace cugru::cpu {
namespace {

struct Vec {
  static constexpr int N = 8;
  static constexpr int kGruRows = 4, kPanelRows = 6;  // register tiles: 16 registers
  __m256 v;
};
CUGRU_INLINE __m256i firstLanes(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
CUGRU_INLINE Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
CUGRU_INLINE Vec loadPart(const float* p, int64_t n) { return {_mm256_maskload_ps(p, firstLanes(n))}; }
CUGRU_INLINE void store(float* p, Vec a) { _mm256_storeu_ps(p, a.v); }
CUGRU_INLINE void storePart(float* p, Vec a, int64_t n) { _mm256_maskstore_ps(p, firstLanes(n), a.v); }
CUGRU_INLINE Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
CUGRU_INLINE Vec broadcastFrom(const float* p) { return {_mm256_broadcast_ss(p)}; }
CUGRU_INLINE Vec zero() { return {_mm256_setzero_ps()}; }
CUGRU_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
CUGRU_INLINE Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
CUGRU_INLINE Vec sub(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
CUGRU_INLINE Vec mul(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
CUGRU_INLINE Vec div(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
CUGRU_INLINE Vec squareRoot(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
// The second operand when either is NaN.
CUGRU_INLINE Vec smaller(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
CUGRU_INLINE Vec larger(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
CUGRU_INLINE Vec signOf(Vec a) { return {_mm256_and_ps(a.v, _mm256_set1_ps(-0.0f))}; }
CUGRU_INLINE Vec flipSign(Vec a, Vec sign) { return {_mm256_xor_ps(a.v, sign.v)}; }
CUGRU_INLINE Vec positive(Vec a, Vec value) {  // a > 0 ? value : 0
  return {_mm256_and_ps(_mm256_cmp_ps(a.v, _mm256_setzero_ps(), _CMP_GT_OQ), value.v)};
}
CUGRU_INLINE Vec ifRises(Vec x, Vec from, Vec a, Vec b) {  // x > from or x is NaN ? a : b
  const __m256 greater = _mm256_cmp_ps(x.v, from.v, _CMP_GT_OQ);
  return {_mm256_blendv_ps(b.v, a.v, _mm256_or_ps(greater, _mm256_cmp_ps(x.v, x.v, _CMP_UNORD_Q)))};
}
// 2^n, where the bits of a end in the integer n.
CUGRU_INLINE Vec powerOfTwo(Vec a) {
  const __m256i shifted = _mm256_slli_epi32(_mm256_castps_si256(a.v), 23);
  return {_mm256_castsi256_ps(_mm256_add_epi32(shifted, _mm256_set1_epi32(0x3f800000)))};
}

}  // namespace
}  // namespace cugru::cpu
