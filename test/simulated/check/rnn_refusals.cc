// What cuDNN's recurrent calls are refused for.
#include "check/rnn.h"

namespace simulated_check {

namespace {

cudnnStatus_t setLengths(Rnn& rnn, std::vector<int> lengths, cudnnRNNDataLayout_t layout) {
  return dnn().cudnnSetRNNDataDescriptor(rnn.xDesc, CUDNN_DATA_FLOAT, layout, 5, 3, 4, lengths.data(), nullptr);
}

cudnnStatus_t setTypes(Rnn& rnn, cudnnDataType_t type, cudnnDataType_t precision, cudnnMathType_t math) {
  return dnn().cudnnSetRNNDescriptor_v8(rnn.rnn, CUDNN_RNN_ALGO_STANDARD, CUDNN_GRU, CUDNN_RNN_DOUBLE_BIAS,
                                        CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT, type, precision, math, 4, 6, 6, 1,
                                        nullptr, kRnnPaddedIoEnabled);
}

cudnnStatus_t setSizes(Rnn& rnn, cudnnRNNMode_t cell, int hidden, int projection, int layers, uint32_t flags) {
  return dnn().cudnnSetRNNDescriptor_v8(rnn.rnn, CUDNN_RNN_ALGO_STANDARD, cell, CUDNN_RNN_DOUBLE_BIAS,
                                        CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT, CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT,
                                        CUDNN_DEFAULT_MATH, 4, hidden, projection, layers, nullptr, flags);
}

// The last failure is asynchronous: only a wait tells.
void failsLater(Device& device, const char* words) {
  GIVES(CUDA_ERROR_LAUNCH_FAILED, cu().cuStreamSynchronize(device.stream));
  std::string text;
  TRUE(takeViolations(&text) == 1 && text.find(words) != std::string::npos);
  std::exit(failures() == 0 ? 0 : 1);
}

}  // namespace

CASE("cudnn", descriptors, "types, sizes and flags that do not go together are answered BAD_PARAM") {
  Device device;
  Rnn rnn(device, {});
  GIVES(CUDNN_STATUS_BAD_PARAM, setTypes(rnn, CUDNN_DATA_FLOAT, CUDNN_DATA_HALF, CUDNN_DEFAULT_MATH));
  GIVES(CUDNN_STATUS_BAD_PARAM, setTypes(rnn, CUDNN_DATA_HALF, CUDNN_DATA_FLOAT, CUDNN_FMA_MATH));
  GIVES(CUDNN_STATUS_BAD_PARAM, setTypes(rnn, CUDNN_DATA_INT32, CUDNN_DATA_FLOAT, CUDNN_DEFAULT_MATH));
  OK(setTypes(rnn, CUDNN_DATA_BFLOAT16, CUDNN_DATA_FLOAT, CUDNN_DEFAULT_MATH));
  set("CUDNN", "91200");
  GIVES(CUDNN_STATUS_NOT_SUPPORTED, setTypes(rnn, CUDNN_DATA_BFLOAT16, CUDNN_DATA_FLOAT, CUDNN_DEFAULT_MATH));
  GIVES(CUDNN_STATUS_BAD_PARAM, setSizes(rnn, CUDNN_GRU, 0, 0, 1, 1));
  GIVES(CUDNN_STATUS_BAD_PARAM, setSizes(rnn, CUDNN_GRU, 6, 3, 1, 1));
  GIVES(CUDNN_STATUS_BAD_PARAM, setSizes(rnn, CUDNN_GRU, 6, 6, 0, 1));
  GIVES(CUDNN_STATUS_BAD_PARAM, setSizes(rnn, CUDNN_GRU, 6, 6, 1, 2));
  OK(setSizes(rnn, CUDNN_LSTM, 6, 6, 1, 1));
}

CASE("cudnn", lengths, "lengths of 0, beyond the steps, or packed and not sorted are answered BAD_PARAM") {
  Device device;
  Rnn rnn(device, {});
  constexpr auto kPadded = CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED, kPacked = CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
  GIVES(CUDNN_STATUS_BAD_PARAM, setLengths(rnn, {5, 0, 1}, kPadded));
  GIVES(CUDNN_STATUS_BAD_PARAM, setLengths(rnn, {5, 6, 1}, kPadded));
  GIVES(CUDNN_STATUS_BAD_PARAM, setLengths(rnn, {2, 5, 1}, kPacked));
  OK(setLengths(rnn, {2, 5, 1}, kPadded));
  OK(setLengths(rnn, {5, 2, 1}, kPacked));
}

CASE("cudnn", paddedIo, "lengths that differ need PADDED_IO_ENABLED, and packed sequences its opposite") {
  Device device;
  RnnShape shape;
  shape.lengths = {5, 2, 1};
  Rnn rnn(device, shape);
  OK(rnn.forward());
  rnn.shape.flags = kRnnPaddedIoDisabled;
  OK(rnn.describe());
  GIVES(CUDNN_STATUS_BAD_PARAM, rnn.forward());
  rnn.shape.layout = CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
  OK(rnn.describe());
  OK(rnn.forward());
  rnn.shape.flags = kRnnPaddedIoEnabled;
  OK(rnn.describe());
  GIVES(CUDNN_STATUS_BAD_PARAM, rnn.forward());
}

CASE("cudnn", sizes, "spaces that are too small are answered SIZE_INSUFFICIENT") {
  Device device;
  Rnn rnn(device, {});
  for (size_t* bytes : {&rnn.workBytes, &rnn.reserveBytes, &rnn.weightBytes}) {
    *bytes -= 1;
    GIVES(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, rnn.forward());
    *bytes += 1;
  }
  OK(rnn.forward());
  rnn.reserve = 0, rnn.reserveBytes = 0;
  OK(rnn.forward(CUDNN_FWD_MODE_INFERENCE));  // needs none
  GIVES(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, rnn.forward());
}

CASE("cudnn", pointers, "pointers that are null, crooked or too near to an end are refused") {
  Device device;
  Rnn rnn(device, {});
  const auto with = [&](CUdeviceptr& field, CUdeviceptr value) {
    const CUdeviceptr before = field;
    field = value;
    const cudnnStatus_t status = rnn.forward();
    field = before;
    return status;
  };
  GIVES(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, with(rnn.x, 0));
  GIVES(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, with(rnn.work, 0));
  GIVES(2003, with(rnn.y, rnn.y + 4));
  OK(with(rnn.hx, 0));
  OK(with(rnn.hy, 0));
  SAME(takeViolations(), size_t{0});
  GIVES(CUDNN_STATUS_EXECUTION_FAILED, with(rnn.x, rnn.x + 16));
  GIVES(CUDNN_STATUS_EXECUTION_FAILED, with(rnn.hy, rnn.hy + 16));
  SAME(takeViolations(), size_t{2});
}

CASE("cudnn", disagreement, "descriptors that disagree with each other are refused") {
  Device device;
  Rnn rnn(device, {});
  const int two[] = {5, 5, 4}, sizes[] = {1, 3, 7}, strides[] = {21, 7, 1}, loose[] = {36, 12, 1}, right[] = {1, 3, 6};
  OK(dnn().cudnnSetRNNDataDescriptor(rnn.yDesc, CUDNN_DATA_FLOAT, rnn.shape.layout, 5, 3, 6, two, nullptr));
  GIVES(CUDNN_STATUS_BAD_PARAM, rnn.forward());
  OK(rnn.describe());
  OK(dnn().cudnnSetTensorNdDescriptor(rnn.hDesc, CUDNN_DATA_FLOAT, 3, sizes, strides));
  GIVES(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, rnn.forward());
  OK(dnn().cudnnSetTensorNdDescriptor(rnn.hDesc, CUDNN_DATA_FLOAT, 3, right, loose));
  GIVES(CUDNN_STATUS_BAD_PARAM, rnn.forward());
  CUstream foreign = reinterpret_cast<CUstream>(&rnn);
  GIVES(2007, dnn().cudnnSetStream(rnn.handle, foreign));
}

CASE("cudnn", setMode, "CUDNN_WGRAD_MODE_SET is answered NOT_SUPPORTED") {
  Device device;
  Rnn rnn(device, {});
  GIVES(CUDNN_STATUS_NOT_SUPPORTED, rnn.backwardWeights(CUDNN_WGRAD_MODE_SET));
}

CASE("cudnn", wordsOfRefusal, "cudnnGetLastErrorString says what was wrong") {
  Device device;
  Rnn rnn(device, {});
  rnn.weightBytes--;
  rnn.forward();
  char words[200];
  dnn().cudnnGetLastErrorString(words, sizeof(words));
  TRUE(std::string(words).find("weightSpace has") == 0);
  TRUE(std::string(dnn().cudnnGetErrorString(CUDNN_STATUS_BAD_PARAM)) == "CUDNN_STATUS_BAD_PARAM");
  rnn.weightBytes++;
}

CASE("cudnn", older, "cuDNN 8 has numbers of its own, and wants the lengths on the device before 8.9.1") {
  set("CUDNN", "8900");
  Device device;
  Rnn rnn(device, {});
  SAME(dnn().cudnnGetVersion(), size_t{8900});
  OK(rnn.forward());
  const CUdeviceptr lengths = rnn.lengths;
  rnn.lengths = 0;
  GIVES(3, rnn.forward());
  set("CUDNN", "8907");
  OK(rnn.forward());
  GIVES(9, rnn.backwardWeights(CUDNN_WGRAD_MODE_SET));
  set("CUDNN", "8900");
  rnn.lengths = lengths;
  OK(cu().cuMemsetD32Async(lengths, 4, 1, device.stream));
  OK(rnn.forward());
  failsLater(device, "devSeqLengths");
}

CASE("cudnn", persistent, "persistent algorithms refuse what they cannot do, and by CUGRU_SIMULATED_REFUSE") {
  Device device;
  Rnn rnn(device, {});
  rnn.shape.algo = CUDNN_RNN_ALGO_PERSIST_STATIC;
  GIVES(CUDNN_STATUS_NOT_SUPPORTED, rnn.describe());
  rnn.shape.algo = CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H;
  rnn.shape.lengths = {5, 2, 1};
  GIVES(CUDNN_STATUS_NOT_SUPPORTED, rnn.describe());
  rnn.shape.lengths.clear();
  OK(rnn.describe());
  set("REFUSE", "algo=0;algo=3,hiddenAbove=5,pass=sizes");
  GIVES(CUDNN_STATUS_NOT_SUPPORTED, rnn.describe());
  set("REFUSE", "algo=3,hiddenAbove=6");
  OK(rnn.describe());
  rnn.shape.algo = CUDNN_RNN_ALGO_PERSIST_DYNAMIC;
  OK(rnn.describe());
}

CASE("cudnn", dynamic, "PERSIST_DYNAMIC wants cudnnBuildRNNDynamic for its batch") {
  Device device;
  RnnShape shape;
  shape.algo = CUDNN_RNN_ALGO_PERSIST_DYNAMIC;
  Rnn rnn(device, shape);
  GIVES(CUDNN_STATUS_BAD_PARAM, rnn.forward());
  OK(dnn().cudnnBuildRNNDynamic(rnn.handle, rnn.rnn, 4));
  GIVES(CUDNN_STATUS_BAD_PARAM, rnn.forward());
  OK(dnn().cudnnBuildRNNDynamic(rnn.handle, rnn.rnn, 3));
  OK(rnn.forward());
}

CASE("cudnn", order, "a backward pass without a training forward pass makes the context fail") {
  Device device;
  Rnn rnn(device, {});
  OK(rnn.backwardData());
  failsLater(device, "no training forward pass");
}

CASE("cudnn", weightsFirst, "cudnnRNNBackwardWeights before cudnnRNNBackwardData makes the context fail") {
  Device device;
  Rnn rnn(device, {});
  OK(rnn.forward());
  OK(rnn.backwardWeights());
  failsLater(device, "before cudnnRNNBackwardData");
}

CASE("cudnn", dataTwice, "cudnnRNNBackwardData twice makes the context fail") {
  Device device;
  Rnn rnn(device, {});
  OK(rnn.forward());
  OK(rnn.backwardData());
  OK(rnn.backwardData());
  failsLater(device, "second time");
}

CASE("cudnn", changedOutput, "an output that was changed between the passes makes the context fail") {
  Device device;
  Rnn rnn(device, {});
  OK(rnn.forward());
  OK(cu().cuMemsetD8Async(rnn.y, 0x3f, 4, device.stream));
  OK(rnn.backwardData());
  failsLater(device, "y is not what it was");
}

CASE("cudnn", changedWeights, "weights that were changed between the passes make the context fail") {
  Device device;
  Rnn rnn(device, {});
  OK(rnn.forward());
  OK(cu().cuMemsetD8Async(rnn.weights + rnn.weightBytes / 2, 0x3f, 64, device.stream));
  OK(rnn.backwardData());
  failsLater(device, "the weight space is not what it was");
}

CASE("cudnn", dirtyWeights, "a weight space that was not zeroed makes the context fail") {
  Device device;
  Rnn rnn(device, {});
  OK(cu().cuMemsetD8Async(rnn.weights, 0xff, rnn.weightBytes, device.stream));
  rnn.setValues(Rnn::randomValues(rnn.shape, 1));
  OK(rnn.forward());
  failsLater(device, "belongs to no parameter");
}

CASE("cudnn", otherShape, "a reserve space of another shape makes the context fail") {
  Device device;
  Rnn rnn(device, {});
  OK(rnn.forward());
  rnn.shape.lengths = {5, 4, 5};
  OK(rnn.describe());
  OK(rnn.backwardData());
  failsLater(device, "another shape");
}

}  // namespace simulated_check
