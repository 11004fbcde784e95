// cuDNN's functions, declared from the list in cudnn_api.h: a definition that differs from it does not compile.
#pragma once

#include "core/injection.h"
#include "core/problems.h"
#include "cuda/driver/cudnn_api.h"
#include "cudnn/status.h"

namespace cugru::cuda {
CUGRU_CUDNN_SYMBOLS(SIMULATED_DECLARE, SIMULATED_DECLARE)
}

#define SIMULATED_TRY(expression) \
  if (const cudnnStatus_t tried = (expression); tried != CUDNN_STATUS_SUCCESS) return tried
