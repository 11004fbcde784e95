#include "program/edge_layout.h"

#include <algorithm>
#include <cstring>

#include "core/thread_pool.h"

namespace cugru {

namespace {

constexpr size_t kSharedBytes = size_t{1} << 18;  // below, waking other threads costs more than it saves

// body(step) for every step, shared out over the pool for large tensors: they are copied by nobody else meanwhile.
template <typename Body>
void eachStep(int64_t steps, size_t bytes, const Body& body) {
  if (bytes < kSharedBytes) {
    for (int64_t t = 0; t < steps; ++t) body(t);
    return;
  }
  const auto call = [](void* context, int64_t t) { (*static_cast<const Body*>(context))(t); };
  ThreadPool::instance().run(steps, call, const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace

void toPhysical(const TensorSpec& spec, int64_t batch, int64_t rows, const void* canonical, void* physical) {
  const size_t row = static_cast<size_t>(spec.features() * spec.rows) * dtypeBytes(spec.dtype);
  const int64_t steps = std::max<int64_t>(spec.steps, 1);
  const char* from = static_cast<const char*>(canonical);
  char* to = static_cast<char*>(physical);
  eachStep(steps, static_cast<size_t>(steps * rows) * row, [&](int64_t t) {
    for (int64_t b = 0; b < rows; ++b) std::memcpy(to + (t * batch + b) * row, from + (b * steps + t) * row, row);
    std::memset(to + (t * batch + rows) * row, 0, static_cast<size_t>(batch - rows) * row);
  });
}

void toCanonical(const TensorSpec& spec, int64_t batch, int64_t rows, const void* physical, void* canonical) {
  const size_t row = static_cast<size_t>(spec.features() * spec.rows) * dtypeBytes(spec.dtype);
  const int64_t steps = std::max<int64_t>(spec.steps, 1);
  const char* from = static_cast<const char*>(physical);
  char* to = static_cast<char*>(canonical);
  eachStep(steps, static_cast<size_t>(steps * rows) * row, [&](int64_t t) {
    for (int64_t b = 0; b < rows; ++b) std::memcpy(to + (b * steps + t) * row, from + (t * batch + b) * row, row);
  });
}

}  // namespace cugru
