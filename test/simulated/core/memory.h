// Device memory and pinned host memory. A device pointer is a host address, so that kernels compiled for the host can follow it;
// between operations its pages cannot be touched, and beside it lie pages that never can.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/context.h"

namespace simulated {

// A stretch of memory that an operation will use, remembered together with the allocation it was in.
struct Range {
  uintptr_t begin = 0;
  size_t bytes = 0;
  unsigned long long allocation = 0;
  bool host = false;
};

CUresult allocateDevice(Context& context, size_t bytes, CUdeviceptr* pointer);
CUresult freeDevice(Context& context, CUdeviceptr pointer);
CUresult allocateHost(Context& context, size_t bytes, void** pointer);
CUresult freeHost(Context& context, void* pointer);
CUresult registerHost(Context& context, void* pointer, size_t bytes);
CUresult unregisterHost(Context& context, void* pointer);
void freeAllOf(Context& context);

// Whether all of it lies in one live allocation of the context.
bool deviceRange(const Context& context, uintptr_t begin, size_t bytes, Range* range);
bool pinnedRange(const void* begin, size_t bytes, Range* range);
// The whole allocation, live or freed, that an address lies in; for kernel arguments, of which only the address is known.
bool allocationOf(uintptr_t address, Range* range);
// Whether what it lay in is still what it was.
bool alive(const Range& range);
// "device memory 0x...": for messages.
std::string describe(uintptr_t begin, size_t bytes);
// What an address that faulted belongs to; touches nothing but numbers, for a signal handler.
const char* whoseFault(uintptr_t address);

void memoryInfo(const Context& context, size_t* available, size_t* total);
// Bytes beside allocations that were written over are violations. Called when memory is freed and when the device is waited for.
void checkMargins();

// While one exists, device memory can be touched.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

}  // namespace simulated
