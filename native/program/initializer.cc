#include "program/initializer.h"

#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/philox.h"

namespace cugru {

namespace {

// Kept apart from the numbers of dropout, whose op ids are small.
constexpr uint32_t kInitDomain = 0x80000000u;

// Uniform numbers in [0, 1), one after the other.
class Uniforms {
 public:
  Uniforms(uint64_t seed, uint32_t stream) : seed_(seed), stream_(stream | kInitDomain) {}
  float next() {
    if (used_ == 4) {
      block_ = philoxBlock(seed_, stream_, 0, index_++);
      used_ = 0;
    }
    return uniform01(block_.v[used_++]);
  }
  // Box and Muller's transform; 1 - u keeps the logarithm finite.
  double nextNormal() {
    const double u = 1.0 - next(), v = next();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
  }

 private:
  uint64_t seed_, index_ = 0;
  uint32_t stream_;
  Philox4 block_{};
  int used_ = 4;
};

// Eight sums that do not wait for one another; a single one is as slow as its additions, one after the other.
double dot(const double* a, const double* b, int64_t n) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int lane = 0; lane < 8; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  for (; i < n; ++i) sums[i % 8] += a[i] * b[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

// Rows of `m` [count, length], count <= length, made orthonormal; twice is enough (Giraud et al., 2005).
void orthonormalizeRows(std::vector<double>& m, int64_t count, int64_t length) {
  for (int64_t r = 0; r < count; ++r) {
    double* row = &m[r * length];
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t p = 0; p < r; ++p) {
        const double* other = &m[p * length];
        const double along = dot(row, other, length);
        for (int64_t i = 0; i < length; ++i) row[i] -= along * other[i];
      }
    }
    const double norm = std::sqrt(dot(row, row, length));
    for (int64_t i = 0; i < length; ++i) row[i] /= norm;
  }
}

void orthogonalBlock(Uniforms& uniforms, int64_t rows, int64_t columns, double gain, float* out) {
  const int64_t count = std::min(rows, columns), length = std::max(rows, columns);
  std::vector<double> m(static_cast<size_t>(count * length));
  for (double& value : m) value = uniforms.nextNormal();
  orthonormalizeRows(m, count, length);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      out[r * columns + c] = static_cast<float>(gain * (rows <= columns ? m[r * length + c] : m[c * length + r]));
    }
  }
}

void fillUniform(Uniforms& uniforms, double limit, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>((2.0 * uniforms.next() - 1.0) * limit);
}

void fillRows(Uniforms& uniforms, const InitSpec& init, int64_t rows, int64_t columns, float* out);

// Those that repeat another part come last, when it is there.
void fillParts(Uniforms& uniforms, const InitSpec& init, int64_t rows, int64_t columns, float* out) {
  const int64_t count = static_cast<int64_t>(init.parts.size()), partRows = rows / count, size = partRows * columns;
  for (int64_t p = 0; p < count; ++p) {
    if (init.parts[p].kind != InitKind::negated) fillRows(uniforms, init.parts[p], partRows, columns, out + p * size);
  }
  for (int64_t p = 0; p < count; ++p) {
    if (init.parts[p].kind != InitKind::negated) continue;
    const float* from = out + static_cast<int64_t>(init.parts[p].value) * size;
    for (int64_t i = 0; i < size; ++i) out[p * size + i] = -from[i];
  }
}

void fillRows(Uniforms& uniforms, const InitSpec& init, int64_t rows, int64_t columns, float* out) {
  const int64_t elements = rows * columns;
  switch (init.kind) {
    case InitKind::zeros:
    case InitKind::negated:
    case InitKind::constant: {
      const float value = init.kind == InitKind::constant ? static_cast<float>(init.value) : 0.0f;
      for (int64_t i = 0; i < elements; ++i) out[i] = value;
      return;
    }
    case InitKind::uniform: return fillUniform(uniforms, init.value, elements, out);
    case InitKind::glorotUniform:
      return fillUniform(uniforms, std::sqrt(6.0 / static_cast<double>(rows + columns)), elements, out);
    case InitKind::normal:
      for (int64_t i = 0; i < elements; ++i) out[i] = static_cast<float>(init.value * uniforms.nextNormal());
      return;
    case InitKind::orthogonal:
      for (int64_t b = 0; b < init.blocks; ++b) {
        const int64_t blockRows = rows / init.blocks;
        orthogonalBlock(uniforms, blockRows, columns, init.value, out + b * blockRows * columns);
      }
      return;
    case InitKind::chrono:
      for (int64_t i = 0; i < elements; ++i) {
        out[i] = static_cast<float>(std::log(1.0 + uniforms.next() * (init.value - 2.0)));
      }
      return;
    case InitKind::uniformGate: {
      const double edge = 1.0 / static_cast<double>(std::max<int64_t>(rows, 2));
      for (int64_t i = 0; i < elements; ++i) {
        const double u = edge + uniforms.next() * (1.0 - 2.0 * edge);
        out[i] = static_cast<float>(std::log(u / (1.0 - u)));
      }
      return;
    }
    case InitKind::parts: return fillParts(uniforms, init, rows, columns, out);
  }
}

void checkParts(const ParamSpec& spec, const InitSpec& init, int64_t rows) {
  const auto count = static_cast<int64_t>(init.parts.size());
  if (count == 0 || rows % count != 0) {
    fail(code::kValue, spec.name, ": ", rows, " rows do not fall into ", count, " parts");
  }
  ParamSpec part = spec;
  part.shape[0] = rows / count;
  for (const InitSpec& one : init.parts) {
    if (one.kind == InitKind::parts) fail(code::kValue, spec.name, ": a part has no parts of its own");
    if (one.kind != InitKind::negated) {
      checkInitializer(part, one);
      continue;
    }
    const double from = one.value;
    if (!(from >= 0 && from < static_cast<double>(count) && from == std::floor(from)) ||
        init.parts[static_cast<size_t>(from)].kind == InitKind::negated) {
      fail(code::kValue, spec.name, ": there is no part ", from, " to negate");
    }
  }
}

struct InitName {
  const char* name;
  InitKind kind;
};
constexpr InitName kInitNames[] = {
    {"zeros", InitKind::zeros},   {"constant", InitKind::constant},           {"uniform", InitKind::uniform},
    {"normal", InitKind::normal}, {"glorotUniform", InitKind::glorotUniform}, {"orthogonal", InitKind::orthogonal},
    {"chrono", InitKind::chrono}, {"uniformGate", InitKind::uniformGate},     {"negated", InitKind::negated},
    {"parts", InitKind::parts},
};

}  // namespace

InitKind initKind(const std::string& name) {
  std::string known;
  for (const InitName& one : kInitNames) {
    if (name == one.name) return one.kind;
    known += (known.empty() ? "" : ", ") + std::string(one.name);
  }
  fail(code::kValue, "unknown initializer '", name, "'; known are ", known);
}

void checkInitializer(const ParamSpec& spec, const InitSpec& init) {
  const int64_t rows = spec.shape.empty() ? 1 : spec.shape[0];
  if (init.kind == InitKind::parts) return checkParts(spec, init, rows);
  if (init.kind == InitKind::negated) fail(code::kValue, spec.name, ": only a part can be the negative of another");
  if (init.kind == InitKind::chrono && init.value < 2) {
    fail(code::kValue, spec.name, ": chrono takes at least 2 steps, got ", init.value);
  }
  if (init.kind != InitKind::orthogonal || (init.blocks >= 1 && rows % init.blocks == 0)) return;
  fail(code::kValue, spec.name, ": ", rows, " rows do not fall into ", init.blocks, " blocks");
}

void initialize(const ParamSpec& spec, const InitSpec& init, uint64_t seed, uint32_t stream, float* out) {
  const int64_t rows = spec.shape.empty() ? 1 : spec.shape[0];
  Uniforms uniforms(seed, stream);
  fillRows(uniforms, init, rows, rows > 0 ? spec.elements() / rows : 0, out);
}

}  // namespace cugru
