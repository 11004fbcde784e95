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

// cuDNN 9 has a thousand for each kind; before, each had a small number.
bool isRefusal(cudnnStatus_t status) {
  const auto number = static_cast<int>(status);
  constexpr int kBadParam8 = 3, kArchMismatch8 = 6, kNotSupported8 = 9;
  return number / 1000 == CUDNN_STATUS_BAD_PARAM / 1000 || number / 1000 == CUDNN_STATUS_NOT_SUPPORTED / 1000 ||
         number == kBadParam8 || number == kArchMismatch8 || number == kNotSupported8;
}

bool hasCudnnCell(const RnnShape& shape) { return modeOf(shape.cell) != nullptr; }

RnnPlan::RnnPlan(std::shared_ptr<Device> device, const RnnForm& form, cudnnRNNAlgo_t algo)
    : device_(std::move(device)), form_(form), algo_(algo) {
  const CudnnApi& api = device_->cudnn();
  try {
    device_->check(api.cudnnCreateDropoutDescriptor(&dropout_), "describe dropout");
    device_->check(api.cudnnSetDropoutDescriptor(dropout_, device_->cudnnHandle(), 0.0f, nullptr, 0, 0),
                   "describe dropout");
    device_->check(api.cudnnCreateRNNDescriptor(&rnn_), "describe an RNN");
    describe();
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

void RnnPlan::describe() {
  const RnnShape& shape = form_.shape;
  const cudnnRNNMode_t* mode = modeOf(shape.cell);
  if (mode == nullptr) fail(code::kInternal, "cuDNN has no cell ", cellKind(shape.cell).name);
  const auto units = static_cast<int32_t>(shape.hiddenSize);
  const cudnnStatus_t status = device_->cudnn().cudnnSetRNNDescriptor_v8(
      rnn_, algo_, *mode, CUDNN_RNN_DOUBLE_BIAS, shape.directions == 2 ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL,
      CUDNN_LINEAR_INPUT, cudnnTypeOf(form_.precision), CUDNN_DATA_FLOAT,
      form_.precision == Precision::fp32 ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH, static_cast<int32_t>(form_.width()),
      units, units, static_cast<int32_t>(shape.layers), dropout_, kRnnPaddedIoEnabled);
  if (isRefusal(status)) {
    fail(code::kUnsupported, "cuDNN ", device_->libraries().cudnnReport.version, " has no ", cellKind(shape.cell).name,
         " in ", wordFor(form_.precision), ": ", device_->describe(status));
  }
  device_->check(status, "describe an RNN");
}

void RnnPlan::buildFor(int64_t batch) {
  if (algo_ != CUDNN_RNN_ALGO_PERSIST_DYNAMIC) return;
  if (device_->cudnn().cudnnBuildRNNDynamic == nullptr) fail(code::kUnsupported, "this cuDNN cannot build it");
  device_->check(device_->cudnn().cudnnBuildRNNDynamic(device_->cudnnHandle(), rnn_, static_cast<int>(batch)),
                 "build a kernel for an RNN");
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
  place.physical = (static_cast<const char*>(at) - base) / static_cast<int64_t>(bytesOf(form_.precision));
  return place;
}

ParamPlaces RnnPlan::places() const {
  const DeviceMemory space(device_, std::max<size_t>(weightBytes_, 256));  // cuDNN answers with addresses in it
  TensorDescriptor matrix(device_), vector(device_);
  const auto* base = static_cast<const char*>(space.data());
  const RnnShape& shape = form_.shape;
  const int64_t gates = shape.gates(), units = shape.hiddenSize;
  ParamPlaces out;
  out.physical = static_cast<int64_t>(weightBytes_ / bytesOf(form_.precision));
  // `rows` runs of `columns`, each beginning `width` after the one before.
  const auto add = [&](int64_t layer, int64_t part, bool bias, int64_t rows, int64_t columns, int64_t width) {
    ParamPlace place = placeOf(base, layer, part, bias, matrix.descriptor(), vector.descriptor());
    if (place.count != rows * width || place.physical < 0 || place.physical + place.count > out.physical) {
      fail(code::kInternal, "cuDNN places ", place.count, " weights at ", place.physical, " of ", out.physical,
           ", where ", rows * width, " were expected");
    }
    if (columns == width) {
      columns *= rows;
      rows = 1;
    }
    for (int64_t row = 0; row < rows; ++row) {
      out.places.push_back({out.canonical, place.physical + row * width, columns});
      out.canonical += columns;
    }
  };
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    const int64_t columns = shape.layerInput(layer), width = layer == 0 ? form_.width() : columns;
    for (int64_t direction = 0; direction < shape.directions; ++direction) {
      const int64_t pseudo = layer * shape.directions + direction;
      for (int64_t g = 0; g < gates; ++g) add(pseudo, g, false, units, columns, width);
      for (int64_t g = 0; g < gates; ++g) add(pseudo, gates + g, false, units, units, units);
      for (int64_t g = 0; g < 2 * gates; ++g) add(pseudo, g, true, units, 1, 1);
    }
  }
  return out;
}

RnnData::RnnData(std::shared_ptr<Device> device, const RnnForm& form, int64_t steps, int64_t batch, int64_t features)
    : device_(std::move(device)),
      type_(cudnnTypeOf(form.precision)),
      layout_(form.layout),
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
  float zero = 0;  // in every type
  device_->check(device_->cudnn().cudnnSetRNNDataDescriptor(data_, type_, layout_, steps_, batch_, features_,
                                                            lengths.data(), &zero),
                 "describe data");
}

TensorDescriptor::TensorDescriptor(std::shared_ptr<Device> device) : device_(std::move(device)) {
  device_->check(device_->cudnn().cudnnCreateTensorDescriptor(&tensor_), "describe a tensor");
}

TensorDescriptor::~TensorDescriptor() { device_->cudnn().cudnnDestroyTensorDescriptor(tensor_); }

void TensorDescriptor::set(Precision precision, int64_t a, int64_t b, int64_t c) {
  if (a > kMostInt || b > kMostInt || c > kMostInt || b * c > kMostInt) {
    fail(code::kUnsupported, "cuDNN cannot describe states of ", a, " x ", b, " x ", c);
  }
  const std::array<int, 3> sizes{static_cast<int>(a), static_cast<int>(b), static_cast<int>(c)};
  const std::array<int, 3> strides{static_cast<int>(b * c), static_cast<int>(c), 1};
  device_->check(
      device_->cudnn().cudnnSetTensorNdDescriptor(tensor_, cudnnTypeOf(precision), 3, sizes.data(), strides.data()),
      "describe a tensor");
}

std::unique_ptr<ParameterLayout> makeRnnLayout(const GroupDesc& group, const DeviceRef& device) {
  RnnForm form{rnnShape(group), precisionOf(group.attrs)};
  if (!hasCudnnCell(form.shape)) return makeCellsLayout(group);
  const std::string why = refusePrecision(group.attrs, *device, true);
  if (!why.empty()) fail(code::kUnsupported, "group '", group.name, "': ", why);
  const RnnPlan plan(device, form, CUDNN_RNN_ALGO_STANDARD);
  ParamPlaces places = plan.places();
  if (!isHalf(form.precision)) return std::make_unique<PlacedLayout>(std::move(places));
  const Edge all = flatEdge(places.physical);
  return std::make_unique<HalfLayout>(std::move(places), device, form.precision, all);
}

}  // namespace cugru::cuda
