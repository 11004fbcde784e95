// Memory of the device, and host memory that it can reach. Each keeps the device open.
#pragma once

#include <memory>
#include <utility>

#include "core/backend.h"
#include "cuda/device.h"

namespace cugru::cuda {

// The place of `bytes` at the end of memory that is being planned.
inline size_t take(size_t& total, size_t bytes) {
  constexpr size_t kAlign = 256;
  const size_t at = total;
  total += (bytes + kAlign - 1) / kAlign * kAlign;
  return at;
}

inline CUdeviceptr address(const void* pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

class DeviceMemory final : public Memory {
 public:
  DeviceMemory(std::shared_ptr<Device> device, size_t bytes)
      : device_(std::move(device)), block_(device_->allocateBlock(bytes)) {}
  ~DeviceMemory() override { device_->free(block_); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void* data() const noexcept override { return reinterpret_cast<void*>(block_.pointer); }
  size_t bytes() const noexcept override { return block_.bytes; }
  uint64_t id() const noexcept override { return block_.id; }

 private:
  std::shared_ptr<Device> device_;
  Block block_;
};

class PinnedMemory {
 public:
  PinnedMemory(std::shared_ptr<Device> device, size_t bytes)
      : device_(std::move(device)), data_(static_cast<char*>(device_->allocatePinned(bytes))) {}
  ~PinnedMemory() { device_->freePinned(data_); }
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;

  char* data() const { return data_; }

 private:
  std::shared_ptr<Device> device_;
  char* data_;
};

}  // namespace cugru::cuda
