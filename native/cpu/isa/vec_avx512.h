// Vec: sixteen floats in an AVX-512 register.
#pragma once

#include <immintrin.h>

namespace cugru::cpu {
namespace {

struct Vec {
  static constexpr int N = 16;
  static constexpr int kGruRows = 8, kPanelRows = 12;  // register tiles: 32 registers
  __m512 v;
};
CUGRU_INLINE __mmask16 firstLanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
CUGRU_INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
CUGRU_INLINE Vec loadPart(const float* p, int64_t n) { return {_mm512_maskz_loadu_ps(firstLanes(n), p)}; }
CUGRU_INLINE void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
CUGRU_INLINE void storePart(float* p, Vec a, int64_t n) { _mm512_mask_storeu_ps(p, firstLanes(n), a.v); }
CUGRU_INLINE Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
CUGRU_INLINE Vec broadcastFrom(const float* p) { return {_mm512_set1_ps(*p)}; }
CUGRU_INLINE Vec zero() { return {_mm512_setzero_ps()}; }
CUGRU_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
CUGRU_INLINE Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
CUGRU_INLINE Vec sub(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
CUGRU_INLINE Vec mul(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
CUGRU_INLINE Vec div(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
CUGRU_INLINE Vec squareRoot(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
// The second operand when either is NaN.
CUGRU_INLINE Vec smaller(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
CUGRU_INLINE Vec larger(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
CUGRU_INLINE Vec signOf(Vec a) { return {_mm512_and_ps(a.v, _mm512_set1_ps(-0.0f))}; }
CUGRU_INLINE Vec flipSign(Vec a, Vec sign) { return {_mm512_xor_ps(a.v, sign.v)}; }
CUGRU_INLINE Vec positive(Vec a, Vec value) {  // a > 0 ? value : 0
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a.v, _mm512_setzero_ps(), _CMP_GT_OQ), value.v)};
}
CUGRU_INLINE Vec ifRises(Vec x, Vec from, Vec a, Vec b) {  // x > from or x is NaN ? a : b
  const __mmask16 greater = _mm512_cmp_ps_mask(x.v, from.v, _CMP_GT_OQ);
  return {_mm512_mask_mov_ps(b.v, greater | _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q), a.v)};
}
// 2^n, where the bits of a end in the integer n.
CUGRU_INLINE Vec powerOfTwo(Vec a) {
  const __m512i shifted = _mm512_slli_epi32(_mm512_castps_si512(a.v), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(shifted, _mm512_set1_epi32(0x3f800000)))};
}

}  // namespace
}  // namespace cugru::cpu
