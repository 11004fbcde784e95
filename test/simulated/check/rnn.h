// An RNN with all that its calls need. Everything is public, so that a case can get one thing wrong.
#pragma once

#include "check/check.h"

namespace simulated_check {

struct RnnShape {
  cudnnRNNMode_t cell = CUDNN_GRU;
  int steps = 5, batch = 3, input = 4, hidden = 6, layers = 1, directions = 1;
  std::vector<int> lengths;  // empty: all of them `steps`
  cudnnRNNAlgo_t algo = CUDNN_RNN_ALGO_STANDARD;
  cudnnRNNDataLayout_t layout = CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED;
  cudnnRNNBiasMode_t bias = CUDNN_RNN_DOUBLE_BIAS;
  uint32_t flags = kRnnPaddedIoEnabled;
  bool states = true;  // hx, hy and their gradients are given

  int gates() const { return cell == CUDNN_GRU ? 3 : cell == CUDNN_LSTM ? 4 : 1; }
  int widthInto(int layer) const { return layer == 0 ? input : hidden * directions; }
};

// What a pass takes and gives, on the host; sequences in the layout of the shape, parameters in PyTorch's order: per pseudo-layer
// input matrix, recurrent matrix, input bias, recurrent bias.
struct RnnValues {
  std::vector<float> x, hx, cx, weights, dy, dhy, dcy;
};
struct RnnResults {
  std::vector<float> y, hy, cy, dx, dhx, dcx, dweights;
};

class Rnn {
 public:
  Rnn(Device& device, const RnnShape& shape);
  ~Rnn();
  Rnn(const Rnn&) = delete;
  Rnn& operator=(const Rnn&) = delete;

  cudnnStatus_t describe();  // again, after `shape` was changed
  cudnnStatus_t forward(cudnnForwardMode_t mode = CUDNN_FWD_MODE_TRAINING);
  cudnnStatus_t backwardData();
  cudnnStatus_t backwardWeights(cudnnWgradMode_t mode = CUDNN_WGRAD_MODE_ADD);
  void zeroGradients();
  void train();  // all three
  void setValues(const RnnValues& values);
  RnnResults results();
  static RnnValues randomValues(const RnnShape& shape, unsigned seed);

  RnnShape shape;
  cudnnHandle_t handle = nullptr;
  cudnnDropoutDescriptor_t dropout = nullptr;
  cudnnRNNDescriptor_t rnn = nullptr;
  cudnnRNNDataDescriptor_t xDesc = nullptr, yDesc = nullptr;
  cudnnTensorDescriptor_t hDesc = nullptr;
  float fill = 0;
  CUdeviceptr x = 0, y = 0, dx = 0, dy = 0, hx = 0, hy = 0, dhx = 0, dhy = 0, cx = 0, cy = 0, dcx = 0, dcy = 0;
  CUdeviceptr weights = 0, dweights = 0, work = 0, reserve = 0, lengths = 0;
  size_t weightBytes = 0, workBytes = 0, reserveBytes = 0;

  size_t xCount() const { return rows() * shape.input; }
  size_t yCount() const { return rows() * shape.hidden * shape.directions; }
  size_t stateCount() const {
    return static_cast<size_t>(shape.layers) * shape.directions * shape.batch * shape.hidden;
  }

 private:
  size_t rows() const { return static_cast<size_t>(shape.steps) * shape.batch; }
  std::vector<int> allLengths() const;
  // Calls visit(offset in bytes, count) for every parameter in PyTorch's order.
  template <typename Visit>
  void forEachParameter(Visit visit);

  Device& device_;
};

}  // namespace simulated_check
