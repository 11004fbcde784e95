#include "cuda/precision.h"

#include <cstdlib>

#include "core/error.h"

namespace cugru::cuda {

namespace {
std::string wordOf(const Attributes& attrs) {
  const char* fallback = std::getenv("CUGRU_CUDA_PRECISION");
  return attrs.stringOr("precision", fallback != nullptr && *fallback != '\0' ? fallback : "tf32");
}
}  // namespace

Precision precisionOf(const Attributes& attrs) {
  const std::string word = wordOf(attrs);
  if (word == "fp32") return Precision::fp32;
  if (word == "tf32") return Precision::tf32;
  fail(code::kValue, "precision must be 'tf32' or 'fp32', got '", word, "'");
}

std::string refusePrecision(const Attributes& attrs) {
  const std::string word = wordOf(attrs);
  if (word == "bf16" || word == "fp16") return text("precision '", word, "' is not there yet; use 'tf32' or 'fp32'");
  return "";
}

}  // namespace cugru::cuda
