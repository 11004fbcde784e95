#include "check/check.h"

namespace simulated_check {

namespace {

std::string failed() {
  char function[64];
  simulated_failed(function, sizeof function);
  return function;
}

}  // namespace

CASE("injection", failsOnce, "the call that is to fail does nothing and answers an error; those around it work") {
  Device device;
  CUstream streams[3] = {};
  simulated_fail("call", 2);
  OK(cu().cuStreamCreate(&streams[0], CU_STREAM_NON_BLOCKING));
  GIVES(CUDA_ERROR_INVALID_VALUE, cu().cuStreamCreate(&streams[1], CU_STREAM_NON_BLOCKING));
  TRUE(streams[1] == nullptr);
  TRUE(failed() == "cuStreamCreate");
  OK(cu().cuStreamCreate(&streams[2], CU_STREAM_NON_BLOCKING));
  OK(cu().cuStreamDestroy_v2(streams[0]));
  OK(cu().cuStreamDestroy_v2(streams[2]));
}

CASE("injection", allocations, "of allocations alone, the one that is to fail finds no memory") {
  Device device;
  CUdeviceptr memory = 0;
  void* pinned = nullptr;
  simulated_fail("allocation", 2);
  OK(cu().cuMemAlloc_v2(&memory, 4));
  device.synchronize();
  GIVES(CUDA_ERROR_OUT_OF_MEMORY, cu().cuMemHostAlloc(&pinned, 4, 0));
  OK(cu().cuMemFree_v2(memory));
}

CASE("injection", givesBack, "a call that gives back does so before it fails") {
  Device device;
  CUdeviceptr memory = 0;
  OK(cu().cuMemAlloc_v2(&memory, 4));
  simulated_fail("cuMem", 1);
  GIVES(CUDA_ERROR_INVALID_VALUE, cu().cuMemFree_v2(memory));
  SAME(simulated_count("frees"), size_t{1});
}

CASE("injection", everyLibrary, "calls of each library can fail") {
  Device device;
  cudnnHandle_t cudnn = nullptr;
  cublasLtHandle_t cublasLt = nullptr;
  int count = 0;
  simulated_fail("cudnn", 1);
  GIVES(CUDNN_STATUS_EXECUTION_FAILED, dnn().cudnnCreate(&cudnn));
  simulated_fail("cublasLt", 1);
  GIVES(CUBLAS_STATUS_EXECUTION_FAILED, lt().cublasLtCreate(&cublasLt));
  simulated_fail("nvrtc", 1);
  GIVES(NVRTC_ERROR_INTERNAL_ERROR, rtc().nvrtcGetNumSupportedArchs(&count));
}

CASE("injection", lost,
     "a device that is lost refuses everything until its context ends, and what it kept is no mistake") {
  {
    Device device;
    CUdeviceptr memory = 0;
    OK(cu().cuMemAlloc_v2(&memory, 4));
    simulated_fail("lost", 1);
    GIVES(CUDA_ERROR_LAUNCH_FAILED, cu().cuStreamSynchronize(device.stream));
    GIVES(CUDA_ERROR_LAUNCH_FAILED, cu().cuMemFree_v2(memory));
    const size_t before = failures();
    OK(cu().cuDevicePrimaryCtxRelease_v2(0));
    SAME(takeViolations(), size_t{0});
    SAME(failures(), before);
    OK(cu().cuDevicePrimaryCtxRetain(&device.context, 0));
    OK(cu().cuCtxSetCurrent(device.context));
    OK(cu().cuStreamCreate(&device.stream, CU_STREAM_NON_BLOCKING));
  }
}

}  // namespace simulated_check
