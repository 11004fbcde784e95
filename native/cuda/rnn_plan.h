// A recurrent stack as cuDNN knows it: its descriptors, and where its parameters lie in the weight space.
#pragma once

#include <memory>
#include <vector>

#include "core/ops/ops.h"
#include "cuda/layouts.h"
#include "cuda/precision.h"
#include "cuda/stream.h"

namespace cugru::cuda {

// Whether cuDNN has the cell; the others have kernels of our own (cells.h).
bool hasCudnnCell(const RnnShape& shape);

class RnnPlan {
 public:
  RnnPlan(std::shared_ptr<Device> device, const RnnShape& shape, Precision precision);
  ~RnnPlan();
  RnnPlan(const RnnPlan&) = delete;
  RnnPlan& operator=(const RnnPlan&) = delete;

  cudnnRNNDescriptor_t descriptor() const { return rnn_; }
  size_t weightBytes() const { return weightBytes_; }
  // The group's slice is the weight space.
  ParamPlaces places() const;

 private:
  void describe(Precision precision);
  ParamPlace placeOf(const char* base, int64_t layer, int64_t part, bool bias, cudnnTensorDescriptor_t matrix,
                     cudnnTensorDescriptor_t vector) const;

  std::shared_ptr<Device> device_;
  RnnShape shape_;
  cudnnDropoutDescriptor_t dropout_ = nullptr;
  cudnnRNNDescriptor_t rnn_ = nullptr;
  size_t weightBytes_ = 0;
};

// The shape of x or y, for all rows alike or with lengths of their own. Time-major; what lies behind a row's length is zero.
class RnnData {
 public:
  RnnData(std::shared_ptr<Device> device, int64_t steps, int64_t batch, int64_t features);
  ~RnnData();
  RnnData(const RnnData&) = delete;
  RnnData& operator=(const RnnData&) = delete;

  void setLengths(const std::vector<int32_t>& lengths);
  cudnnRNNDataDescriptor_t descriptor() const { return data_; }

 private:
  std::shared_ptr<Device> device_;
  int steps_, batch_, features_;
  cudnnRNNDataDescriptor_t data_ = nullptr;
};

// A packed tensor of float32.
class TensorDescriptor {
 public:
  explicit TensorDescriptor(std::shared_ptr<Device> device);
  ~TensorDescriptor();
  TensorDescriptor(const TensorDescriptor&) = delete;
  TensorDescriptor& operator=(const TensorDescriptor&) = delete;

  void set(int64_t a, int64_t b, int64_t c);
  cudnnTensorDescriptor_t descriptor() const { return tensor_; }

 private:
  std::shared_ptr<Device> device_;
  cudnnTensorDescriptor_t tensor_ = nullptr;
};

}  // namespace cugru::cuda
