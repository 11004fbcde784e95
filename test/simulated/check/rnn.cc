#include "check/rnn.h"

#include <cstring>

namespace simulated_check {

Rnn::Rnn(Device& device, const RnnShape& wanted) : shape(wanted), device_(device) {
  OK(dnn().cudnnCreate(&handle));
  OK(dnn().cudnnSetStream(handle, device.stream));
  OK(dnn().cudnnCreateDropoutDescriptor(&dropout));
  OK(dnn().cudnnSetDropoutDescriptor(dropout, handle, 0.0f, nullptr, 0, 0));
  OK(dnn().cudnnCreateRNNDescriptor(&rnn));
  OK(dnn().cudnnCreateRNNDataDescriptor(&xDesc));
  OK(dnn().cudnnCreateRNNDataDescriptor(&yDesc));
  OK(dnn().cudnnCreateTensorDescriptor(&hDesc));
  OK(describe());
  for (CUdeviceptr* one : {&x, &dx}) *one = device.allocate(xCount() * 4);
  for (CUdeviceptr* one : {&y, &dy}) *one = device.allocate(yCount() * 4);
  for (CUdeviceptr* one : {&hx, &hy, &dhx, &dhy, &cx, &cy, &dcx, &dcy}) {
    *one = shape.states ? device.allocate(stateCount() * 4) : 0;
  }
  for (CUdeviceptr* one : {&weights, &dweights}) *one = device.allocate(weightBytes);
  work = device.allocate(workBytes);
  reserve = device.allocate(reserveBytes);
  const std::vector<int> all = allLengths();
  lengths = device.allocate(all.size() * 4);
  OK(cu().cuMemcpyHtoDAsync_v2(lengths, all.data(), all.size() * 4, device.stream));
}

Rnn::~Rnn() {
  cu().cuCtxSynchronize();
  OK(dnn().cudnnDestroyTensorDescriptor(hDesc));
  OK(dnn().cudnnDestroyRNNDataDescriptor(xDesc));
  OK(dnn().cudnnDestroyRNNDataDescriptor(yDesc));
  OK(dnn().cudnnDestroyRNNDescriptor(rnn));
  OK(dnn().cudnnDestroyDropoutDescriptor(dropout));
  OK(dnn().cudnnDestroy(handle));
}

std::vector<int> Rnn::allLengths() const {
  return shape.lengths.empty() ? std::vector<int>(shape.batch, shape.steps) : shape.lengths;
}

cudnnStatus_t Rnn::describe() {
  const std::vector<int> all = allLengths();
  const auto direction = shape.directions == 2 ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL;
  const int sizes[] = {shape.layers * shape.directions, shape.batch, shape.hidden};
  const int strides[] = {shape.batch * shape.hidden, shape.hidden, 1};
  const cudnnStatus_t steps[] = {
      dnn().cudnnSetRNNDescriptor_v8(rnn, shape.algo, shape.cell, shape.bias, direction, CUDNN_LINEAR_INPUT,
                                     CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, CUDNN_FMA_MATH, shape.input, shape.hidden,
                                     shape.hidden, shape.layers, dropout, shape.flags),
      dnn().cudnnSetRNNDataDescriptor(xDesc, CUDNN_DATA_FLOAT, shape.layout, shape.steps, shape.batch, shape.input,
                                      all.data(), &fill),
      dnn().cudnnSetRNNDataDescriptor(yDesc, CUDNN_DATA_FLOAT, shape.layout, shape.steps, shape.batch,
                                      shape.hidden * shape.directions, all.data(), &fill),
      dnn().cudnnSetTensorNdDescriptor(hDesc, CUDNN_DATA_FLOAT, 3, sizes, strides),
      dnn().cudnnGetRNNWeightSpaceSize(handle, rnn, &weightBytes),
      dnn().cudnnGetRNNTempSpaceSizes(handle, rnn, CUDNN_FWD_MODE_TRAINING, xDesc, &workBytes, &reserveBytes)};
  for (const cudnnStatus_t status : steps) {
    if (status != CUDNN_STATUS_SUCCESS) return status;
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t Rnn::forward(cudnnForwardMode_t mode) {
  return dnn().cudnnRNNForward(handle, rnn, mode, pointer<int32_t>(lengths), xDesc, pointer<void>(x), yDesc,
                               pointer<void>(y), hDesc, pointer<void>(hx), pointer<void>(hy), hDesc, pointer<void>(cx),
                               pointer<void>(cy), weightBytes, pointer<void>(weights), workBytes, pointer<void>(work),
                               reserveBytes, pointer<void>(reserve));
}

cudnnStatus_t Rnn::backwardData() {
  return dnn().cudnnRNNBackwardData_v8(handle, rnn, pointer<int32_t>(lengths), yDesc, pointer<void>(y),
                                       pointer<void>(dy), xDesc, pointer<void>(dx), hDesc, pointer<void>(hx),
                                       pointer<void>(dhy), pointer<void>(dhx), hDesc, pointer<void>(cx),
                                       pointer<void>(dcy), pointer<void>(dcx), weightBytes, pointer<void>(weights),
                                       workBytes, pointer<void>(work), reserveBytes, pointer<void>(reserve));
}

cudnnStatus_t Rnn::backwardWeights(cudnnWgradMode_t mode) {
  return dnn().cudnnRNNBackwardWeights_v8(handle, rnn, mode, pointer<int32_t>(lengths), xDesc, pointer<void>(x), hDesc,
                                          pointer<void>(hx), yDesc, pointer<void>(y), weightBytes,
                                          pointer<void>(dweights), workBytes, pointer<void>(work), reserveBytes,
                                          pointer<void>(reserve));
}

void Rnn::zeroGradients() { OK(cu().cuMemsetD8Async(dweights, 0, weightBytes, device_.stream)); }

void Rnn::train() {
  zeroGradients();
  OK(forward());
  OK(backwardData());
  OK(backwardWeights());
}

template <typename Visit>
void Rnn::forEachParameter(Visit visit) {
  cudnnTensorDescriptor_t matrix = nullptr, bias = nullptr;
  OK(dnn().cudnnCreateTensorDescriptor(&matrix));
  OK(dnn().cudnnCreateTensorDescriptor(&bias));
  const int gates = shape.gates();
  for (int pseudo = 0; pseudo < shape.layers * shape.directions; pseudo++) {
    for (int part = 0; part < 4; part++) {  // input matrix, recurrent matrix, input bias, recurrent bias
      for (int gate = 0; gate < gates; gate++) {
        void *matrixAt = nullptr, *biasAt = nullptr;
        const int id = part % 2 == 0 ? gate : gates + gate;
        OK(dnn().cudnnGetRNNWeightParams(handle, rnn, pseudo, weightBytes, nullptr, id, matrix, &matrixAt, bias,
                                         &biasAt));
        const size_t width = part == 0 ? shape.widthInto(pseudo / shape.directions) : part == 1 ? shape.hidden : 1;
        visit(reinterpret_cast<size_t>(part < 2 ? matrixAt : biasAt), width * shape.hidden);
      }
    }
  }
  OK(dnn().cudnnDestroyTensorDescriptor(matrix));
  OK(dnn().cudnnDestroyTensorDescriptor(bias));
}

void Rnn::setValues(const RnnValues& values) {
  const auto put = [&](CUdeviceptr to, const std::vector<float>& from) {
    if (to != 0 && !from.empty()) OK(cu().cuMemcpyHtoDAsync_v2(to, from.data(), from.size() * 4, device_.stream));
  };
  put(x, values.x), put(dy, values.dy);
  put(hx, values.hx), put(cx, values.cx), put(dhy, values.dhy), put(dcy, values.dcy);
  size_t at = 0;
  forEachParameter([&](size_t offset, size_t count) {
    const std::vector<float> one(values.weights.begin() + at, values.weights.begin() + at + count);
    at += count;
    if (offset != 0) put(weights + offset, one);
  });
}

RnnResults Rnn::results() {
  RnnResults out;
  const auto get = [&](CUdeviceptr from, size_t count) {
    return from != 0 ? device_.download(from, count) : std::vector<float>();
  };
  out.y = get(y, yCount()), out.dx = get(dx, xCount());
  out.hy = get(hy, stateCount()), out.dhx = get(dhx, stateCount());
  out.cy = get(cy, stateCount()), out.dcx = get(dcx, stateCount());
  forEachParameter([&](size_t offset, size_t count) {
    const std::vector<float> one = offset != 0 ? device_.download(dweights + offset, count) : std::vector<float>(count);
    out.dweights.insert(out.dweights.end(), one.begin(), one.end());
  });
  return out;
}

RnnValues Rnn::randomValues(const RnnShape& shape, unsigned seed) {
  const size_t rows = static_cast<size_t>(shape.steps) * shape.batch;
  const size_t states = static_cast<size_t>(shape.layers) * shape.directions * shape.batch * shape.hidden;
  size_t parameters = 0;
  for (int layer = 0; layer < shape.layers; layer++) {
    parameters += static_cast<size_t>(shape.directions) * shape.gates() * shape.hidden *
                  (shape.widthInto(layer) + shape.hidden + 2);
  }
  RnnValues out;
  out.x = numbers(rows * shape.input, seed), out.dy = numbers(rows * shape.hidden * shape.directions, seed + 1);
  out.hx = numbers(states, seed + 2), out.cx = numbers(states, seed + 3);
  out.dhy = numbers(states, seed + 4), out.dcy = numbers(states, seed + 5);
  out.weights = numbers(parameters, seed + 6, 0.6f);
  return out;
}

}  // namespace simulated_check
