// Softmax rows, activations' gradients, sums.

namespace cugru::cpu {
namespace {

void softmaxRow(const float* x, float* y, int64_t count, float* largest, float* sum) {
  float top = x[0];
  for (int64_t i = 1; i < count; ++i) top = x[i] > top ? x[i] : top;
  const Vec shift = broadcast(top);
  Vec sums = zero();
  int64_t i = 0;
  for (; i + Vec::N <= count; i += Vec::N) {
    const Vec e = exponential(sub(load(x + i), shift));
    if (y != nullptr) store(y + i, e);
    sums = add(sums, e);
  }
  float total = sumOfLanes(sums);
  if (i < count) {
    float lanes[Vec::N];
    store(lanes, exponential(sub(loadPart(x + i, count - i), shift)));
    for (int64_t j = 0; j < count - i; ++j) {
      if (y != nullptr) y[i + j] = lanes[j];
      total += lanes[j];
    }
  }
  *largest = top;
  *sum = total;
  if (y == nullptr) return;
  const Vec divisor = broadcast(total);
  for (i = 0; i < count; i += Vec::N) storeUpTo(y + i, div(loadUpTo(y + i, count - i), divisor), count - i);
}

void softmaxGradientRow(const float* y, const float* dy, float* dx, int64_t count) {
  Vec sums = zero();
  for (int64_t i = 0; i < count; i += Vec::N) {
    sums = fma(loadUpTo(y + i, count - i), loadUpTo(dy + i, count - i), sums);
  }
  const Vec mean = broadcast(sumOfLanes(sums));
  for (int64_t i = 0; i < count; i += Vec::N) {
    const int64_t n = count - i;
    storeUpTo(dx + i, mul(loadUpTo(y + i, n), sub(loadUpTo(dy + i, n), mean)), n);
  }
}

// From the activation's value alone: relu y > 0, tanh 1 - y^2, sigmoid y (1 - y).
void activationGradient(const float* y, const float* dy, float* dx, int64_t count, int activation) {
  const Vec one = broadcast(1.0f);
  for (int64_t i = 0; i < count; i += Vec::N) {
    const int64_t n = count - i;
    const Vec v = loadUpTo(y + i, n), d = loadUpTo(dy + i, n);
    Vec result = d;
    if (activation == 1) result = positive(v, d);
    if (activation == 2) result = mul(d, mul(sub(one, v), add(one, v)));
    if (activation == 3) result = mul(d, mul(v, sub(one, v)));
    storeUpTo(dx + i, result, n);
  }
}

void addVectors(const float* a, const float* b, float* out, int64_t count) {
  for (int64_t i = 0; i < count; i += Vec::N) {
    const int64_t n = count - i;
    storeUpTo(out + i, add(loadUpTo(a + i, n), loadUpTo(b + i, n)), n);
  }
}

template <typename F>
CUGRU_INLINE void mapVector(const float* x, float* y, int64_t count, const F& f) {
  for (int64_t i = 0; i < count; i += Vec::N) storeUpTo(y + i, f(loadUpTo(x + i, count - i)), count - i);
}

void activateVector(const float* x, float* y, int64_t count, int activation) {
  if (activation == 4) return mapVector(x, y, count, [](Vec v) { return mul(v, normalParts(v).probability); });
  if (activation == 5) return mapVector(x, y, count, [](Vec v) { return mul(v, vanishingSigmoid(v)); });
  mapVector(x, y, count, [&](Vec v) { return activate(v, activation); });
}

// gelu: Phi(x) + x phi(x). silu: s + x s (1 - s).
void activationInputGradient(const float* x, const float* dy, float* dx, int64_t count, int activation) {
  const Vec one = broadcast(1.0f);
  for (int64_t i = 0; i < count; i += Vec::N) {
    const int64_t n = count - i;
    const Vec v = loadUpTo(x + i, n);
    Vec slope;
    if (activation == 4) {
      const NormalParts normal = normalParts(v);
      slope = fma(v, normal.density, normal.probability);
    } else {
      const Vec s = vanishingSigmoid(v);
      slope = fma(mul(v, s), sub(one, s), s);
    }
    storeUpTo(dx + i, mul(loadUpTo(dy + i, n), slope), n);
  }
}

void multiplyVectors(const float* a, const float* b, float* out, int64_t count) {
  for (int64_t i = 0; i < count; i += Vec::N) {
    const int64_t n = count - i;
    storeUpTo(out + i, mul(loadUpTo(a + i, n), loadUpTo(b + i, n)), n);
  }
}

void scaleVector(const float* x, float factor, float* out, int64_t count) {
  const Vec factors = broadcast(factor);
  for (int64_t i = 0; i < count; i += Vec::N) storeUpTo(out + i, mul(loadUpTo(x + i, count - i), factors), count - i);
}

void addScaled(const float* x, float factor, float* sum, int64_t count) {
  const Vec factors = broadcast(factor);
  for (int64_t i = 0; i < count; i += Vec::N) {
    const int64_t n = count - i;
    storeUpTo(sum + i, fma(loadUpTo(x + i, n), factors, loadUpTo(sum + i, n)), n);
  }
}

float dotProduct(const float* a, const float* b, int64_t count) {
  Vec sums = zero();
  for (int64_t i = 0; i < count; i += Vec::N) sums = fma(loadUpTo(a + i, count - i), loadUpTo(b + i, count - i), sums);
  return sumOfLanes(sums);
}

void addRows(const float* rows, int64_t stride, int64_t count, float* sum, int64_t columns) {
  for (int64_t column = 0; column < columns; column += Vec::N) {
    const int64_t n = columns - column;
    Vec total = loadUpTo(sum + column, n);
    for (int64_t row = 0; row < count; ++row) total = add(total, loadUpTo(rows + row * stride + column, n));
    storeUpTo(sum + column, total, n);
  }
}

}  // namespace
}  // namespace cugru::cpu
