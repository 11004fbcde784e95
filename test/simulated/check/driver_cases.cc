#include <thread>

#include "check/check.h"

namespace simulated_check {

CASE("driver", notInitialised, "a call before cuInit is answered NOT_INITIALIZED") {
  int count = 0;
  GIVES(CUDA_ERROR_NOT_INITIALIZED, cu().cuDeviceGetCount(&count));
}

CASE("driver", describesItself, "the device describes itself as simulated") {
  set("DEVICES", "2");
  set("CAPABILITY", "8.6");
  OK(cu().cuInit(0));
  int count = 0, major = 0, minor = 0;
  char name[64];
  OK(cu().cuDeviceGetCount(&count));
  SAME(count, 2);
  OK(cu().cuDeviceGetName(name, sizeof(name), 1));
  TRUE(std::string(name) == "Simulated device");
  OK(cu().cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0));
  OK(cu().cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0));
  SAME(major * 10 + minor, 86);
  CUdevice device = 0;
  GIVES(CUDA_ERROR_INVALID_DEVICE, cu().cuDeviceGet(&device, 2));
}

CASE("driver", probeUsesIt, "the project's probe finds it usable") {
  const ProbeReport report = probe({}, 0);
  for (const Problem& problem : report.problems) simulated_check::report(__FILE__, __LINE__, problem.what);
  TRUE(report.usable());
  TRUE(report.weightBytes > 0);
  SAME(leftovers(), size_t{0});
}

CASE("driver", everySymbol, "it has every symbol of the lists, the optional ones too") {
  Libraries all = opened();
  size_t missing = 0;
  const auto look = [&](const std::vector<SymbolSlot>& slots) {
    for (const SymbolSlot& slot : slots) missing += *slot.address == nullptr ? 1 : 0;
  };
  look(symbolsOf(all.cuda));
  look(symbolsOf(all.cudnn));
  look(symbolsOf(all.cublasLt));
  look(symbolsOf(all.nvrtc));
  SAME(missing, size_t{0});
}

CASE("driver", needsContext, "a call on a thread without a context is answered INVALID_CONTEXT") {
  Device device;
  CUresult result = CUDA_SUCCESS;
  CUdeviceptr memory = 0;
  std::thread([&] { result = cu().cuMemAlloc_v2(&memory, 4); }).join();
  GIVES(CUDA_ERROR_INVALID_CONTEXT, result);
}

CASE("driver", destroyedContext, "a context that was released is answered CONTEXT_IS_DESTROYED") {
  { Device device; }
  CUdeviceptr memory = 0;
  GIVES(709, cu().cuMemAlloc_v2(&memory, 4));
}

CASE("memory", freshIsNan, "fresh device memory is no number") {
  Device device;
  CUdeviceptr memory = 0;
  OK(cu().cuMemAlloc_v2(&memory, 4));
  const std::vector<float> values = device.download(memory, 1);
  TRUE(values[0] != values[0]);
  OK(cu().cuMemFree_v2(memory));
}

CASE("memory", limit, "an allocation over the limit is answered OUT_OF_MEMORY") {
  set("MEMORY", "4096");
  Device device;
  device.allocate(3000);
  CUdeviceptr memory = 0;
  GIVES(CUDA_ERROR_OUT_OF_MEMORY, cu().cuMemAlloc_v2(&memory, 2000));
  size_t available = 0, total = 0;
  OK(cu().cuMemGetInfo_v2(&available, &total));
  SAME(available, size_t{1096});
  SAME(total, size_t{4096});
}

CASE("memory", boundsOfCopies, "a copy or a fill past the end of an allocation is answered INVALID_VALUE") {
  Device device;
  const CUdeviceptr memory = device.allocate(64);
  std::vector<float> host(32);
  GIVES(CUDA_ERROR_INVALID_VALUE, cu().cuMemcpyHtoDAsync_v2(memory, host.data(), 68, device.stream));
  GIVES(CUDA_ERROR_INVALID_VALUE, cu().cuMemcpyDtoHAsync_v2(host.data(), memory + 60, 8, device.stream));
  GIVES(CUDA_ERROR_INVALID_VALUE, cu().cuMemsetD8Async(memory, 0, 65, device.stream));
  GIVES(CUDA_ERROR_INVALID_VALUE, cu().cuMemsetD32Async(memory + 2, 0, 1, device.stream));
  GIVES(CUDA_ERROR_INVALID_VALUE,
        cu().cuMemcpyHtoDAsync_v2(reinterpret_cast<CUdeviceptr>(host.data()), host.data(), 4, device.stream));
}

CASE("memory", freedTwice, "memory that is freed twice is a violation") {
  Device device;
  CUdeviceptr memory = 0;
  OK(cu().cuMemAlloc_v2(&memory, 64));
  OK(cu().cuMemFree_v2(memory));
  GIVES(CUDA_ERROR_INVALID_VALUE, cu().cuMemFree_v2(memory));
  SAME(takeViolations(), size_t{1});
}

CASE("memory", freedWhileQueued, "memory that is freed while queued work uses it is a violation") {
  Device device;
  CUdeviceptr memory = 0;
  OK(cu().cuMemAlloc_v2(&memory, 64));
  OK(cu().cuMemsetD8Async(memory, 0, 64, device.stream));
  OK(cu().cuMemFree_v2(memory));
  SAME(takeViolations(), size_t{1});
}

CASE("memory", freedBesideWork, "memory that no queued work uses may be freed") {
  Device device;
  CUdeviceptr memory = 0;
  OK(cu().cuMemAlloc_v2(&memory, 64));
  device.allocate(64);  // queues a fill
  OK(cu().cuMemFree_v2(memory));
  SAME(takeViolations(), size_t{0});
}

CASE("memory", leaks, "what is not given back is in the report") {
  Device device;
  const size_t before = leftovers();
  CUdeviceptr memory = 0;
  void* pinned = nullptr;
  CUevent event = nullptr;
  OK(cu().cuMemAlloc_v2(&memory, 123));
  OK(cu().cuMemHostAlloc(&pinned, 45, 0));
  OK(cu().cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  SAME(leftovers() - before, size_t{3});
  std::string text(4096, '\0');
  simulated_report(text.data(), text.size());
  TRUE(text.find("123 bytes of device memory") != std::string::npos);
  OK(cu().cuMemFree_v2(memory));
  OK(cu().cuMemFreeHost(pinned));
  OK(cu().cuEventDestroy_v2(event));
  SAME(leftovers(), before);
}

CASE("memory", leftInContext, "what is left when a context ends is a violation") {
  {
    Device device;
    CUdeviceptr memory = 0;
    OK(cu().cuMemAlloc_v2(&memory, 64));
    OK(cu().cuStreamDestroy_v2(device.stream));
    OK(cu().cuDevicePrimaryCtxRelease_v2(0));
    SAME(takeViolations(), size_t{1});
    OK(cu().cuDevicePrimaryCtxRetain(&device.context, 0));
    OK(cu().cuStreamCreate(&device.stream, CU_STREAM_NON_BLOCKING));
  }
}

CASE("memory", hostTouches, "device memory cannot be read from the host") {
  // Ends by a fault, which the test expects.
  Device device;
  const CUdeviceptr memory = device.allocate(64);
  device.synchronize();
  volatile float value = *pointer<float>(memory);
  static_cast<void>(value);
}

CASE("streams", lazyPinned, "a copy into pinned memory is not there before somebody waits") {
  Device device;
  const CUdeviceptr memory = device.upload({5});
  void* pinned = nullptr;
  OK(cu().cuMemHostAlloc(&pinned, 4, 0));
  auto* const value = static_cast<float*>(pinned);
  *value = 1;
  OK(cu().cuMemcpyDtoHAsync_v2(pinned, memory, 4, device.stream));
  SAME(*value, 1.0f);
  device.synchronize();
  SAME(*value, 5.0f);
  OK(cu().cuMemFreeHost(pinned));
}

CASE("streams", eagerPinned, "with CUGRU_SIMULATED_EAGER=1 it is there at once") {
  set("EAGER", "1");
  Device device;
  const CUdeviceptr memory = device.upload({5});
  void* pinned = nullptr;
  OK(cu().cuMemHostAlloc(&pinned, 4, 0));
  OK(cu().cuMemcpyDtoHAsync_v2(pinned, memory, 4, device.stream));
  SAME(*static_cast<float*>(pinned), 5.0f);
  OK(cu().cuMemFreeHost(pinned));
}

CASE("streams", pinnedSource, "pinned memory is read when the copy runs, pageable memory at the call") {
  Device device;
  const CUdeviceptr a = device.allocate(4), b = device.allocate(4);
  void* pinned = nullptr;
  OK(cu().cuMemHostAlloc(&pinned, 4, 0));
  float pageable = 1;
  *static_cast<float*>(pinned) = 1;
  OK(cu().cuMemcpyHtoDAsync_v2(a, pinned, 4, device.stream));
  OK(cu().cuMemcpyHtoDAsync_v2(b, &pageable, 4, device.stream));
  *static_cast<float*>(pinned) = 2;
  pageable = 2;
  SAME(device.download(a, 1)[0], 2.0f);
  SAME(device.download(b, 1)[0], 1.0f);
  OK(cu().cuMemFreeHost(pinned));
}

CASE("streams", otherStream, "another stream's work is seen only after a wait for its event") {
  Device device;
  CUstream other = nullptr;
  CUevent event = nullptr;
  OK(cu().cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  OK(cu().cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  const CUdeviceptr memory = device.allocate(4);
  device.synchronize();
  OK(cu().cuMemsetD32Async(memory, 0x3f800000, 1, other));
  OK(cu().cuEventRecord(event, other));
  SAME(device.download(memory, 1)[0], 0.0f);
  OK(cu().cuStreamWaitEvent(device.stream, event, 0));
  SAME(device.download(memory, 1)[0], 1.0f);
  OK(cu().cuEventDestroy_v2(event));
  OK(cu().cuStreamDestroy_v2(other));
}

CASE("streams", queries, "a query says NOT_READY first, and lets work go on") {
  Device device;
  CUevent event = nullptr;
  OK(cu().cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  device.allocate(4);
  OK(cu().cuEventRecord(event, device.stream));
  GIVES(CUDA_ERROR_NOT_READY, cu().cuStreamQuery(device.stream));
  GIVES(CUDA_ERROR_NOT_READY, cu().cuEventQuery(event));
  OK(cu().cuEventQuery(event));
  OK(cu().cuStreamQuery(device.stream));
  float milliseconds = 0;
  GIVES(CUDA_ERROR_INVALID_HANDLE, cu().cuEventElapsedTime(&milliseconds, event, event));
  OK(cu().cuEventDestroy_v2(event));
}

CASE("streams", wrongHandles, "handles that are not alive are answered INVALID_HANDLE") {
  Device device;
  CUevent event = nullptr;
  OK(cu().cuEventCreate(&event, 0));
  OK(cu().cuEventDestroy_v2(event));
  GIVES(CUDA_ERROR_INVALID_HANDLE, cu().cuEventRecord(event, device.stream));
  GIVES(CUDA_ERROR_INVALID_HANDLE, cu().cuStreamSynchronize(reinterpret_cast<CUstream>(&event)));
}

CASE("driver", counts, "it counts what was done") {
  Device device;
  const size_t allocations = simulated_count("allocations"), waits = simulated_count("synchronizations");
  device.upload({1, 2});
  device.synchronize();
  SAME(simulated_count("allocations"), allocations + 1);
  SAME(simulated_count("synchronizations"), waits + 1);
  SAME(simulated_count("copies"), size_t{1});
  SAME(simulated_count("launches"), size_t{0});
}

}  // namespace simulated_check
