// Parameters on the CPU are stored in canonical form; a layout only derives what its kernels read faster.
#pragma once

#include <algorithm>

#include "core/backend.h"

namespace cugru::cpu {

// The next place in a block of floats that grows by `floats`; places are 64 bytes apart.
inline int64_t take(int64_t& total, int64_t floats) {
  const int64_t at = total;
  total += (floats + 15) / 16 * 16;
  return at;
}

class PlainLayout : public ParameterLayout {
 public:
  explicit PlainLayout(const GroupDesc& group) {
    for (const ParamSpec& param : group.params) elements_ += param.elements();
  }
  int64_t elements() const override { return elements_; }
  std::vector<ParamPlace> places() const override { return {{0, 0, elements_}}; }
  size_t preparedBytes() const override { return 0; }
  void fromCanonical(const float* canonical, float* params, Stream&) const override {
    std::copy(canonical, canonical + elements_, params);
  }
  void toCanonical(const float* params, float* canonical, Stream&) const override {
    std::copy(params, params + elements_, canonical);
  }
  void prepare(const float*, void*, Stream&) const override {}

 private:
  int64_t elements_ = 0;
};

}  // namespace cugru::cpu
