// Sizes of the weights' gradients, which the memory plan needs.
#pragma once

#include <cstdint>

namespace cugru::cpu {

constexpr int64_t kBiasRows = 64;      // that share one partial bias gradient
constexpr int64_t kGradientLists = 6;  // see GradientLists
constexpr int64_t kPointerFloats = 2;
static_assert(sizeof(void*) <= kPointerFloats * sizeof(float));

constexpr int64_t biasParts(int64_t rows) { return (rows + kBiasRows - 1) / kBiasRows; }

}  // namespace cugru::cpu
