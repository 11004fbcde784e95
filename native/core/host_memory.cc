// Host memory: zeroed pages straight from the system for large blocks, a look at what is free before taking it, and the
// count of allocations by compute threads (which replaces operator new of whatever this file is linked into).
#include "core/host_memory.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#define CUGRU_HAS_MMAP 1
#endif

#include "core/error.h"
#include "core/memory_shelf.h"

namespace cugru {

namespace {

constexpr size_t kAlign = 64;
constexpr size_t kMapFrom = size_t{1} << 20;   // from here on pages come from the system, zeroed when first touched
constexpr size_t kHugeFrom = size_t{4} << 20;  // from here on large pages pay
constexpr size_t kUncheckedBelow = size_t{1} << 16;
constexpr uint64_t kUnknown = std::numeric_limits<uint64_t>::max();

thread_local bool computes = false;
std::atomic<uint64_t> allocations{0};

void count() noexcept {
  if (computes) allocations.fetch_add(1, std::memory_order_relaxed);
}

// Layout of what aligned_alloc wants: a multiple of the alignment, and not zero.
size_t rounded(size_t bytes, size_t align) { return bytes == 0 ? align : (bytes + align - 1) / align * align; }

class HostMemory final : public Memory {
 public:
  explicit HostMemory(size_t bytes) : bytes_(bytes) {
#if CUGRU_HAS_MMAP
    if (bytes >= kMapFrom) {
      void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (pages == MAP_FAILED) return;
      data_ = pages;
      mapped_ = true;
#if defined(MADV_HUGEPAGE)
      if (bytes >= kHugeFrom) madvise(pages, bytes, MADV_HUGEPAGE);
#endif
      return;
    }
#endif
    const size_t size = rounded(bytes, kAlign);
    data_ = std::aligned_alloc(kAlign, size);
    if (data_ != nullptr) std::memset(data_, 0, size);
  }
  ~HostMemory() override {
#if CUGRU_HAS_MMAP
    if (mapped_) {
      munmap(data_, bytes_);
      return;
    }
#endif
    std::free(data_);
  }
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;

  void* data() const noexcept override { return data_; }
  size_t bytes() const noexcept override { return bytes_; }

 private:
  void* data_ = nullptr;
  size_t bytes_;
  bool mapped_ = false;
};

// The number in a file that holds one; kUnknown for "max", for nonsense and for a file that is not there.
uint64_t numberIn(const std::string& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  return file >> value ? value : kUnknown;
}

// The number after `key` in lines of "key number" or "key: number kB".
uint64_t numberAfter(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    uint64_t value = 0;
    if (word == key) return file >> value ? value : kUnknown;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return kUnknown;
}

uint64_t systemAvailable() {
  const uint64_t kilobytes = numberAfter("/proc/meminfo", "MemAvailable:");
  if (kilobytes != kUnknown) return kilobytes * 1024;
#if defined(_SC_PHYS_PAGES) && defined(_SC_PAGESIZE)
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  if (pages > 0 && size > 0) return static_cast<uint64_t>(pages) * static_cast<uint64_t>(size);
#endif
  return kUnknown;
}

// What one control group leaves. Cached files count as used there, but give way.
uint64_t leftBy(const std::string& folder, const char* limitFile, const char* usageFile, const char* cacheKey) {
  const uint64_t limit = numberIn(folder + limitFile), usage = numberIn(folder + usageFile);
  if (limit == kUnknown || usage == kUnknown) return kUnknown;
  const uint64_t cache = numberAfter(folder + "/memory.stat", cacheKey);
  const uint64_t used = cache == kUnknown || cache > usage ? usage : usage - cache;
  return limit > used ? limit - used : 0;
}

uint64_t leftByTree(const std::string& root, std::string path, const char* limitFile, const char* usageFile,
                    const char* cacheKey) {
  uint64_t left = leftBy(root, limitFile, usageFile, cacheKey);
  while (path.size() > 1) {
    left = std::min(left, leftBy(root + path, limitFile, usageFile, cacheKey));
    path.erase(path.rfind('/'));
  }
  return left;
}

uint64_t controlGroupAvailable() {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  uint64_t left = kUnknown;
  while (std::getline(file, line)) {  // "0::/path" (version 2) or "7:memory:/path" (version 1)
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty()) {
      left = std::min(left, leftByTree("/sys/fs/cgroup", path, "/memory.max", "/memory.current", "inactive_file"));
    } else if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      left = std::min(left, leftByTree("/sys/fs/cgroup/memory", path, "/memory.limit_in_bytes",
                                       "/memory.usage_in_bytes", "total_inactive_file"));
    }
  }
  return left;
}

}  // namespace

std::unique_ptr<Memory> allocateHost(size_t bytes, const char* what) {
  uint64_t free = bytes < kUncheckedBelow ? kUnknown : availableBytes();
  if (bytes > free) {
    emptyShelf();
    free = availableBytes();
  }
  if (bytes > free) {
    fail(code::kOutOfMemory, what, " needs ", bytes, " bytes, but only ", free, " bytes of memory are free");
  }
  count();
  auto memory = std::make_unique<HostMemory>(bytes);
  if (memory->data() == nullptr) {
    fail(code::kOutOfMemory, what, " needs ", bytes, " bytes, which the system refuses (", availableBytes(),
         " bytes are free)");
  }
  return memory;
}

uint64_t availableBytes() { return std::min(systemAvailable(), controlGroupAvailable()); }

void markComputeThread() noexcept { computes = true; }

uint64_t computeAllocations() noexcept { return allocations.load(std::memory_order_relaxed); }

namespace {

void* allocateOrNull(size_t bytes) noexcept {
  count();
  return std::malloc(bytes == 0 ? 1 : bytes);
}

void* allocateOrNull(size_t bytes, std::align_val_t align) noexcept {
  count();
  const size_t unit = static_cast<size_t>(align);
  return std::aligned_alloc(unit, rounded(bytes, unit));
}

// As the standard asks: the new-handler may free something, until it gives up.
template <typename... Align>
void* allocateOrThrow(size_t bytes, Align... align) {
  for (;;) {
    if (void* memory = allocateOrNull(bytes, align...)) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

}  // namespace
}  // namespace cugru

void* operator new(size_t bytes) { return cugru::allocateOrThrow(bytes); }
void* operator new[](size_t bytes) { return cugru::allocateOrThrow(bytes); }
void* operator new(size_t bytes, std::align_val_t align) { return cugru::allocateOrThrow(bytes, align); }
void* operator new[](size_t bytes, std::align_val_t align) { return cugru::allocateOrThrow(bytes, align); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return cugru::allocateOrNull(bytes); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return cugru::allocateOrNull(bytes); }
void* operator new(size_t bytes, std::align_val_t align, const std::nothrow_t&) noexcept {
  return cugru::allocateOrNull(bytes, align);
}
void* operator new[](size_t bytes, std::align_val_t align, const std::nothrow_t&) noexcept {
  return cugru::allocateOrNull(bytes, align);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
