// How long work takes on the device, as a recorded step has it: without what the host does between launches.
#pragma once

#include <functional>

#include "cuda/stream.h"

namespace cugru::cuda {

// CUGRU_CUDA_TIMING=off: nothing is measured, and nothing that was measured before is used. ERR_VALUE for another word.
bool timingAllowed();

// A stream for trials, while none of the session's has work: cuDNN forgets it when it ends.
class TrialStream {
 public:
  explicit TrialStream(const std::shared_ptr<Device>& device) : device_(device), stream_(device) {}
  ~TrialStream() { device_->forgetStream(stream_.handle()); }
  TrialStream(const TrialStream&) = delete;
  TrialStream& operator=(const TrialStream&) = delete;
  CudaStream& get() { return stream_; }

 private:
  std::shared_ptr<Device> device_;
  CudaStream stream_;
};

struct Taken {
  double milliseconds = 0;
  bool recorded = false;  // false: the work cannot be recorded, and what the host does is in the time
};

// `work` queues the same on the stream each time, and waits for nothing. It runs a few dozen times, or for some milliseconds.
Taken timeOf(CudaStream& stream, const std::function<void()>& work);

}  // namespace cugru::cuda
