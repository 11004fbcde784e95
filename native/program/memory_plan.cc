#include "program/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace cugru {

namespace {
constexpr size_t kAlign = 64;
constexpr size_t kMaxArena = size_t{1} << 50;  // no host has it; sums stay far from wrapping around

bool aliveTogether(const PlannedBuffer& a, const PlannedBuffer& b) { return a.first <= b.last && b.first <= a.last; }
}  // namespace

size_t planMemory(std::vector<PlannedBuffer>& buffers) {
  std::vector<size_t> bySize(buffers.size());
  std::iota(bySize.begin(), bySize.end(), size_t{0});
  std::stable_sort(bySize.begin(), bySize.end(),
                   [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  std::vector<size_t> placed;
  size_t total = 0;
  for (size_t index : bySize) {
    PlannedBuffer& buffer = buffers[index];
    buffer.bytes = (std::min(std::max(buffer.bytes, size_t{1}), 2 * kMaxArena) + kAlign - 1) / kAlign * kAlign;
    std::vector<const PlannedBuffer*> neighbours;
    for (size_t other : placed) {
      if (aliveTogether(buffer, buffers[other])) neighbours.push_back(&buffers[other]);
    }
    std::sort(neighbours.begin(), neighbours.end(),
              [](const PlannedBuffer* a, const PlannedBuffer* b) { return a->offset < b->offset; });
    size_t offset = 0;
    for (const PlannedBuffer* other : neighbours) {
      if (offset + buffer.bytes <= other->offset) break;
      offset = std::max(offset, other->offset + other->bytes);
    }
    if (buffer.bytes > kMaxArena || offset > kMaxArena) {
      fail(code::kOutOfMemory, "a batch needs more than ", kMaxArena >> 40,
           " TiB; use a smaller batch size or shorter sequences");
    }
    buffer.offset = offset;
    placed.push_back(index);
    total = std::max(total, offset + buffer.bytes);
  }
  return total;
}

}  // namespace cugru
