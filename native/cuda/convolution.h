// One convolution of fixed shapes through cuDNN, one way, its algorithm chosen once by cuDNN's heuristics among those that give the same
// bytes every time. Images are [images][height][width][channels], filters [filters][height][width][channels].
#pragma once

#include <memory>

#include "cuda/precision.h"
#include "cuda/stream.h"

namespace cugru::cuda {

struct ConvolutionShape {
  int64_t images = 0, height = 0, width = 0, channels = 0;
  int64_t filters = 0, kernelHeight = 0, kernelWidth = 0, outHeight = 0, outWidth = 0;
  int64_t padY = 0, padX = 0, strideY = 1, strideX = 1, dilationY = 1, dilationX = 1;
  Precision precision = Precision::tf32;
};

// Why cuDNN cannot take a shape; empty when it can.
std::string refuseConvolution(const ConvolutionShape& shape);

class Convolution {
 public:
  enum class Way : uint8_t { forward, inputGradient, weightGradient };
  // ERR_UNSUPPORTED when this cuDNN has no convolutions, or none for this shape.
  Convolution(std::shared_ptr<Device> device, const ConvolutionShape& shape, Way way);
  ~Convolution();
  Convolution(const Convolution&) = delete;
  Convolution& operator=(const Convolution&) = delete;

  size_t workspace() const { return workspace_; }
  // forward: x, weights -> y; inputGradient: weights, dy -> dx; weightGradient: x, dy -> += dweights.
  void run(const float* a, const float* b, float* out, void* workspace, CudaStream& stream) const;

 private:
  void describe(const ConvolutionShape& shape);
  void choose();
  void release() noexcept;

  std::shared_ptr<Device> device_;
  Way way_;
  cudnnTensorDescriptor_t x_ = nullptr, y_ = nullptr;
  cudnnFilterDescriptor_t w_ = nullptr;
  cudnnConvolutionDescriptor_t convolution_ = nullptr;
  unsigned algorithm_ = 0;
  size_t workspace_ = 0;
};

}  // namespace cugru::cuda
