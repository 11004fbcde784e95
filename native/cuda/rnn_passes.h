// The three passes of a recurrent stack through cuDNN, each way with an algorithm of its own. Everything here is of cuDNN's type.
#pragma once

#include "cuda/rnn_plan.h"

namespace cugru::cuda {

// Which algorithm runs forward, and which runs back over what that kept.
struct RnnAlgorithms {
  cudnnRNNAlgo_t forward = CUDNN_RNN_ALGO_STANDARD, backward = CUDNN_RNN_ALGO_STANDARD;
  bool operator==(const RnnAlgorithms& other) const { return forward == other.forward && backward == other.backward; }
};

struct RnnForward {
  const void *x = nullptr, *hx = nullptr, *cx = nullptr, *weights = nullptr;
  void *y = nullptr, *hy = nullptr, *cy = nullptr;
  void *work = nullptr, *reserve = nullptr;
  const int32_t* lengths = nullptr;  // on the device
};
struct RnnBackward {
  const void *dy = nullptr, *dhy = nullptr, *dcy = nullptr;
  void *dx = nullptr, *dhx = nullptr, *dcx = nullptr;
  void* dweights = nullptr;  // added to; null: not wanted
};

class RnnPasses {
 public:
  // ERR_UNSUPPORTED or ERR_INTERNAL, with cuDNN's words, when an algorithm does not take this.
  RnnPasses(const std::shared_ptr<Device>& device, const RnnForm& form, int64_t steps, int64_t batch, bool training,
            RnnAlgorithms algorithms);

  size_t workBytes() const { return workBytes_; }
  size_t reserveBytes() const { return reserveBytes_; }
  size_t weightBytes() const { return forward_.weightBytes(); }
  // Of each row; for algorithms that take them. ERR_INTERNAL when they want more memory than full ones.
  void setLengths(const std::vector<int32_t>& lengths);

  void forward(const RnnForward& memory, CudaStream& stream);
  // Both passes; `memory` as the forward pass had it.
  void backward(const RnnForward& memory, const RnnBackward& gradients, CudaStream& stream);

 private:
  struct Sizes {
    size_t work = 0, reserve = 0;
  };
  Sizes sizes() const;
  cudnnForwardMode_t mode() const { return training_ ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE; }

  std::shared_ptr<Device> device_;
  bool training_;
  RnnPlan forward_;
  std::unique_ptr<RnnPlan> other_;  // of the way back, where that is another algorithm
  RnnPlan& backward_;
  RnnData x_, y_;
  TensorDescriptor states_;
  size_t workBytes_ = 0, reserveBytes_ = 0;
};

}  // namespace cugru::cuda
