// A recurrent stack as cuDNN knows it: its descriptors, and where its parameters lie in the weight space.
#pragma once

#include <memory>
#include <vector>

#include "core/ops/ops.h"
#include "cuda/half.h"
#include "cuda/layouts.h"
#include "cuda/precision.h"
#include "cuda/stream.h"

namespace cugru::cuda {

// Whether cuDNN says that it has no such thing, rather than that something went wrong.
bool isRefusal(cudnnStatus_t status);

// Whether cuDNN has the cell; the others have kernels of our own (cells.h).
bool hasCudnnCell(const RnnShape& shape);

// A stack in one precision. In half precision, x and the columns of its weights are padded with zeros.
struct RnnForm {
  RnnShape shape;
  Precision precision = Precision::tf32;
  // Of x and y. What runs a model is time-major; the other one is there to be timed.
  cudnnRNNDataLayout_t layout = CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED;
  int64_t width() const { return isHalf(precision) ? alignHalf(shape.inputSize) : shape.inputSize; }  // of cuDNN's x
};

class RnnPlan {
 public:
  // ERR_UNSUPPORTED, with cuDNN's words, when it has no such stack.
  RnnPlan(std::shared_ptr<Device> device, const RnnForm& form, cudnnRNNAlgo_t algo);
  ~RnnPlan();
  RnnPlan(const RnnPlan&) = delete;
  RnnPlan& operator=(const RnnPlan&) = delete;

  cudnnRNNDescriptor_t descriptor() const { return rnn_; }
  size_t weightBytes() const { return weightBytes_; }
  cudnnRNNAlgo_t algorithm() const { return algo_; }
  // What PERSIST_DYNAMIC wants before it runs; nothing for the others.
  void buildFor(int64_t batch);
  // The group's slice mirrors the weight space, number by number; in float32 it is the weight space.
  ParamPlaces places() const;

 private:
  void describe();
  ParamPlace placeOf(const char* base, int64_t layer, int64_t part, bool bias, cudnnTensorDescriptor_t matrix,
                     cudnnTensorDescriptor_t vector) const;

  std::shared_ptr<Device> device_;
  RnnForm form_;
  cudnnRNNAlgo_t algo_;
  cudnnDropoutDescriptor_t dropout_ = nullptr;
  cudnnRNNDescriptor_t rnn_ = nullptr;
  size_t weightBytes_ = 0;
};

// The shape of x or y, for all rows alike or with lengths of their own. What lies behind a row's length is zero.
class RnnData {
 public:
  RnnData(std::shared_ptr<Device> device, const RnnForm& form, int64_t steps, int64_t batch, int64_t features);
  ~RnnData();
  RnnData(const RnnData&) = delete;
  RnnData& operator=(const RnnData&) = delete;

  void setLengths(const std::vector<int32_t>& lengths);
  cudnnRNNDataDescriptor_t descriptor() const { return data_; }

 private:
  std::shared_ptr<Device> device_;
  cudnnDataType_t type_;
  cudnnRNNDataLayout_t layout_;
  int steps_, batch_, features_;
  cudnnRNNDataDescriptor_t data_ = nullptr;
};

// A packed tensor.
class TensorDescriptor {
 public:
  explicit TensorDescriptor(std::shared_ptr<Device> device);
  ~TensorDescriptor();
  TensorDescriptor(const TensorDescriptor&) = delete;
  TensorDescriptor& operator=(const TensorDescriptor&) = delete;

  void set(Precision precision, int64_t a, int64_t b, int64_t c);
  cudnnTensorDescriptor_t descriptor() const { return tensor_; }

 private:
  std::shared_ptr<Device> device_;
  cudnnTensorDescriptor_t tensor_ = nullptr;
};

}  // namespace cugru::cuda
