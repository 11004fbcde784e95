// cuBLASLt's functions, declared from the list in cublaslt_api.h: a definition that differs from it does not compile.
#pragma once

#include "core/injection.h"
#include "core/problems.h"
#include "cuda/driver/cublaslt_api.h"

namespace cugru::cuda {
CUGRU_CUBLASLT_SYMBOLS(SIMULATED_DECLARE, SIMULATED_DECLARE)
}

#define SIMULATED_TRY(expression) \
  if (const cublasStatus_t tried = (expression); tried != CUBLAS_STATUS_SUCCESS) return tried
