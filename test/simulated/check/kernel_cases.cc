#include <algorithm>

#include "check/kernel.h"

namespace simulated_check {

namespace {

nvrtcResult compileWith(const char* source, std::vector<const char*> options, std::string* log = nullptr) {
  nvrtcProgram program = nullptr;
  OK(rtc().nvrtcCreateProgram(&program, source, "test.cu", 0, nullptr, nullptr));
  const nvrtcResult result = rtc().nvrtcCompileProgram(program, static_cast<int>(options.size()), options.data());
  size_t bytes = 0;
  OK(rtc().nvrtcGetProgramLogSize(program, &bytes));
  std::string text(bytes, '\0');
  OK(rtc().nvrtcGetProgramLog(program, text.data()));
  if (log != nullptr) *log = text.c_str();
  OK(rtc().nvrtcDestroyProgram(&program));
  return result;
}

}  // namespace

CASE("nvrtc", needsArchitecture, "a compilation without --gpu-architecture is refused") {
  GIVES(NVRTC_ERROR_INVALID_OPTION, compileWith(kKernelSource, {}));
  GIVES(NVRTC_ERROR_INVALID_OPTION, compileWith(kKernelSource, {"--gpu-architecture=sm_12"}));
  GIVES(NVRTC_ERROR_INVALID_OPTION, compileWith(kKernelSource, {"--gpu-architecture=sm_90", "--unheard-of"}));
  OK(compileWith(kKernelSource, {"--gpu-architecture=sm_90", "--std=c++17", "-DN=4"}));
}

CASE("nvrtc", errors, "a source with an open bracket, or an unknown header, fails with a log that names the line") {
  std::string log;
  GIVES(NVRTC_ERROR_COMPILATION, compileWith("// {\n__global__ void f() {\n", {"-arch=sm_90"}, &log));
  TRUE(log.find("test.cu(3): error") != std::string::npos);
  GIVES(NVRTC_ERROR_COMPILATION, compileWith("#include <cstdint>\n", {"-arch=sm_90"}, &log));
  TRUE(log.find("cstdint") != std::string::npos);
  set("NVRTC_FAIL", "test");
  GIVES(NVRTC_ERROR_COMPILATION, compileWith(kKernelSource, {"-arch=sm_90"}));
}

CASE("nvrtc", virtualArchitecture, "a virtual architecture gives PTX and no cubin") {
  nvrtcProgram program = nullptr;
  OK(rtc().nvrtcCreateProgram(&program, kKernelSource, "test.cu", 0, nullptr, nullptr));
  const char* option = "--gpu-architecture=compute_75";
  size_t cubin = 1, ptx = 0;
  GIVES(NVRTC_ERROR_INVALID_PROGRAM, rtc().nvrtcGetPTXSize(program, &ptx));
  OK(rtc().nvrtcCompileProgram(program, 1, &option));
  OK(rtc().nvrtcGetCUBINSize(program, &cubin));
  OK(rtc().nvrtcGetPTXSize(program, &ptx));
  SAME(cubin, size_t{0});
  TRUE(ptx > 0);
  OK(rtc().nvrtcDestroyProgram(&program));
  GIVES(NVRTC_ERROR_INVALID_PROGRAM, rtc().nvrtcDestroyProgram(&program));
}

CASE("modules", otherArchitecture, "a binary for another architecture is answered NO_BINARY_FOR_GPU") {
  Device device;
  CUmodule module = nullptr;
  GIVES(CUDA_ERROR_NO_BINARY_FOR_GPU, cu().cuModuleLoadData(&module, compiled("sm_80").data()));
  GIVES(CUDA_ERROR_INVALID_PTX, cu().cuModuleLoadData(&module, compiled("compute_120").data()));
  GIVES(CUDA_ERROR_INVALID_IMAGE, cu().cuModuleLoadData(&module, "what is this"));
  OK(cu().cuModuleLoadData(&module, compiled("compute_75").data()));
  OK(cu().cuModuleUnload(module));
}

CASE("modules", unknownKernel, "a kernel that the source does not have is answered NOT_FOUND") {
  Device device;
  Kernels kernels;
  CUfunction function = nullptr;
  GIVES(CUDA_ERROR_NOT_FOUND, cu().cuModuleGetFunction(&function, kernels.module, "checkAd"));
  GIVES(CUDA_ERROR_NOT_FOUND, cu().cuModuleGetFunction(&function, kernels.module, "checkMissing"));
  OK(cu().cuModuleGetFunction(&function, kernels.module, "checkNothing"));
}

CASE("kernels", runs, "a kernel runs with the arguments of its launch") {
  Device device;
  Kernels kernels;
  const CUdeviceptr y = device.upload({1, 2, 3});
  OK(kernels.add(device.stream, y, 10.0f, 3));  // its arguments are gone before it runs
  const std::vector<float> got = device.download(y, 3);
  SAME(got[0], 11.0f);
  SAME(got[2], 13.0f);
}

CASE("kernels", limits, "a launch beyond the device's limits is answered INVALID_VALUE") {
  Device device;
  Kernels kernels;
  const auto launch = [&](unsigned grid, unsigned block, unsigned shared) {
    return cu().cuLaunchKernel(kernels.nothing, grid, 1, 1, block, 1, 1, shared, device.stream, nullptr, nullptr);
  };
  OK(launch(1, 1024, 49152));
  GIVES(CUDA_ERROR_INVALID_VALUE, launch(0, 32, 0));
  GIVES(CUDA_ERROR_INVALID_VALUE, launch(1, 1025, 0));
  GIVES(CUDA_ERROR_INVALID_VALUE, launch(1, 32, 49153));
  OK(cu().cuFuncSetAttribute(kernels.nothing, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100000));
  OK(launch(1, 32, 100000));
  GIVES(CUDA_ERROR_INVALID_VALUE,
        cu().cuFuncSetAttribute(kernels.nothing, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 300000));
  GIVES(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
        cu().cuLaunchCooperativeKernel(kernels.nothing, 1000, 1, 1, 1024, 1, 1, 0, device.stream, nullptr));
  GIVES(CUDA_ERROR_INVALID_VALUE, kernels.launchWithoutArguments(device.stream));
}

CASE("kernels", overrun, "a kernel that writes past an allocation makes the context fail with ILLEGAL_ADDRESS") {
  Device device;
  Kernels kernels;
  const CUdeviceptr y = device.allocate(4096);
  OK(kernels.add(device.stream, y, 1.0f, 4096));
  GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cu().cuStreamSynchronize(device.stream));
  GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cu().cuMemsetD8Async(y, 0, 4, device.stream));  // from now on
  SAME(takeViolations(), size_t{1});
  std::exit(failures() == 0 ? 0 : 1);  // nothing can be given back any more
}

CASE("kernels", smallOverrun, "a kernel that writes just past an allocation is a violation") {
  Device device;
  Kernels kernels;
  const CUdeviceptr y = device.allocate(8);
  OK(kernels.add(device.stream, y, 1.0f, 3));
  device.synchronize();
  SAME(takeViolations(), size_t{1});
}

CASE("kernels", freedArgument, "a kernel whose memory was freed makes the context fail") {
  Device device;
  Kernels kernels;
  CUdeviceptr y = 0;
  OK(cu().cuMemAlloc_v2(&y, 64));
  OK(cu().cuMemFree_v2(y));
  OK(kernels.add(device.stream, y, 1.0f, 3));
  GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cu().cuStreamSynchronize(device.stream));
  SAME(takeViolations(), size_t{1});
  std::exit(failures() == 0 ? 0 : 1);
}

}  // namespace simulated_check
