// Streaming inference: one time step in, one output out, on the calling thread, on weights of its own.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "program/program.h"

namespace cugru {

// Shared by any number of streams of one model, which own nothing but their state. Calls must not overlap.
class Streamer {
 public:
  // graph: slab input `input` of one step's features, one row; output `output`; `states`: pairs of (value input, output)
  // that carry a state [layers * directions, units] from one step to the next.
  Streamer(Backend& backend, std::unique_ptr<ParameterStore> weights, GraphSpec graph, int32_t input, int32_t output,
           std::vector<std::pair<int32_t, int32_t>> states);

  size_t inputBytes() const { return row_->bytes(); }
  DType inputType() const { return inputType_; }
  size_t outputFloats() const { return outputFloats_; }
  size_t stateFloats() const { return stateFloats_; }
  size_t bytes() const { return weights_->bytes() + program_->arenaBytes(); }

  void step(float* state, const void* input, float* output);

 private:
  struct Carried {
    float* in;
    const float* out;
    size_t floats;
  };
  std::shared_ptr<ParameterStore> weights_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Program> program_;
  std::shared_ptr<HostBuffer> row_;
  std::vector<Carried> carried_;
  const float* output_ = nullptr;
  size_t outputFloats_ = 0, stateFloats_ = 0;
  DType inputType_ = DType::f32;
};

}  // namespace cugru
