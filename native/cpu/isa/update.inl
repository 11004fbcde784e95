// The optimisers' pass over a run of parameters, and what comes before it: the penalty's gradient, and the sum for the norm.

namespace cugru::cpu {
namespace {

double sumOfSquares(const float* x, int64_t count) {
  double lanes[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int j = 0; j < 8; ++j) lanes[j] += static_cast<double>(x[i + j]) * static_cast<double>(x[i + j]);
  }
  for (int j = 0; i < count; ++i, ++j) lanes[j] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return sum;
}

void sgdUpdate(const SgdStep& s, float* p, const float* g, float* buffer, int64_t count) {
  const Vec scale = broadcast(s.gradientScale), decay = broadcast(s.decay), momentum = broadcast(s.momentum);
  const Vec rate = broadcast(-s.rate);
  for (int64_t i = 0; i < count; i += Vec::N) {
    const int64_t n = count - i;
    const Vec value = loadUpTo(p + i, n);
    Vec step = mul(loadUpTo(g + i, n), scale);
    if (s.decay != 0) step = fma(decay, value, step);
    if (buffer != nullptr) {
      const Vec velocity = fma(momentum, loadUpTo(buffer + i, n), step);
      storeUpTo(buffer + i, velocity, n);
      step = s.nesterov ? fma(momentum, velocity, step) : velocity;
    }
    storeUpTo(p + i, fma(rate, step, value), n);
  }
}

void adamUpdate(const AdamStep& s, float* p, const float* g, float* m, float* v, int64_t count) {
  const Vec scale = broadcast(s.gradientScale), decay = broadcast(s.decay), shrink = broadcast(s.shrink);
  const Vec beta2 = broadcast(s.beta2), rest1 = broadcast(s.rest1), rest2 = broadcast(s.rest2);
  const Vec correction = broadcast(s.rootCorrection), epsilon = broadcast(s.epsilon), size = broadcast(-s.stepSize);
  for (int64_t i = 0; i < count; i += Vec::N) {
    const int64_t n = count - i;
    Vec value = loadUpTo(p + i, n), gradient = mul(loadUpTo(g + i, n), scale);
    if (s.decay != 0) gradient = fma(decay, value, gradient);
    if (s.shrink != 1.0f) value = mul(value, shrink);
    Vec mean = loadUpTo(m + i, n);
    mean = fma(sub(gradient, mean), rest1, mean);
    const Vec square = fma(mul(gradient, gradient), rest2, mul(loadUpTo(v + i, n), beta2));
    storeUpTo(m + i, mean, n);
    storeUpTo(v + i, square, n);
    const Vec divisor = add(div(squareRoot(square), correction), epsilon);
    storeUpTo(p + i, fma(size, div(mean, divisor), value), n);
  }
}

}  // namespace
}  // namespace cugru::cpu
