// Aligned host memory that is counted, and refused before it is attempted when it cannot fit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/backend.h"

namespace cugru {

// Zeroed and 64-byte aligned. ERR_OUT_OF_MEMORY when `bytes` exceed availableBytes(), or the system refuses.
std::unique_ptr<Memory> allocateHost(size_t bytes, const char* what);

// What this process may still take: the smaller of the system's available memory and what the control group leaves.
uint64_t availableBytes();

// Marks the calling thread as one that computes: what it allocates from now on is counted.
void markComputeThread() noexcept;

// Allocations by compute threads so far, through allocateHost or operator new. A test holds the steady state to zero.
uint64_t computeAllocations() noexcept;

}  // namespace cugru
