// Running a convolution, when its time comes: addresses and copies of the descriptors, and nothing else.
#pragma once

#include "cudnn/descriptors.h"

namespace simulated {

enum class ConvolutionPass { forward, backwardData, backwardFilter };

struct ConvolutionCall {
  ConvolutionPass pass = ConvolutionPass::forward;
  TensorDescriptor x, y;
  FilterDescriptor w;
  ConvolutionDescriptor convolution;
  const void *xData = nullptr, *yData = nullptr, *wData = nullptr;
  void* out = nullptr;
  float alpha = 1, beta = 0;
  void* work = nullptr;
  size_t workBytes = 0;
};

// What cuDNN would answer to descriptors that do not go together.
cudnnStatus_t checkConvolution(const TensorDescriptor& x, const FilterDescriptor& w,
                               const ConvolutionDescriptor& convolution, const TensorDescriptor& y);
// Odd, different for each algorithm and pass, and not monotonic.
size_t convolutionWorkBytes(const TensorDescriptor& x, const FilterDescriptor& w, ConvolutionPass pass, unsigned algo);
CUresult runConvolution(Context& context, const ConvolutionCall& call);

}  // namespace simulated
