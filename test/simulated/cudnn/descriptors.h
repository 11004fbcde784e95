// What handles and descriptors hold. An operation takes copies, as the vendor's do.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/numeric.h"
#include "core/stream.h"
#include "cudnn/status.h"

namespace simulated {

struct Handle {
  Context* context = nullptr;
  CUstream stream = nullptr;
  std::set<std::string> warm;  // what has run outside of a capture
};

struct TensorDescriptor {
  bool ready = false;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  std::vector<int> sizes, strides;

  size_t count() const;
};

struct FilterDescriptor {
  bool ready = false;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  cudnnTensorFormat_t format = CUDNN_TENSOR_NCHW;
  int filters = 0, channels = 0, height = 0, width = 0;

  size_t count() const;
};

struct ConvolutionDescriptor {
  bool ready = false;
  int padY = 0, padX = 0, strideY = 1, strideX = 1, dilationY = 1, dilationX = 1;
  cudnnConvolutionMode_t mode = CUDNN_CONVOLUTION;
  cudnnDataType_t computeType = CUDNN_DATA_FLOAT;
  cudnnMathType_t mathType = CUDNN_DEFAULT_MATH;
};

struct DropoutDescriptor {
  bool ready = false;
};

struct RnnDescriptor {
  bool ready = false;
  cudnnRNNAlgo_t algo;
  cudnnRNNMode_t cell;
  cudnnRNNBiasMode_t bias;
  cudnnDirectionMode_t direction;
  cudnnRNNInputMode_t input;
  cudnnDataType_t type, mathPrecision;
  cudnnMathType_t mathType;
  int inputSize, hiddenSize, layers;
  uint32_t flags;
  std::set<int> built;  // batches that PERSIST_DYNAMIC was built for

  int directions() const { return direction == CUDNN_BIDIRECTIONAL ? 2 : 1; }
  int gates() const { return cell == CUDNN_GRU ? 3 : cell == CUDNN_LSTM ? 4 : 1; }
  bool inputBias() const { return bias == CUDNN_RNN_SINGLE_INP_BIAS || bias == CUDNN_RNN_DOUBLE_BIAS; }
  bool recurrentBias() const { return bias == CUDNN_RNN_SINGLE_REC_BIAS || bias == CUDNN_RNN_DOUBLE_BIAS; }
  int widthInto(int layer) const { return layer == 0 ? inputSize : hiddenSize * directions(); }
};

struct DataDescriptor {
  bool ready = false;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  cudnnRNNDataLayout_t layout = CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED;
  int steps = 0, batch = 0, width = 0;
  std::vector<int> lengths;
  bool fills = false;
  double fill = 0;

  bool ragged() const;
  size_t rows() const;  // that the memory has
  // Which row of the memory one step of one sequence is; only for steps that the sequence has, when the layout is packed.
  size_t rowOf(int step, int sequence) const;

 private:
  friend cudnnStatus_t setData(DataDescriptor& desc, const int* lengths);
  std::vector<size_t> rowsBefore_;  // packed: of each step
};

// Checks the lengths, which go with the rest of the descriptor.
cudnnStatus_t setData(DataDescriptor& desc, const int* lengths);

Number numberOf(cudnnDataType_t type);
bool isFloating(cudnnDataType_t type);

Registry<Handle>& handles();
Registry<TensorDescriptor>& tensorDescriptors();
Registry<DropoutDescriptor>& dropoutDescriptors();
Registry<RnnDescriptor>& rnnDescriptors();
Registry<DataDescriptor>& dataDescriptors();
Registry<FilterDescriptor>& filterDescriptors();
Registry<ConvolutionDescriptor>& convolutionDescriptors();

}  // namespace simulated
