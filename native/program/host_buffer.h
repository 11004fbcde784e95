// Host memory that JavaScript fills and reads in slices, and slabs: datasets in backend memory.
#pragma once

#include <atomic>
#include <memory>

#include "core/backend.h"
#include "core/memory_shelf.h"

namespace cugru {

// Its bytes never move, and are not defined until they are written. Commands that read it, or one that writes it, hold it;
// JavaScript then leaves it alone.
class HostBuffer {
 public:
  explicit HostBuffer(size_t bytes) : memory_(takeFromShelf(bytes == 0 ? 1 : bytes, "buffer")), bytes_(bytes) {}
  ~HostBuffer() { putOnShelf(std::move(memory_)); }
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;
  char* data() const noexcept { return static_cast<char*>(memory_->data()); }
  size_t bytes() const noexcept { return bytes_; }

  std::atomic<int> readers{0};
  std::atomic<bool> written{false};
  bool busy() const noexcept { return readers > 0 || written; }
  std::atomic<bool> sealed{false};  // became a slab: never written again

 private:
  std::unique_ptr<Memory> memory_;
  size_t bytes_;
};

// Rows of one dtype that kernels pick from by index.
class Slab {
 public:
  // Seals `source`. On a backend that uses host memory nothing is copied.
  Slab(Backend& backend, Stream& stream, std::shared_ptr<HostBuffer> source, DType dtype);
  const void* data() const noexcept { return device_ ? device_->data() : source_->data(); }
  size_t bytes() const noexcept { return bytes_; }
  uint64_t id() const noexcept { return device_ ? device_->id() : 0; }  // of its device memory
  size_t hostBytes() const noexcept { return source_ ? bytes_ : 0; }
  DType dtype() const noexcept { return dtype_; }
  // Of an i32 slab: the smallest and largest value, so that labels and lengths are checked without reading the device.
  int32_t smallest() const noexcept { return smallest_; }
  int32_t largest() const noexcept { return largest_; }

 private:
  std::shared_ptr<HostBuffer> source_;
  std::unique_ptr<Memory> device_;
  size_t bytes_;
  DType dtype_;
  int32_t smallest_ = 0, largest_ = 0;
};

}  // namespace cugru
