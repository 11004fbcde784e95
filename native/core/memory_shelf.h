// Host blocks that are used again. The pages of a fresh block are mapped when they are first touched, which costs several
// times what a copy through them does; buffers of the same few sizes come and go with every call.
#pragma once

#include <cstddef>
#include <memory>

#include "core/backend.h"

namespace cugru {

// A block of exactly `bytes`: one that was put back, with what its last user left in it, or a new one (see allocateHost).
std::unique_ptr<Memory> takeFromShelf(size_t bytes, const char* what);

// Keeps the block for the next taker, or frees it where the shelf is full or the block is not worth keeping.
void putOnShelf(std::unique_ptr<Memory> memory) noexcept;

// Frees all that is kept: before an allocation is refused.
void emptyShelf() noexcept;

}  // namespace cugru
