// How float32 products are made. The attribute `precision`: 'tf32' (the default, as in the vendor's own libraries: tensor cores, with
// 10 bits of the factors' mantissas) or 'fp32'.
#pragma once

#include <string>

#include "core/attributes.h"

namespace cugru::cuda {

enum class Precision { fp32, tf32 };

// CUGRU_CUDA_PRECISION where the layer says nothing. ERR_VALUE for a word that is neither.
Precision precisionOf(const Attributes& attrs);
// Why an operation cannot run with what it asks for; empty when it can.
std::string refusePrecision(const Attributes& attrs);

}  // namespace cugru::cuda
