// Between JavaScript's order of a batch [rows, steps, features] and memory's [steps, batch, features].
#pragma once

#include "core/tensor.h"

namespace cugru {

// `rows` rows of canonical bytes into a physical tensor of `batch` rows; the rest is zeroed.
void toPhysical(const TensorSpec& spec, int64_t batch, int64_t rows, const void* canonical, void* physical);
void toCanonical(const TensorSpec& spec, int64_t batch, int64_t rows, const void* physical, void* canonical);

}  // namespace cugru
