// Memory, and operations on it. Pinned host memory is read and written when the operation runs; pageable memory is read at the call,
// and a copy into it waits.
#include <algorithm>
#include <cstring>

#include "driver/exported.h"

namespace cugru::cuda {

using namespace simulated;

namespace {

void* at(CUdeviceptr pointer) { return reinterpret_cast<void*>(pointer); }

// Frees wait for everything, as the vendor's do, but nothing may be queued that uses the memory: no documentation promises the wait.
template <typename Free>
CUresult freeWith(Context& context, const char* what, const Range& range, Free free) {
  SIMULATED_TRY(unsafeCall());
  const auto uses = [&](const Operation& one) {
    return std::any_of(one.ranges.begin(), one.ranges.end(),
                       [&](const Range& used) { return range.allocation != 0 && used.allocation == range.allocation; });
  };
  if (const Operation* one = findQueued(context, uses); one != nullptr) {
    violation(join(what, " is called while ", one->name, " is queued, which uses the memory; wait for it first"));
  }
  drainAll(context);
  return free();
}

Range rangeOf(CUdeviceptr pointer) {
  Range range;
  return allocationOf(pointer, &range) ? range : Range{};
}

Range rangeOf(void* pointer) {
  Range range;
  return pinnedRange(pointer, 1, &range) ? range : Range{};
}

CUresult startCopy(Context& context, CUstream handle, std::shared_ptr<Stream>& stream) {
  SIMULATED_TRY(findStream(context, handle, stream));
  simulated::count("copies");
  return CUDA_SUCCESS;
}

// A copy between pageable memory and the device waits at some time, and a capture cannot.
CUresult refusePageableInCapture(Stream& stream) {
  if (stream.capture == nullptr) return CUDA_SUCCESS;
  invalidate(*stream.capture);
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

template <typename Fill>
CUresult fill(const char* name, CUdeviceptr to, size_t bytes, CUstream handle, Fill write) {
  SIMULATED_ENTER();
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(findStream(*context, handle, stream));
  Range range;
  if (!deviceRange(*context, to, bytes, &range)) return CUDA_ERROR_INVALID_VALUE;
  simulated::count("memsets");
  return submit(*stream, {name, {range}, [write](Context&) {
                            write();
                            return CUDA_SUCCESS;
                          }});
}

}  // namespace

CUresult cuMemGetInfo_v2(size_t* available, size_t* total) {
  SIMULATED_ENTER();
  if (available == nullptr || total == nullptr) return CUDA_ERROR_INVALID_VALUE;
  memoryInfo(*context, available, total);
  return CUDA_SUCCESS;
}

CUresult cuMemAlloc_v2(CUdeviceptr* pointer, size_t bytes) {
  SIMULATED_ENTER();
  SIMULATED_TRY(unsafeCall());
  return allocateDevice(*context, bytes, pointer);
}

CUresult cuMemFree_v2(CUdeviceptr pointer) {
  SIMULATED_ENTER();
  return freeWith(*context, "cuMemFree", rangeOf(pointer), [&] { return freeDevice(*context, pointer); });
}

CUresult cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  SIMULATED_ENTER();
  SIMULATED_TRY(unsafeCall());
  constexpr unsigned kKnownFlags = 7;
  return flags <= kKnownFlags ? allocateHost(*context, bytes, pointer) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemFreeHost(void* pointer) {
  SIMULATED_ENTER();
  return freeWith(*context, "cuMemFreeHost", rangeOf(pointer), [&] { return freeHost(*context, pointer); });
}

CUresult cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned flags) {
  SIMULATED_ENTER();
  SIMULATED_TRY(unsafeCall());
  constexpr unsigned kKnownFlags = 15;
  return flags <= kKnownFlags ? registerHost(*context, pointer, bytes) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemHostUnregister(void* pointer) {
  SIMULATED_ENTER();
  return freeWith(*context, "cuMemHostUnregister", rangeOf(pointer), [&] { return unregisterHost(*context, pointer); });
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream handle) {
  SIMULATED_ENTER();
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(startCopy(*context, handle, stream));
  Range target, source;
  if (from == nullptr || !deviceRange(*context, to, bytes, &target)) return CUDA_ERROR_INVALID_VALUE;
  if (pinnedRange(from, bytes, &source)) {
    return submit(*stream, {"cuMemcpyHtoDAsync", {target, source}, [=](Context&) {
                              std::memcpy(at(to), from, bytes);
                              return CUDA_SUCCESS;
                            }});
  }
  SIMULATED_TRY(refusePageableInCapture(*stream));
  const auto* begin = static_cast<const unsigned char*>(from);
  const auto staged = std::make_shared<std::vector<unsigned char>>(begin, begin + bytes);
  return submit(*stream, {"cuMemcpyHtoDAsync", {target}, [=](Context&) {
                            std::memcpy(at(to), staged->data(), bytes);
                            return CUDA_SUCCESS;
                          }});
}

CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream handle) {
  SIMULATED_ENTER();
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(startCopy(*context, handle, stream));
  Range target, source;
  if (to == nullptr || !deviceRange(*context, from, bytes, &source)) return CUDA_ERROR_INVALID_VALUE;
  const auto copy = [=](Context&) {
    std::memcpy(to, at(from), bytes);
    return CUDA_SUCCESS;
  };
  if (pinnedRange(to, bytes, &target)) return submit(*stream, {"cuMemcpyDtoHAsync", {source, target}, copy});
  SIMULATED_TRY(refusePageableInCapture(*stream));
  SIMULATED_TRY(submit(*stream, {"cuMemcpyDtoHAsync", {source}, copy}));
  drain(*stream);
  return context->failure;
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream handle) {
  SIMULATED_ENTER();
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(startCopy(*context, handle, stream));
  Range target, source;
  if (!deviceRange(*context, to, bytes, &target) || !deviceRange(*context, from, bytes, &source)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (to < from + bytes && from < to + bytes && bytes > 0) violation("cuMemcpyDtoDAsync between memory that overlaps");
  return submit(*stream, {"cuMemcpyDtoDAsync", {target, source}, [=](Context&) {
                            std::memmove(at(to), at(from), bytes);
                            return CUDA_SUCCESS;
                          }});
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  return fill("cuMemsetD8Async", to, count, stream, [=] { std::memset(at(to), value, count); });
}

CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  if (to % 4 != 0 || count > SIZE_MAX / 4) return CUDA_ERROR_INVALID_VALUE;
  return fill("cuMemsetD32Async", to, count * 4, stream, [=] {
    auto* const words = static_cast<unsigned*>(at(to));
    for (size_t i = 0; i < count; i++) words[i] = value;
  });
}

}  // namespace cugru::cuda
