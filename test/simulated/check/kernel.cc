#include "check/kernel.h"

namespace simulated_check {

std::string compiled(const std::string& architecture) {
  nvrtcProgram program = nullptr;
  const std::string option = "--gpu-architecture=" + architecture;
  const char* options[] = {option.c_str()};
  OK(rtc().nvrtcCreateProgram(&program, kKernelSource, "test.cu", 0, nullptr, nullptr));
  OK(rtc().nvrtcCompileProgram(program, 1, options));
  size_t bytes = 0;
  std::string image;
  if (architecture.rfind("sm_", 0) == 0) {
    OK(rtc().nvrtcGetCUBINSize(program, &bytes));
    image.resize(bytes);
    OK(rtc().nvrtcGetCUBIN(program, image.data()));
  } else {
    OK(rtc().nvrtcGetPTXSize(program, &bytes));
    image.resize(bytes);
    OK(rtc().nvrtcGetPTX(program, image.data()));
  }
  OK(rtc().nvrtcDestroyProgram(&program));
  return image;
}

Kernels::Kernels() {
  OK(cu().cuModuleLoadData(&module, compiled("sm_90").data()));
  OK(cu().cuModuleGetFunction(&addition, module, "checkAdd"));
  OK(cu().cuModuleGetFunction(&nothing, module, "checkNothing"));
}

Kernels::~Kernels() {
  cu().cuCtxSynchronize();
  OK(cu().cuModuleUnload(module));
}

CUresult Kernels::add(CUstream stream, CUdeviceptr y, float a, int n) const {
  void* parameters[] = {&y, &a, &n};
  const auto blocks = static_cast<unsigned>((n + 31) / 32);
  return cu().cuLaunchKernel(addition, blocks, 1, 1, 32, 1, 1, 0, stream, parameters, nullptr);
}

CUresult Kernels::launchWithoutArguments(CUstream stream) const {
  return cu().cuLaunchKernel(addition, 1, 1, 1, 32, 1, 1, 0, stream, nullptr, nullptr);
}

}  // namespace simulated_check
