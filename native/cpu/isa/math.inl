// Unrolling with indices that are constants, and exp, sigmoid and tanh to one or two units in the last place.

namespace cugru::cpu {
namespace {

// f(0), f(1), ... f(Count - 1) with compile-time indices: arrays of accumulators then live in registers.
template <int I>
struct Index {
  constexpr operator int() const { return I; }
};
template <int Count, int I = 0, typename F>
CUGRU_INLINE void unroll(const F& f) {
  if constexpr (I < Count) {
    f(Index<I>{});
    unroll<Count, I + 1>(f);
  }
}
#define CUGRU_EACH(index) [&](auto index) __attribute__((always_inline))

CUGRU_INLINE Vec loadUpTo(const float* p, int64_t n) { return n >= Vec::N ? load(p) : loadPart(p, n); }
CUGRU_INLINE void storeUpTo(float* p, Vec a, int64_t n) {
  if (n >= Vec::N) {
    store(p, a);
  } else {
    storePart(p, a, n);
  }
}
CUGRU_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// exp(x) = power * (1 + rest), |rest| < 0.42: the argument must be within [-87.33, 88.37] (or NaN).
struct ExpParts {
  Vec power, rest;
};
CUGRU_INLINE ExpParts expParts(Vec x) {
  const Vec magic =
      broadcast(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer and leaves that in the low bits
  const Vec shifted = fma(x, broadcast(1.44269504088896341f), magic);
  const Vec n = sub(shifted, magic);
  Vec r = fma(n, broadcast(-0.693359375f), x);
  r = fma(n, broadcast(2.12194440e-4f), r);
  Vec p = broadcast(1.9875691500e-4f);
  p = fma(p, r, broadcast(1.3981999507e-3f));
  p = fma(p, r, broadcast(8.3334519073e-3f));
  p = fma(p, r, broadcast(4.1665795894e-2f));
  p = fma(p, r, broadcast(1.6666665459e-1f));
  p = fma(p, r, broadcast(5.0000001201e-1f));
  return {powerOfTwo(shifted), fma(mul(p, r), r, r)};
}

// Saturates instead of giving infinity or zero; NaN stays NaN (smaller and larger give their second operand then).
CUGRU_INLINE Vec exponential(Vec x) {
  const Vec bounded = larger(broadcast(-87.33f), smaller(broadcast(88.37f), x));
  const ExpParts e = expParts(bounded);
  return fma(e.power, e.rest, e.power);
}

CUGRU_INLINE Vec sigmoid(Vec x) {
  const Vec one = broadcast(1.0f);
  return div(one, add(one, exponential(flipSign(x, broadcast(-0.0f)))));
}

// e / (e + 2) with e = exp(2|x|) - 1, which keeps its relative accuracy near zero.
CUGRU_INLINE Vec hyperbolicTangent(Vec x) {
  const Vec sign = signOf(x);
  const Vec size = smaller(broadcast(9.2f), flipSign(x, sign));
  const ExpParts e = expParts(add(size, size));
  const Vec grown = fma(e.power, e.rest, sub(e.power, broadcast(1.0f)));
  return flipSign(div(grown, add(grown, broadcast(2.0f))), sign);
}

// The normal distribution's probability of a value below x, and its density. With z = |x| / sqrt(2) and t = 1 / (1 + z / 2),
// erfc(z) = exp(-z^2) t P(t); P was fitted to the least relative error for z in [0, 9.3], which is 4e-8 before rounding.
struct NormalParts {
  Vec probability, density;
};
CUGRU_INLINE NormalParts normalParts(Vec x) {
  const Vec one = broadcast(1.0f);
  const Vec size = flipSign(x, signOf(x));
  const Vec z = mul(size, broadcast(0.70710678118654752f));
  const Vec power = positive(sub(broadcast(13.0f), size), exponential(flipSign(mul(z, z), broadcast(-0.0f))));
  const Vec t = div(one, fma(z, broadcast(0.5f), one));
  Vec p = broadcast(-0.05880046636f);
  p = fma(p, t, broadcast(0.2832586169f));
  p = fma(p, t, broadcast(-0.4844591916f));
  p = fma(p, t, broadcast(0.2749117613f));
  p = fma(p, t, broadcast(-0.02443603799f));
  p = fma(p, t, broadcast(0.2017525136f));
  p = fma(p, t, broadcast(0.2433422655f));
  p = fma(p, t, broadcast(0.2823421359f));
  p = fma(p, t, broadcast(0.2820883393f));
  const Vec tail = mul(mul(broadcast(0.5f), power), mul(t, p));
  const Vec rest = positive(x, sub(one, add(tail, tail)));
  return {add(tail, rest), mul(power, broadcast(0.39894228040143268f))};
}

// The sigmoid, with a true zero where it is too small to matter: x * s(x) then falls to zero however large -x is.
CUGRU_INLINE Vec vanishingSigmoid(Vec x) { return positive(add(x, broadcast(87.0f)), sigmoid(x)); }

// Lane after lane, so that the order is written down.
CUGRU_INLINE float sumOfLanes(Vec a) {
  float lanes[Vec::N];
  store(lanes, a);
  float sum = lanes[0];
  for (int i = 1; i < Vec::N; ++i) sum += lanes[i];
  return sum;
}

}  // namespace
}  // namespace cugru::cpu
