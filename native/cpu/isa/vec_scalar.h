// Vec: one float, for architectures without a vector wrapper of their own. Right on any of them, fast on none.
#pragma once

namespace cugru::cpu {
namespace {

struct Vec {
  static constexpr int N = 1;
  static constexpr int kGruRows = 4, kPanelRows = 4;
  float v;
};
CUGRU_INLINE uint32_t bitsOf(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}
CUGRU_INLINE Vec fromBits(uint32_t bits) {
  Vec a;
  __builtin_memcpy(&a.v, &bits, sizeof bits);
  return a;
}
CUGRU_INLINE Vec load(const float* p) { return {*p}; }
CUGRU_INLINE Vec loadPart(const float* p, int64_t) { return {*p}; }
CUGRU_INLINE void store(float* p, Vec a) { *p = a.v; }
CUGRU_INLINE void storePart(float* p, Vec a, int64_t) { *p = a.v; }
CUGRU_INLINE Vec broadcast(float x) { return {x}; }
CUGRU_INLINE Vec broadcastFrom(const float* p) { return {*p}; }
CUGRU_INLINE Vec zero() { return {0.0f}; }
CUGRU_INLINE Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
CUGRU_INLINE Vec add(Vec a, Vec b) { return {a.v + b.v}; }
CUGRU_INLINE Vec sub(Vec a, Vec b) { return {a.v - b.v}; }
CUGRU_INLINE Vec mul(Vec a, Vec b) { return {a.v * b.v}; }
CUGRU_INLINE Vec div(Vec a, Vec b) { return {a.v / b.v}; }
CUGRU_INLINE Vec squareRoot(Vec a) { return {__builtin_sqrtf(a.v)}; }
// The second operand when either is NaN.
CUGRU_INLINE Vec smaller(Vec a, Vec b) { return a.v < b.v ? a : b; }
CUGRU_INLINE Vec larger(Vec a, Vec b) { return a.v > b.v ? a : b; }
CUGRU_INLINE Vec signOf(Vec a) { return fromBits(bitsOf(a.v) & 0x80000000u); }
CUGRU_INLINE Vec flipSign(Vec a, Vec sign) { return fromBits(bitsOf(a.v) ^ bitsOf(sign.v)); }
CUGRU_INLINE Vec positive(Vec a, Vec value) { return {a.v > 0 ? value.v : 0.0f}; }
CUGRU_INLINE Vec ifRises(Vec x, Vec from, Vec a, Vec b) {  // x > from or x is NaN ? a : b
  return x.v > from.v || x.v != x.v ? a : b;
}
// 2^n, where the bits of a end in the integer n.
CUGRU_INLINE Vec powerOfTwo(Vec a) { return fromBits((bitsOf(a.v) << 23) + 0x3f800000u); }

}  // namespace
}  // namespace cugru::cpu
