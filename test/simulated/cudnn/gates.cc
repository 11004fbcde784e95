// The gates in front of this library's functions.
#include "cudnn/exported.h"

namespace simulated {

using namespace cugru::cuda;

template <>
cudnnStatus_t failureOf(Verdict, const char* function) {
  return refuse(CUDNN_STATUS_EXECUTION_FAILED, join(function, " was told to fail"));
}

}  // namespace simulated

namespace cugru::cuda {

CUGRU_CUDNN_SYMBOLS(SIMULATED_GATE, SIMULATED_GATE)

}  // namespace cugru::cuda
