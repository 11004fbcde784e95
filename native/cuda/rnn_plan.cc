#include "cuda/rnn_plan.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

constexpr int64_t kMostInt = (int64_t{1} << 31) - 1;

// The cells that cuDNN has. Its gates come in PyTorch's order.
const cudnnRNNMode_t* modeOf(Cell cell) {
  static constexpr cudnnRNNMode_t kGru = CUDNN_GRU, kLstm = CUDNN_LSTM, kTanh = CUDNN_RNN_TANH, kRelu = CUDNN_RNN_RELU;
  switch (cell) {
    case Cell::gru: return &kGru;
    case Cell::lstm: return &kLstm;
    case Cell::rnnTanh: return &kTanh;
    case Cell::rnnRelu: return &kRelu;
    default: return nullptr;
  }
}

}  // namespace

bool hasCudnnCell(const RnnShape& shape) { return modeOf(shape.cell) != nullptr; }

RnnPlan::RnnPlan(std::shared_ptr<Device> device, const RnnShape& shape, Precision precision)
    : device_(std::move(device)), shape_(shape) {
  const CudnnApi& api = device_->cudnn();
  try {
    device_->check(api.cudnnCreateDropoutDescriptor(&dropout_), "describe dropout");
    device_->check(api.cudnnSetDropoutDescriptor(dropout_, device_->cudnnHandle(), 0.0f, nullptr, 0, 0),
                   "describe dropout");
    device_->check(api.cudnnCreateRNNDescriptor(&rnn_), "describe an RNN");
    describe(precision);
    device_->check(api.cudnnGetRNNWeightSpaceSize(device_->cudnnHandle(), rnn_, &weightBytes_),
                   "size an RNN's weights");
  } catch (...) {
    if (rnn_ != nullptr) api.cudnnDestroyRNNDescriptor(rnn_);
    if (dropout_ != nullptr) api.cudnnDestroyDropoutDescriptor(dropout_);
    throw;
  }
}

RnnPlan::~RnnPlan() {
  device_->cudnn().cudnnDestroyRNNDescriptor(rnn_);
  device_->cudnn().cudnnDestroyDropoutDescriptor(dropout_);
}

void RnnPlan::describe(Precision precision) {
  const cudnnRNNMode_t* mode = modeOf(shape_.cell);
  if (mode == nullptr) fail(code::kInternal, "cuDNN has no cell ", cellKind(shape_.cell).name);
  const auto units = static_cast<int32_t>(shape_.hiddenSize);
  device_->check(
      device_->cudnn().cudnnSetRNNDescriptor_v8(rnn_, CUDNN_RNN_ALGO_STANDARD, *mode, CUDNN_RNN_DOUBLE_BIAS,
                                                shape_.directions == 2 ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL,
                                                CUDNN_LINEAR_INPUT, CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT,
                                                precision == Precision::fp32 ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH,
                                                static_cast<int32_t>(shape_.inputSize), units, units,
                                                static_cast<int32_t>(shape_.layers), dropout_, kRnnPaddedIoEnabled),
      "describe an RNN");
}

// A matrix (or bias) by its number: the input's gates first, then the state's.
ParamPlace RnnPlan::placeOf(const char* base, int64_t layer, int64_t part, bool bias, cudnnTensorDescriptor_t matrix,
                            cudnnTensorDescriptor_t vector) const {
  const CudnnApi& api = device_->cudnn();
  void *matrixAt = nullptr, *vectorAt = nullptr;
  device_->check(api.cudnnGetRNNWeightParams(device_->cudnnHandle(), rnn_, static_cast<int32_t>(layer), weightBytes_,
                                             base, static_cast<int32_t>(part), matrix, &matrixAt, vector, &vectorAt),
                 "tell where weights lie");
  const void* at = bias ? vectorAt : matrixAt;
  if (at == nullptr) fail(code::kInternal, "cuDNN has no ", bias ? "bias " : "matrix ", part, " in layer ", layer);
  cudnnDataType_t type{};
  int rank = 0;
  std::array<int, 8> sizes{}, strides{};
  device_->check(api.cudnnGetTensorNdDescriptor(bias ? vector : matrix, static_cast<int>(sizes.size()), &type, &rank,
                                                sizes.data(), strides.data()),
                 "tell the size of weights");
  ParamPlace place;
  place.count = 1;
  for (int i = 0; i < rank && i < static_cast<int>(sizes.size()); ++i) place.count *= sizes[static_cast<size_t>(i)];
  place.physical = (static_cast<const char*>(at) - base) / static_cast<int64_t>(sizeof(float));
  return place;
}

ParamPlaces RnnPlan::places() const {
  const DeviceMemory space(device_, std::max<size_t>(weightBytes_, 256));  // cuDNN answers with addresses in it
  TensorDescriptor matrix(device_), vector(device_);
  const auto* base = static_cast<const char*>(space.data());
  const int64_t gates = shape_.gates(), units = shape_.hiddenSize;
  ParamPlaces out;
  out.physical = static_cast<int64_t>(weightBytes_ / sizeof(float));
  const auto add = [&](int64_t layer, int64_t part, bool bias, int64_t count) {
    ParamPlace place = placeOf(base, layer, part, bias, matrix.descriptor(), vector.descriptor());
    if (place.count != count || place.physical < 0 || place.physical + count > out.physical) {
      fail(code::kInternal, "cuDNN places ", place.count, " weights at ", place.physical, " of ", out.physical,
           ", where ", count, " were expected");
    }
    place.canonical = out.canonical;
    out.canonical += count;
    out.places.push_back(place);
  };
  for (int64_t layer = 0; layer < shape_.layers; ++layer) {
    for (int64_t direction = 0; direction < shape_.directions; ++direction) {
      const int64_t pseudo = layer * shape_.directions + direction;
      for (int64_t g = 0; g < gates; ++g) add(pseudo, g, false, units * shape_.layerInput(layer));
      for (int64_t g = 0; g < gates; ++g) add(pseudo, gates + g, false, units * units);
      for (int64_t g = 0; g < 2 * gates; ++g) add(pseudo, g, true, units);
    }
  }
  return out;
}

RnnData::RnnData(std::shared_ptr<Device> device, int64_t steps, int64_t batch, int64_t features)
    : device_(std::move(device)),
      steps_(static_cast<int>(steps)),
      batch_(static_cast<int>(batch)),
      features_(static_cast<int>(features)) {
  device_->check(device_->cudnn().cudnnCreateRNNDataDescriptor(&data_), "describe data");
  try {
    setLengths(std::vector<int32_t>(static_cast<size_t>(batch), steps_));
  } catch (...) {
    device_->cudnn().cudnnDestroyRNNDataDescriptor(data_);
    throw;
  }
}

RnnData::~RnnData() { device_->cudnn().cudnnDestroyRNNDataDescriptor(data_); }

void RnnData::setLengths(const std::vector<int32_t>& lengths) {
  float zero = 0;
  device_->check(
      device_->cudnn().cudnnSetRNNDataDescriptor(data_, CUDNN_DATA_FLOAT, CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED,
                                                 steps_, batch_, features_, lengths.data(), &zero),
      "describe data");
}

TensorDescriptor::TensorDescriptor(std::shared_ptr<Device> device) : device_(std::move(device)) {
  device_->check(device_->cudnn().cudnnCreateTensorDescriptor(&tensor_), "describe a tensor");
}

TensorDescriptor::~TensorDescriptor() { device_->cudnn().cudnnDestroyTensorDescriptor(tensor_); }

void TensorDescriptor::set(int64_t a, int64_t b, int64_t c) {
  if (a > kMostInt || b > kMostInt || c > kMostInt || b * c > kMostInt) {
    fail(code::kUnsupported, "cuDNN cannot describe states of ", a, " x ", b, " x ", c);
  }
  const std::array<int, 3> sizes{static_cast<int>(a), static_cast<int>(b), static_cast<int>(c)};
  const std::array<int, 3> strides{static_cast<int>(b * c), static_cast<int>(c), 1};
  device_->check(
      device_->cudnn().cudnnSetTensorNdDescriptor(tensor_, CUDNN_DATA_FLOAT, 3, sizes.data(), strides.data()),
      "describe a tensor");
}

std::unique_ptr<ParameterLayout> makeRnnLayout(const GroupDesc& group, const DeviceRef& device) {
  const RnnShape shape = rnnShape(group);
  if (!hasCudnnCell(shape)) return makeCellsLayout(group);
  const RnnPlan plan(device, shape, precisionOf(group.attrs));
  return std::make_unique<PlacedLayout>(plan.places());
}

}  // namespace cugru::cuda
