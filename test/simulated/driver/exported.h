// The driver's functions, declared from the list in cuda_api.h: a definition that differs from it does not compile.
#pragma once

#include "core/capture.h"
#include "core/context.h"
#include "core/injection.h"
#include "cuda/driver/cuda_api.h"

namespace cugru::cuda {
CUGRU_CUDA_SYMBOLS(SIMULATED_DECLARE, SIMULATED_DECLARE)
}

// Opens a function: takes the lock and the current context, or returns why not.
#define SIMULATED_ENTER()                  \
  ::simulated::Guard guard;                \
  ::simulated::count("driverCalls");       \
  ::simulated::Context* context = nullptr; \
  if (const CUresult entered = ::simulated::enter(context); entered != CUDA_SUCCESS) return entered
#define SIMULATED_TRY(expression) \
  if (const CUresult tried = (expression); tried != CUDA_SUCCESS) return tried
