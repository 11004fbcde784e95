// Normalisation of rows (layer) and of columns (batch).

namespace cugru::cpu {
namespace {

// y = (x - mean) * rstd * weight + bias, for one row. The second pass over the row corrects the first one's mean, whose sum was rounded.
void layerNormRow(const NormRow& r, const float* x, float* y, float* statistics) {
  const float count = static_cast<float>(r.features);
  Vec sums = zero();
  for (int64_t i = 0; i < r.features; i += Vec::N) sums = add(sums, loadUpTo(x + i, r.features - i));
  const float about = sumOfLanes(sums) / count;
  const Vec middle = broadcast(about);
  Vec deviations = zero(), squares = zero();
  int64_t i = 0;
  for (; i + Vec::N <= r.features; i += Vec::N) {
    const Vec d = sub(load(x + i), middle);
    deviations = add(deviations, d);
    squares = fma(d, d, squares);
  }
  float rest = sumOfLanes(deviations), total = sumOfLanes(squares);
  for (; i < r.features; ++i) {
    const float d = x[i] - about;
    rest += d;
    total += d * d;
  }
  rest /= count;
  const float mean = about + rest, variance = total / count - rest * rest;
  const float rstd = 1.0f / __builtin_sqrtf(variance + r.epsilon);
  if (statistics != nullptr) {
    statistics[0] = mean;
    statistics[1] = rstd;
  }
  const Vec shift = broadcast(mean);
  const Vec scale = broadcast(rstd);
  for (i = 0; i < r.features; i += Vec::N) {
    const int64_t n = r.features - i;
    const Vec normal = mul(sub(loadUpTo(x + i, n), shift), scale);
    storeUpTo(y + i, fma(normal, loadUpTo(r.weight + i, n), loadUpTo(r.bias + i, n)), n);
  }
}

// With g = dy * weight: dx = rstd * (g - mean(g) - normal * mean(g * normal)). Sums of the row are added to dweight and dbias.
void layerNormGradientRow(const NormRow& r, const float* x, const float* dy, const float* statistics, float* dx,
                          float* dweight, float* dbias) {
  const Vec shift = broadcast(statistics[0]), scale = broadcast(statistics[1]);
  Vec sums = zero(), products = zero();
  for (int64_t i = 0; i < r.features; i += Vec::N) {
    const int64_t n = r.features - i;
    const Vec d = loadUpTo(dy + i, n), normal = mul(sub(loadUpTo(x + i, n), shift), scale);
    const Vec g = mul(d, loadUpTo(r.weight + i, n));
    sums = add(sums, g);
    products = fma(g, normal, products);
    if (dweight == nullptr) continue;
    storeUpTo(dweight + i, fma(d, normal, loadUpTo(dweight + i, n)), n);
    storeUpTo(dbias + i, add(d, loadUpTo(dbias + i, n)), n);
  }
  if (dx == nullptr) return;
  const float count = static_cast<float>(r.features);
  const Vec mean = broadcast(sumOfLanes(sums) / count), slope = broadcast(sumOfLanes(products) / count);
  for (int64_t i = 0; i < r.features; i += Vec::N) {
    const int64_t n = r.features - i;
    const Vec normal = mul(sub(loadUpTo(x + i, n), shift), scale);
    const Vec g = mul(loadUpTo(dy + i, n), loadUpTo(r.weight + i, n));
    storeUpTo(dx + i, mul(scale, sub(sub(g, mean), mul(normal, slope))), n);
  }
}

// Of d = x[row][c] - about[c]: sum[c] += d and squares[c] += d^2 over rows.
void addDeviations(const float* x, int64_t rows, int64_t channels, const float* about, float* sum, float* squares) {
  for (int64_t c = 0; c < channels; c += Vec::N) {
    const int64_t n = channels - c;
    const Vec middle = loadUpTo(about + c, n);
    Vec plain = loadUpTo(sum + c, n), total = loadUpTo(squares + c, n);
    for (int64_t row = 0; row < rows; ++row) {
      const Vec d = sub(loadUpTo(x + row * channels + c, n), middle);
      plain = add(plain, d);
      total = fma(d, d, total);
    }
    storeUpTo(sum + c, plain, n);
    storeUpTo(squares + c, total, n);
  }
}

// sum[c] += dy[row][c] * (x[row][c] - mean[c]) * rstd[c] over rows.
void addProducts(const float* dy, const float* x, int64_t rows, int64_t channels, const float* mean, const float* rstd,
                 float* sum) {
  for (int64_t c = 0; c < channels; c += Vec::N) {
    const int64_t n = channels - c;
    const Vec shift = loadUpTo(mean + c, n), scale = loadUpTo(rstd + c, n);
    Vec total = loadUpTo(sum + c, n);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t at = row * channels + c;
      total = fma(loadUpTo(dy + at, n), mul(sub(loadUpTo(x + at, n), shift), scale), total);
    }
    storeUpTo(sum + c, total, n);
  }
}

// out = (x - mean) * scale + shift for each channel.
void scaleChannels(const float* x, const float* mean, const float* scale, const float* shift, float* out, int64_t rows,
                   int64_t channels) {
  for (int64_t c = 0; c < channels; c += Vec::N) {
    const int64_t n = channels - c;
    const Vec m = loadUpTo(mean + c, n), a = loadUpTo(scale + c, n), b = loadUpTo(shift + c, n);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t at = row * channels + c;
      storeUpTo(out + at, fma(sub(loadUpTo(x + at, n), m), a, b), n);
    }
  }
}

void batchNormGradient(const ChannelFactors& f, const float* dy, const float* x, float* dx, int64_t rows,
                       int64_t channels) {
  for (int64_t c = 0; c < channels; c += Vec::N) {
    const int64_t n = channels - c;
    const Vec mean = loadUpTo(f.mean + c, n), own = loadUpTo(f.own + c, n);
    const Vec slope = loadUpTo(f.slope + c, n), rest = loadUpTo(f.rest + c, n);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t at = row * channels + c;
      const Vec statistics = fma(sub(loadUpTo(x + at, n), mean), slope, rest);
      storeUpTo(dx + at, fma(loadUpTo(dy + at, n), own, statistics), n);
    }
  }
}

}  // namespace
}  // namespace cugru::cpu
