#include "core/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <map>

#include "core/fault.h"
#include "core/settings.h"

namespace simulated {

namespace {

constexpr size_t kAlignment = 256;      // what the vendor promises
constexpr unsigned char kFresh = 0xFF;  // NaN in every floating-point type, -1 in every integer
constexpr unsigned char kMargin = 0xA5;
constexpr size_t kKeptFreed = 2048;

// [guard page][margin][the allocation][margin][guard page]; the end is as near to its guard page as the alignment lets it be.
struct Allocation {
  Context* context;
  unsigned long long id;
  uintptr_t map, begin;
  size_t mapBytes, bytes;
  bool freed = false;

  uintptr_t innerBegin() const { return map + getpagesize(); }
  uintptr_t innerEnd() const { return map + mapBytes - getpagesize(); }
  bool contains(uintptr_t address) const { return address >= begin && address < begin + bytes; }
};

struct HostAllocation {
  Context* context;
  unsigned long long id;
  size_t bytes;
  bool registered;
};

struct Heap {
  std::map<uintptr_t, Allocation> device;  // by map address; the freed ones too, until they are unmapped
  std::deque<uintptr_t> freed;
  std::map<uintptr_t, HostAllocation> host;
  unsigned long long nextId = 1;
  int open = 0;  // DeviceAccess that exist
};

std::vector<std::string> inventory();

Heap& heap() {
  static Heap* const one = [] {
    addInventory(inventory);
    return new Heap;
  }();
  return *one;
}

bool protects() { return numberSetting("PROTECT", 1) != 0; }

size_t roundUp(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

void setAccess(const Allocation& one, int protection) {
  mprotect(reinterpret_cast<void*>(one.innerBegin()), one.innerEnd() - one.innerBegin(), protection);
}

std::vector<std::string> inventory() {
  std::vector<std::string> lines;
  for (const auto& [map, one] : heap().device) {
    if (!one.freed) lines.push_back(join(one.bytes, " bytes of device memory, the ", one.id, "th allocation"));
  }
  for (const auto& [begin, one] : heap().host) {
    lines.push_back(join(one.bytes, " bytes of ", one.registered ? "registered" : "pinned", " host memory, the ",
                         one.id, "th allocation"));
  }
  return lines;
}

const Allocation* mappingOf(uintptr_t address) {
  auto next = heap().device.upper_bound(address);
  if (next == heap().device.begin()) return nullptr;
  const Allocation& one = std::prev(next)->second;
  return address < one.map + one.mapBytes ? &one : nullptr;
}

size_t usedBytes(const Context& context) {
  size_t used = 0;
  for (const auto& [map, one] : heap().device) used += !one.freed && one.context == &context ? one.bytes : 0;
  return used;
}

void checkMarginsOf(const Allocation& one) {
  const auto intact = [](uintptr_t from, uintptr_t to) {
    for (uintptr_t at = from; at < to; at++) {
      if (*reinterpret_cast<unsigned char*>(at) != kMargin) return false;
    }
    return true;
  };
  if (!intact(one.innerBegin(), one.begin)) {
    violation(join("something was written before the begin of ", describe(one.begin, one.bytes)));
    std::memset(reinterpret_cast<void*>(one.innerBegin()), kMargin, one.begin - one.innerBegin());
  }
  if (const uintptr_t end = one.begin + one.bytes; !intact(end, one.innerEnd())) {
    violation(join("something was written past the end of ", describe(one.begin, one.bytes)));
    std::memset(reinterpret_cast<void*>(end), kMargin, one.innerEnd() - end);
  }
}

void release(Allocation& one) {
  {
    DeviceAccess access;
    checkMarginsOf(one);
  }
  one.freed = true;
  // The address stays taken for a while: a use after the free faults, instead of finding someone else's memory.
  madvise(reinterpret_cast<void*>(one.innerBegin()), one.innerEnd() - one.innerBegin(), MADV_DONTNEED);
  setAccess(one, PROT_NONE);
  heap().freed.push_back(one.map);
  if (heap().freed.size() <= kKeptFreed) return;
  const auto oldest = heap().device.find(heap().freed.front());
  munmap(reinterpret_cast<void*>(oldest->second.map), oldest->second.mapBytes);
  heap().device.erase(oldest);
  heap().freed.pop_front();
}

}  // namespace

void memoryInfo(const Context& context, size_t* available, size_t* total) {
  *total = static_cast<size_t>(numberSetting("MEMORY", 1L << 30));
  const size_t used = usedBytes(context);
  *available = used < *total ? *total - used : 0;
}

CUresult allocateDevice(Context& context, size_t bytes, CUdeviceptr* pointer) {
  if (pointer == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  size_t available = 0, total = 0;
  memoryInfo(context, &available, &total);
  if (bytes > available) return CUDA_ERROR_OUT_OF_MEMORY;
  watchFaults();
  const size_t page = static_cast<size_t>(getpagesize());
  const size_t inner = roundUp(roundUp(bytes, kAlignment), page);
  void* const map = mmap(nullptr, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  Allocation one{&context, heap().nextId++, reinterpret_cast<uintptr_t>(map), 0, inner + 2 * page, bytes};
  one.begin = one.innerEnd() - roundUp(bytes, kAlignment);
  setAccess(one, PROT_READ | PROT_WRITE);
  std::memset(reinterpret_cast<void*>(one.innerBegin()), kMargin, inner);
  std::memset(reinterpret_cast<void*>(one.begin), kFresh, bytes);
  if (protects() && heap().open == 0) setAccess(one, PROT_NONE);
  heap().device[one.map] = one;
  *pointer = one.begin;
  count("allocations");
  return CUDA_SUCCESS;
}

CUresult freeDevice(Context& context, CUdeviceptr pointer) {
  if (pointer == 0) return CUDA_SUCCESS;
  const Allocation* found = mappingOf(pointer);
  if (found == nullptr || found->begin != pointer || found->context != &context) return CUDA_ERROR_INVALID_VALUE;
  if (found->freed) {
    violation(join(describe(found->begin, found->bytes), " was freed twice"));
    return CUDA_ERROR_INVALID_VALUE;
  }
  release(heap().device[found->map]);
  count("frees");
  return CUDA_SUCCESS;
}

CUresult allocateHost(Context& context, size_t bytes, void** pointer) {
  if (pointer == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  void* made = nullptr;
  if (posix_memalign(&made, 4096, bytes) != 0) return CUDA_ERROR_OUT_OF_MEMORY;
  std::memset(made, kFresh, bytes);
  heap().host[reinterpret_cast<uintptr_t>(made)] = {&context, heap().nextId++, bytes, false};
  *pointer = made;
  count("hostAllocations");
  return CUDA_SUCCESS;
}

namespace {

CUresult giveUpHost(Context& context, void* pointer, bool registered) {
  const auto found = heap().host.find(reinterpret_cast<uintptr_t>(pointer));
  const bool fits = found != heap().host.end() && found->second.registered == registered;
  if (!fits || found->second.context != &context) {
    return registered ? static_cast<CUresult>(713) : CUDA_ERROR_INVALID_VALUE;  // 713: HOST_MEMORY_NOT_REGISTERED
  }
  heap().host.erase(found);
  if (!registered) std::free(pointer);
  return CUDA_SUCCESS;
}

}  // namespace

CUresult freeHost(Context& context, void* pointer) { return giveUpHost(context, pointer, false); }

CUresult registerHost(Context& context, void* pointer, size_t bytes) {
  if (pointer == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  const auto begin = reinterpret_cast<uintptr_t>(pointer);
  for (const auto& [other, one] : heap().host) {
    if (begin < other + one.bytes && other < begin + bytes) return static_cast<CUresult>(712);  // ALREADY_REGISTERED
  }
  heap().host[begin] = {&context, heap().nextId++, bytes, true};
  return CUDA_SUCCESS;
}

CUresult unregisterHost(Context& context, void* pointer) { return giveUpHost(context, pointer, true); }

// What a lost device could not take back is no mistake.
void freeAllOf(Context& context) {
  for (auto& [map, one] : heap().device) {
    if (one.context != &context || one.freed || context.broken()) continue;
    violation(join(describe(one.begin, one.bytes), " was still allocated when its context ended"));
  }
  std::vector<uintptr_t> maps;
  for (const auto& [map, one] : heap().device) {
    if (one.context == &context && !one.freed) maps.push_back(map);
  }
  for (const uintptr_t map : maps) release(heap().device[map]);
  for (auto one = heap().host.begin(); one != heap().host.end();) {
    if (one->second.context != &context) {
      ++one;
      continue;
    }
    if (!context.broken())
      violation(join(one->second.bytes, " bytes of pinned host memory were still allocated when their context ended"));
    if (!one->second.registered) std::free(reinterpret_cast<void*>(one->first));
    one = heap().host.erase(one);
  }
}

bool deviceRange(const Context& context, uintptr_t begin, size_t bytes, Range* range) {
  const Allocation* one = mappingOf(begin);
  if (one == nullptr || one->freed || one->context != &context || begin < one->begin) return false;
  if (begin > one->begin + one->bytes || bytes > one->begin + one->bytes - begin) return false;
  *range = {begin, bytes, one->id, false};
  return true;
}

bool pinnedRange(const void* pointer, size_t bytes, Range* range) {
  const auto begin = reinterpret_cast<uintptr_t>(pointer);
  auto next = heap().host.upper_bound(begin);
  if (next == heap().host.begin()) return false;
  const auto& [start, one] = *std::prev(next);
  if (begin > start + one.bytes || bytes > start + one.bytes - begin) return false;
  *range = {begin, bytes, one.id, true};
  return true;
}

bool allocationOf(uintptr_t address, Range* range) {
  const Allocation* one = mappingOf(address);
  if (one == nullptr || !one->contains(address)) return false;
  *range = {one->begin, one->bytes, one->id, false};
  return true;
}

bool alive(const Range& range) {
  if (range.host) {
    Range now;
    return pinnedRange(reinterpret_cast<void*>(range.begin), range.bytes, &now) && now.allocation == range.allocation;
  }
  const Allocation* one = mappingOf(range.begin);
  return one != nullptr && !one->freed && one->id == range.allocation;
}

std::string describe(uintptr_t begin, size_t bytes) {
  const Allocation* one = mappingOf(begin);
  if (one == nullptr) return join(bytes, " bytes at ", reinterpret_cast<void*>(begin), ", which is no device memory");
  return join(bytes, " bytes at offset ", static_cast<long long>(begin - one->begin), " of ", one->bytes,
              one->freed ? " freed" : "", " bytes of device memory (the ", one->id, "th allocation)");
}

const char* whoseFault(uintptr_t address) {
  const Allocation* one = mappingOf(address);
  if (one == nullptr) return nullptr;
  if (one->freed) return "device memory that was freed was touched";
  if (address < one->innerBegin()) return "something was touched before the begin of device memory";
  if (address >= one->innerEnd()) return "something was touched past the end of device memory";
  return "the host touched device memory";
}

void checkMargins() {
  DeviceAccess access;
  for (const auto& [map, one] : heap().device) {
    if (!one.freed) checkMarginsOf(one);
  }
}

DeviceAccess::DeviceAccess() {
  if (heap().open++ > 0 || !protects()) return;
  for (const auto& [map, one] : heap().device) {
    if (!one.freed) setAccess(one, PROT_READ | PROT_WRITE);
  }
}

DeviceAccess::~DeviceAccess() {
  if (--heap().open > 0 || !protects()) return;
  for (const auto& [map, one] : heap().device) {
    if (!one.freed) setAccess(one, PROT_NONE);
  }
}

}  // namespace simulated
