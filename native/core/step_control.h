// The numbers that change from one step to the next. They live in backend memory, so that a recorded step
// (a CUDA graph) can be replayed without being changed.
#pragma once

#include <cstdint>

namespace cugru {

struct StepControl {
  uint64_t seed = 0;      // of the run: keys Philox together with op id, step and element
  uint64_t step = 0;      // optimiser steps done before this one
  int64_t firstRow = 0;   // of this batch in the run's index list
  int32_t validRows = 0;  // rows of the batch that count; the rest are padding
  float learningRate = 0;
  float gradientScale = 1;  // factor on the loss gradient (accumulation, loss scaling)
  int32_t epoch = 0;        // passes over the data before this one: keys what is drawn for a sample once in each pass
};
static_assert(sizeof(StepControl) == 40, "the CUDA kernels rely on this layout");

}  // namespace cugru
