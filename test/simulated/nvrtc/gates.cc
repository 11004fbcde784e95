// The gates in front of this library's functions.
#include "nvrtc/exported.h"

namespace simulated {

using namespace cugru::cuda;

template <>
nvrtcResult failureOf(Verdict, const char*) {
  return NVRTC_ERROR_INTERNAL_ERROR;
}

}  // namespace simulated

namespace cugru::cuda {

CUGRU_NVRTC_SYMBOLS(SIMULATED_GATE, SIMULATED_GATE)

}  // namespace cugru::cuda
