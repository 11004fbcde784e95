// Pooling: one window of one image, a vector of channels at a time.

namespace cugru::cpu {
namespace {

// body(where the pixel's channels lie, its number in raster order)
template <typename Body>
CUGRU_INLINE void eachPixel(const PoolWindow& w, const Body& body) {
  int64_t number = 0;
  for (int64_t row = 0; row < w.height; ++row) {
    int64_t at = row * w.pitch;
    for (int64_t column = 0; column < w.width; ++column, ++number, at += w.channels) body(at, number);
  }
}

// A NaN is taken, and stays: what comes later is not greater.
void maxPool(const PoolWindow& w, const float* x, float* y, float* place) {
  for (int64_t c = 0; c < w.channels; c += Vec::N) {
    const int64_t n = w.channels - c;
    Vec best = loadUpTo(x + c, n), at = zero();
    eachPixel(w, [&](int64_t pixel, int64_t number) {
      const Vec value = loadUpTo(x + pixel + c, n);
      at = ifRises(value, best, broadcast(static_cast<float>(number)), at);
      best = ifRises(value, best, value, best);
    });
    storeUpTo(y + c, best, n);
    if (place != nullptr) storeUpTo(place + c, at, n);
  }
}

void maxPoolGradient(const PoolWindow& w, const float* dy, const float* place, float* dx) {
  const Vec half = broadcast(0.5f);
  for (int64_t c = 0; c < w.channels; c += Vec::N) {
    const int64_t n = w.channels - c;
    const Vec d = loadUpTo(dy + c, n), at = loadUpTo(place + c, n);
    eachPixel(w, [&](int64_t pixel, int64_t number) {
      const Vec away = sub(at, broadcast(static_cast<float>(number)));
      float* to = dx + pixel + c;
      storeUpTo(to, add(loadUpTo(to, n), positive(sub(half, flipSign(away, signOf(away))), d)), n);
    });
  }
}

void avgPool(const PoolWindow& w, const float* x, float* y) {
  const Vec share = broadcast(1.0f / static_cast<float>(w.height * w.width));
  for (int64_t c = 0; c < w.channels; c += Vec::N) {
    const int64_t n = w.channels - c;
    Vec sum = zero();
    eachPixel(w, [&](int64_t pixel, int64_t) { sum = add(sum, loadUpTo(x + pixel + c, n)); });
    storeUpTo(y + c, mul(sum, share), n);
  }
}

void avgPoolGradient(const PoolWindow& w, const float* dy, float* dx) {
  const Vec share = broadcast(1.0f / static_cast<float>(w.height * w.width));
  for (int64_t c = 0; c < w.channels; c += Vec::N) {
    const int64_t n = w.channels - c;
    const Vec d = mul(loadUpTo(dy + c, n), share);
    eachPixel(w, [&](int64_t pixel, int64_t) {
      float* to = dx + pixel + c;
      storeUpTo(to, add(loadUpTo(to, n), d), n);
    });
  }
}

}  // namespace
}  // namespace cugru::cpu
