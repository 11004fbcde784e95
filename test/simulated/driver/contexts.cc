#include "driver/exported.h"
#include "driver/modules.h"

namespace cugru::cuda {

using namespace simulated;

namespace {

CUresult checkDevice(CUdevice device) {
  if (!driver().initialized) return CUDA_ERROR_NOT_INITIALIZED;
  return device >= 0 && device < deviceCount() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

CUcontext handleOf(Context* context) { return reinterpret_cast<CUcontext>(context); }

}  // namespace

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  Guard guard;
  SIMULATED_TRY(checkDevice(device));
  if (context == nullptr) return CUDA_ERROR_INVALID_VALUE;
  SIMULATED_TRY(unsafeCall());
  primaryContext(device).references++;
  *context = handleOf(&primaryContext(device));
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  Guard guard;
  SIMULATED_TRY(checkDevice(device));
  Context& context = primaryContext(device);
  if (context.references == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--context.references > 0) return CUDA_SUCCESS;
  dropCaptures(context);
  dropStreams(context);
  dropModules(context);
  freeAllOf(context);
  context.failure = CUDA_SUCCESS;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
  Guard guard;
  SIMULATED_TRY(checkDevice(device));
  return flags <= CU_CTX_SCHED_BLOCKING_SYNC ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuCtxSetCurrent(CUcontext handle) {
  Guard guard;
  if (!driver().initialized) return CUDA_ERROR_NOT_INITIALIZED;
  auto* const context = reinterpret_cast<Context*>(handle);
  if (context != nullptr && (!isContext(context) || context->references == 0)) return CUDA_ERROR_INVALID_CONTEXT;
  setCurrentContext(context);
  return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext* context) {
  Guard guard;
  if (!driver().initialized) return CUDA_ERROR_NOT_INITIALIZED;
  if (context == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *context = handleOf(currentContext());
  return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize() {
  SIMULATED_ENTER();
  SIMULATED_TRY(wholeContextCall(*context));
  drainAll(*context);
  checkMargins();
  count("synchronizations");
  return context->failure;
}

}  // namespace cugru::cuda
