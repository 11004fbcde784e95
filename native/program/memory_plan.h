// Places buffers in one arena so that those that are alive at the same time do not overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cugru {

struct PlannedBuffer {
  size_t bytes = 0;
  int32_t first = 0, last = 0;  // points in time, both included
  size_t offset = 0;            // out, a multiple of 64
};

// Largest first, each at the lowest free place. Returns the arena's size in bytes.
size_t planMemory(std::vector<PlannedBuffer>& buffers);

}  // namespace cugru
