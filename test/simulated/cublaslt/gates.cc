// The gates in front of this library's functions.
#include "cublaslt/exported.h"

namespace simulated {

using namespace cugru::cuda;

template <>
cublasStatus_t failureOf(Verdict, const char*) {
  return CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // namespace simulated

namespace cugru::cuda {

CUGRU_CUBLASLT_SYMBOLS(SIMULATED_GATE, SIMULATED_GATE)

}  // namespace cugru::cuda
