#include "program/edge_layout.h"

#include <algorithm>
#include <cstring>

namespace cugru {

void toPhysical(const TensorSpec& spec, int64_t batch, int64_t rows, const void* canonical, void* physical) {
  const size_t row = static_cast<size_t>(spec.features()) * dtypeBytes(spec.dtype);
  const int64_t steps = std::max<int64_t>(spec.steps, 1);
  const char* from = static_cast<const char*>(canonical);
  char* to = static_cast<char*>(physical);
  for (int64_t t = 0; t < steps; ++t) {
    for (int64_t b = 0; b < rows; ++b) std::memcpy(to + (t * batch + b) * row, from + (b * steps + t) * row, row);
    std::memset(to + (t * batch + rows) * row, 0, static_cast<size_t>(batch - rows) * row);
  }
}

void toCanonical(const TensorSpec& spec, int64_t batch, int64_t rows, const void* physical, void* canonical) {
  const size_t row = static_cast<size_t>(spec.features()) * dtypeBytes(spec.dtype);
  const int64_t steps = std::max<int64_t>(spec.steps, 1);
  const char* from = static_cast<const char*>(physical);
  char* to = static_cast<char*>(canonical);
  for (int64_t t = 0; t < steps; ++t) {
    for (int64_t b = 0; b < rows; ++b) std::memcpy(to + (b * steps + t) * row, from + (t * batch + b) * row, row);
  }
}

}  // namespace cugru
