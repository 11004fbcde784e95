#include "core/memory_shelf.h"

#include <array>
#include <mutex>

#include "core/host_memory.h"

namespace cugru {

namespace {

constexpr size_t kFrom = size_t{64} << 10;    // below, the heap does as well
constexpr size_t kUpTo = size_t{64} << 20;    // of one block
constexpr size_t kTotal = size_t{128} << 20;  // of all blocks together

// The oldest block makes room for the newest.
class Shelf {
 public:
  std::unique_ptr<Memory> take(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto& place : places_) {
      if (!place || place->bytes() != bytes) continue;
      total_ -= bytes;
      return std::move(place);
    }
    return nullptr;
  }

  void put(std::unique_ptr<Memory> memory) {
    std::lock_guard<std::mutex> lock(mutex_);
    replace(next_, nullptr);
    for (size_t i = 1; total_ + memory->bytes() > kTotal && i < places_.size(); ++i)
      replace((next_ + i) % places_.size(), nullptr);
    replace(next_, std::move(memory));
    next_ = (next_ + 1) % places_.size();
  }

  void clear() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (size_t i = 0; i < places_.size(); ++i) replace(i, nullptr);
  }

 private:
  void replace(size_t index, std::unique_ptr<Memory> memory) {
    if (places_[index]) total_ -= places_[index]->bytes();
    if (memory) total_ += memory->bytes();
    places_[index] = std::move(memory);
  }

  std::mutex mutex_;
  std::array<std::unique_ptr<Memory>, 16> places_;
  size_t next_ = 0, total_ = 0;
};

Shelf& shelf() {
  static Shelf* const instance = new Shelf;  // never destroyed: buffers may be given back while the process exits
  return *instance;
}

}  // namespace

std::unique_ptr<Memory> takeFromShelf(size_t bytes, const char* what) {
  if (bytes >= kFrom && bytes <= kUpTo) {
    if (std::unique_ptr<Memory> memory = shelf().take(bytes)) return memory;
  }
  return allocateHost(bytes, what);
}

void emptyShelf() noexcept {
  try {
    shelf().clear();
  } catch (...) {
    // A mutex that cannot be locked: the blocks stay where they are.
  }
}

void putOnShelf(std::unique_ptr<Memory> memory) noexcept {
  if (!memory || memory->bytes() < kFrom || memory->bytes() > kUpTo) return;
  try {
    shelf().put(std::move(memory));
  } catch (...) {
    // A mutex that cannot be locked: the block is freed.
  }
}

}  // namespace cugru
