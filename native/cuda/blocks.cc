#include "cuda/blocks.h"

#include <algorithm>

namespace cugru::cuda {

namespace {

constexpr size_t kMostBytes = size_t{4} << 20;  // of a block that is kept
constexpr size_t kMostBytesInAll = size_t{32} << 20;
constexpr size_t kMostBlocks = 32;

}  // namespace

void Blocks::give(const Block& block) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  given_.push_back(block);
}

void Blocks::give(CUgraphExec graph) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  graphs_.push_back(graph);
}

bool Blocks::waiting() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  return !given_.empty();
}

size_t Blocks::settle(const CudaApi& api) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (CUgraphExec graph : graphs_) api.cuGraphExecDestroy(graph);
  graphs_.clear();
  size_t freed = 0;
  for (const Block& block : given_) {
    const bool keeps = block.id != 0 && block.bytes <= kMostBytes && kept_.size() < kMostBlocks &&
                       keptBytes_ + block.bytes <= kMostBytesInAll;
    if (keeps) {
      kept_.push_back(block);
      keptBytes_ += block.bytes;
    } else {
      api.cuMemFree_v2(block.pointer);
      freed += block.bytes;
    }
  }
  given_.clear();
  return freed;
}

size_t Blocks::drop(const CudaApi& api) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  size_t freed = 0;
  for (const Block& block : kept_) {
    api.cuMemFree_v2(block.pointer);
    freed += block.bytes;
  }
  kept_.clear();
  keptBytes_ = 0;
  return freed;
}

Block Blocks::take(size_t bytes) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = std::find_if(kept_.rbegin(), kept_.rend(), [&](const Block& one) { return one.bytes == bytes; });
  if (found == kept_.rend()) return {};
  const Block block = *found;
  kept_.erase(std::next(found).base());
  keptBytes_ -= block.bytes;
  return block;
}

}  // namespace cugru::cuda
