// The gates in front of this library's functions.
#include "driver/exported.h"

namespace simulated {

using namespace cugru::cuda;

template <>
CUresult failureOf(Verdict verdict, const char*) {
  if (verdict == Verdict::refuseMemory) return CUDA_ERROR_OUT_OF_MEMORY;
  Context* context = nullptr;
  const CUresult lost = enter(context);  // what every later call answers, when the device was lost
  return lost != CUDA_SUCCESS && context != nullptr ? lost : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace simulated

namespace cugru::cuda {

CUGRU_CUDA_SYMBOLS(SIMULATED_GATE, SIMULATED_GATE)

}  // namespace cugru::cuda
