// Vec: four floats in an Advanced SIMD register, which every 64-bit Arm has.
#pragma once

#include <arm_neon.h>

namespace cugru::cpu {
namespace {

struct Vec {
  static constexpr int N = 4;
  static constexpr int kGruRows = 8, kPanelRows = 12;  // register tiles: 32 registers
  float32x4_t v;
};
CUGRU_INLINE Vec load(const float* p) { return {vld1q_f32(p)}; }
CUGRU_INLINE Vec loadPart(const float* p, int64_t n) {
  float32x4_t v = vsetq_lane_f32(p[0], vdupq_n_f32(0), 0);
  if (n > 1) v = vsetq_lane_f32(p[1], v, 1);
  if (n > 2) v = vsetq_lane_f32(p[2], v, 2);
  return {v};
}
CUGRU_INLINE void store(float* p, Vec a) { vst1q_f32(p, a.v); }
CUGRU_INLINE void storePart(float* p, Vec a, int64_t n) {
  p[0] = vgetq_lane_f32(a.v, 0);
  if (n > 1) p[1] = vgetq_lane_f32(a.v, 1);
  if (n > 2) p[2] = vgetq_lane_f32(a.v, 2);
}
CUGRU_INLINE Vec broadcast(float x) { return {vdupq_n_f32(x)}; }
CUGRU_INLINE Vec broadcastFrom(const float* p) { return {vld1q_dup_f32(p)}; }
CUGRU_INLINE Vec zero() { return {vdupq_n_f32(0)}; }
CUGRU_INLINE Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
CUGRU_INLINE Vec add(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
CUGRU_INLINE Vec sub(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
CUGRU_INLINE Vec mul(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
CUGRU_INLINE Vec div(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
CUGRU_INLINE Vec squareRoot(Vec a) { return {vsqrtq_f32(a.v)}; }
// NaN when either is NaN.
CUGRU_INLINE Vec smaller(Vec a, Vec b) { return {vminq_f32(a.v, b.v)}; }
CUGRU_INLINE Vec larger(Vec a, Vec b) { return {vmaxq_f32(a.v, b.v)}; }
CUGRU_INLINE Vec signOf(Vec a) {
  return {vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a.v), vdupq_n_u32(0x80000000u)))};
}
CUGRU_INLINE Vec flipSign(Vec a, Vec sign) {
  return {vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a.v), vreinterpretq_u32_f32(sign.v)))};
}
CUGRU_INLINE Vec positive(Vec a, Vec value) {  // a > 0 ? value : 0
  return {vreinterpretq_f32_u32(vandq_u32(vcgtq_f32(a.v, vdupq_n_f32(0)), vreinterpretq_u32_f32(value.v)))};
}
CUGRU_INLINE Vec ifRises(Vec x, Vec from, Vec a, Vec b) {  // x > from or x is NaN ? a : b
  const uint32x4_t mask = vorrq_u32(vcgtq_f32(x.v, from.v), vmvnq_u32(vceqq_f32(x.v, x.v)));
  return {vbslq_f32(mask, a.v, b.v)};
}
// 2^n, where the bits of a end in the integer n.
CUGRU_INLINE Vec powerOfTwo(Vec a) {
  const uint32x4_t shifted = vshlq_n_u32(vreinterpretq_u32_f32(a.v), 23);
  return {vreinterpretq_f32_u32(vaddq_u32(shifted, vdupq_n_u32(0x3f800000u)))};
}

}  // namespace
}  // namespace cugru::cpu
