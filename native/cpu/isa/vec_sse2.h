// Vec: four floats in an SSE register, which every x86-64 has. There is no FMA: a product is rounded before it is added.
#pragma once

#include <emmintrin.h>

namespace cugru::cpu {
namespace {

struct Vec {
  static constexpr int N = 4;
  static constexpr int kGruRows = 4, kPanelRows = 6;  // register tiles: 16 registers
  __m128 v;
};
CUGRU_INLINE Vec load(const float* p) { return {_mm_loadu_ps(p)}; }
CUGRU_INLINE Vec loadPart(const float* p, int64_t n) {
  return {_mm_setr_ps(p[0], n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, 0)};
}
CUGRU_INLINE void store(float* p, Vec a) { _mm_storeu_ps(p, a.v); }
CUGRU_INLINE void storePart(float* p, Vec a, int64_t n) {
  p[0] = _mm_cvtss_f32(a.v);
  if (n > 1) p[1] = _mm_cvtss_f32(_mm_shuffle_ps(a.v, a.v, 1));
  if (n > 2) p[2] = _mm_cvtss_f32(_mm_shuffle_ps(a.v, a.v, 2));
}
CUGRU_INLINE Vec broadcast(float x) { return {_mm_set1_ps(x)}; }
CUGRU_INLINE Vec broadcastFrom(const float* p) { return {_mm_set1_ps(*p)}; }
CUGRU_INLINE Vec zero() { return {_mm_setzero_ps()}; }
CUGRU_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm_add_ps(_mm_mul_ps(a.v, b.v), c.v)}; }
CUGRU_INLINE Vec add(Vec a, Vec b) { return {_mm_add_ps(a.v, b.v)}; }
CUGRU_INLINE Vec sub(Vec a, Vec b) { return {_mm_sub_ps(a.v, b.v)}; }
CUGRU_INLINE Vec mul(Vec a, Vec b) { return {_mm_mul_ps(a.v, b.v)}; }
CUGRU_INLINE Vec div(Vec a, Vec b) { return {_mm_div_ps(a.v, b.v)}; }
CUGRU_INLINE Vec squareRoot(Vec a) { return {_mm_sqrt_ps(a.v)}; }
// The second operand when either is NaN.
CUGRU_INLINE Vec smaller(Vec a, Vec b) { return {_mm_min_ps(a.v, b.v)}; }
CUGRU_INLINE Vec larger(Vec a, Vec b) { return {_mm_max_ps(a.v, b.v)}; }
CUGRU_INLINE Vec signOf(Vec a) { return {_mm_and_ps(a.v, _mm_set1_ps(-0.0f))}; }
CUGRU_INLINE Vec flipSign(Vec a, Vec sign) { return {_mm_xor_ps(a.v, sign.v)}; }
CUGRU_INLINE Vec positive(Vec a, Vec value) {  // a > 0 ? value : 0
  return {_mm_and_ps(_mm_cmpgt_ps(a.v, _mm_setzero_ps()), value.v)};
}
CUGRU_INLINE Vec ifRises(Vec x, Vec from, Vec a, Vec b) {  // x > from or x is NaN ? a : b
  const __m128 mask = _mm_or_ps(_mm_cmpgt_ps(x.v, from.v), _mm_cmpunord_ps(x.v, x.v));
  return {_mm_or_ps(_mm_and_ps(mask, a.v), _mm_andnot_ps(mask, b.v))};
}
// 2^n, where the bits of a end in the integer n.
CUGRU_INLINE Vec powerOfTwo(Vec a) {
  const __m128i shifted = _mm_slli_epi32(_mm_castps_si128(a.v), 23);
  return {_mm_castsi128_ps(_mm_add_epi32(shifted, _mm_set1_epi32(0x3f800000)))};
}

}  // namespace
}  // namespace cugru::cpu
