// How products are made. The attribute `precision` of an operation:
//   'tf32' (the default, as in the vendor's own libraries)  float32, products on tensor cores with 10 bits of the factors' mantissas
//   'fp32'                                                  float32 as it is
//   'bf16', 'fp16'                                          16-bit factors, sums in float32
// Parameters, their gradients and everything between operations are float32 in all of them.
#pragma once

#include <string>

#include "core/attributes.h"
#include "cuda/driver/libraries.h"

namespace cugru::cuda {

class Device;

enum class Precision : uint8_t { fp32, tf32, bf16, fp16 };

inline bool isHalf(Precision precision) { return precision == Precision::bf16 || precision == Precision::fp16; }
inline size_t bytesOf(Precision precision) { return isHalf(precision) ? 2 : 4; }
const char* wordFor(Precision precision);
cudnnDataType_t cudnnTypeOf(Precision precision);
cudaDataType_t cudaTypeOf(Precision precision);
// As kernels/common.cuh counts them.
int32_t kernelTypeOf(Precision precision);

// CUGRU_CUDA_PRECISION where the layer says nothing. ERR_VALUE for a word that is none of them.
Precision precisionOf(const Attributes& attrs);
// Why a device or its cuDNN cannot run with what an operation asks for; empty when it can.
std::string refusePrecision(const Attributes& attrs, const Device& device, bool recurrent);
// The same of an operation that has no half precision.
std::string refuseHalf(const Attributes& attrs, const std::string& what);

}  // namespace cugru::cuda
