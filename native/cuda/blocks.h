// What is given back from any thread while queued work may still use it: memory and recorded graphs. When the stream is found idle,
// graphs go, and small blocks of memory are kept for the next of their size: a slab for one prediction then costs no allocation, and
// what was recorded for the last one serves it too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "cuda/driver/libraries.h"

namespace cugru::cuda {

struct Block {
  CUdeviceptr pointer = 0;
  size_t bytes = 0;
  uint64_t id = 0;  // of the allocation; 0: not to be kept
};

class Blocks {
 public:
  void give(const Block& block) noexcept;
  void give(CUgraphExec graph) noexcept;
  bool waiting() noexcept;  // whether memory was given that is neither kept nor gone yet
  // These two tell how many bytes went back to the driver.
  size_t settle(const CudaApi& api) noexcept;  // what was given is no longer in use: nothing of the session is queued
  size_t drop(const CudaApi& api) noexcept;    // all that is kept
  // A kept block of this size; its id is 0 when there is none. What lies in it is old.
  Block take(size_t bytes) noexcept;

 private:
  std::mutex mutex_;
  std::vector<Block> given_, kept_;
  std::vector<CUgraphExec> graphs_;
  size_t keptBytes_ = 0;
};

}  // namespace cugru::cuda
