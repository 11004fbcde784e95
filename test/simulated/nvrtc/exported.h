// NVRTC's functions, declared from the list in nvrtc_api.h: a definition that differs from it does not compile.
#pragma once

#include "core/injection.h"
#include "cuda/driver/nvrtc_api.h"

namespace cugru::cuda {
CUGRU_NVRTC_SYMBOLS(SIMULATED_DECLARE, SIMULATED_DECLARE)
}
