#include "cuda/precision.h"

#include <cstdlib>

#include "core/error.h"
#include "cuda/device.h"

namespace cugru::cuda {

namespace {

constexpr int kBfloatCapability = 80;
constexpr size_t kBfloatCudnn = 91300;  // the first whose recurrent operations take it

constexpr Precision kAll[] = {Precision::fp32, Precision::tf32, Precision::bf16, Precision::fp16};

std::string wordOf(const Attributes& attrs) {
  const char* fallback = std::getenv("CUGRU_CUDA_PRECISION");
  return attrs.stringOr("precision", fallback != nullptr && *fallback != '\0' ? fallback : "tf32");
}

}  // namespace

const char* wordFor(Precision precision) {
  switch (precision) {
    case Precision::fp32: return "fp32";
    case Precision::tf32: return "tf32";
    case Precision::bf16: return "bf16";
    default: return "fp16";
  }
}

cudnnDataType_t cudnnTypeOf(Precision precision) {
  if (precision == Precision::fp16) return CUDNN_DATA_HALF;
  return precision == Precision::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

cudaDataType_t cudaTypeOf(Precision precision) {
  if (precision == Precision::fp16) return CUDA_R_16F;
  return precision == Precision::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

int32_t kernelTypeOf(Precision precision) {
  if (precision == Precision::fp16) return 1;
  return precision == Precision::bf16 ? 2 : 0;
}

Precision precisionOf(const Attributes& attrs) {
  const std::string word = wordOf(attrs);
  for (Precision one : kAll) {
    if (word == wordFor(one)) return one;
  }
  fail(code::kValue, "precision must be 'fp32', 'tf32', 'bf16' or 'fp16', got '", word, "'");
}

std::string refusePrecision(const Attributes& attrs, const Device& device, bool recurrent) {
  if (precisionOf(attrs) != Precision::bf16) return "";
  if (device.capability() < kBfloatCapability) {
    return text("bf16 needs a GPU of compute capability 8.0 or newer, and ", device.deviceName(), " has ",
                device.capability() / 10, ".", device.capability() % 10, "; use 'fp16', 'tf32' or 'fp32'");
  }
  if (!recurrent || device.cudnnVersion() >= kBfloatCudnn) return "";
  return text("bf16 in recurrent layers needs cuDNN 9.13 or newer, and this is cuDNN ",
              device.libraries().cudnnReport.version, "; use 'fp16', 'tf32' or 'fp32'");
}

std::string refuseHalf(const Attributes& attrs, const std::string& what) {
  const Precision precision = precisionOf(attrs);
  if (!isHalf(precision)) return "";
  return text("the precision '", wordFor(precision), "' is not there for ", what, "; use 'tf32' or 'fp32'");
}

}  // namespace cugru::cuda
