// A recurrent stack on numbers made up for it: results of one algorithm against those of the standard one, and times.
#pragma once

#include "cuda/memory.h"
#include "cuda/rnn_choice.h"
#include "cuda/timing.h"

namespace cugru::cuda {

struct RnnTimes {
  double forward = 0, backward = 0;  // milliseconds
  bool recorded = false;
  double sum() const { return forward + backward; }
};

class RnnTrial {
 public:
  // Runs the standard algorithm once. ERR_OUT_OF_MEMORY when there is no room.
  RnnTrial(const std::shared_ptr<Device>& device, const RnnCall& call, CudaStream& stream);

  // Why the results of an algorithm are not believed; empty when they agree. What cuDNN refuses is an Error.
  std::string compare(RnnAlgorithms algorithms);
  RnnTimes time(RnnAlgorithms algorithms);

  // Bytes that trying takes, about.
  static size_t bytes(const RnnPasses& standard, const RnnCall& call);

 private:
  using Buffer = std::unique_ptr<DeviceMemory>;
  // One algorithm with the memory that it wants.
  struct Run {
    Run(const RnnTrial& trial, RnnAlgorithms algorithms);
    RnnPasses passes;
    Buffer work, reserve;
  };
  struct Results {
    Buffer y, dx, dweights;
  };

  Buffer buffer(size_t bytes) const { return std::make_unique<DeviceMemory>(device_, bytes < 256 ? 256 : bytes); }
  Buffer noise(int64_t elements, uint64_t seed, float size) const;
  Buffer weights() const;
  Results results() const;
  int64_t rows() const { return call_.steps * call_.batch; }
  int64_t inputs() const { return rows() * call_.form.width(); }
  int64_t outputs() const { return rows() * call_.form.shape.directions * call_.form.shape.hiddenSize; }
  RnnForward forwardOf(const Run& run, const Results& to) const;
  RnnBackward backwardOf(const Results& to) const;
  void runAll(Run& run, Results& to);
  // Relative to the size of what is wanted, in the root of squares; infinite when it is no number.
  double distance(const DeviceMemory& got, const DeviceMemory& wanted, int64_t elements);

  std::shared_ptr<Device> device_;
  RnnCall call_;
  CudaStream& stream_;
  size_t weightBytes_ = 0;
  Function<void*, int64_t, int32_t, uint64_t, float> noise_;
  Function<const void*, const void*, int64_t, int32_t, double*> distance_;
  Buffer x_, dy_, weights_, parts_;
  Results standard_, tried_;
};

}  // namespace cugru::cuda
