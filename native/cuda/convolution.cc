#include "cuda/convolution.h"

#include <array>

#include "core/error.h"

namespace cugru::cuda {

namespace {

constexpr int64_t kMostInt = (int64_t{1} << 31) - 1;
constexpr size_t kMostWorkspace = size_t{256} << 20;

int toInt(int64_t value) { return static_cast<int>(value); }

// The first of what the heuristics name that is the same each time and wants no more room than we give; null: none.
template <typename Perf, size_t Count>
const Perf* firstUsable(const std::array<Perf, Count>& found, int count) {
  for (int i = 0; i < count; ++i) {
    const Perf& one = found[static_cast<size_t>(i)];
    if (one.status == CUDNN_STATUS_SUCCESS && one.determinism == CUDNN_DETERMINISTIC && one.memory <= kMostWorkspace) {
      return &one;
    }
  }
  return nullptr;
}

}  // namespace

std::string refuseConvolution(const ConvolutionShape& s) {
  const int64_t in = s.images * s.height, out = s.images * s.outHeight;  // both were counted with their widths before
  if (in * s.width * s.channels <= kMostInt && out * s.outWidth * s.filters <= kMostInt &&
      s.filters * s.kernelHeight * s.kernelWidth * s.channels <= kMostInt) {
    return "";
  }
  return "cuDNN's convolutions take tensors below 2^31 elements; use a smaller batch size";
}

Convolution::Convolution(std::shared_ptr<Device> device, const ConvolutionShape& shape, Way way)
    : device_(std::move(device)), way_(way) {
  const CudnnApi& api = device_->cudnn();
  if (api.cudnnConvolutionForward == nullptr || api.cudnnConvolutionBackwardData == nullptr ||
      api.cudnnConvolutionBackwardFilter == nullptr || api.cudnnGetConvolutionForwardAlgorithm_v7 == nullptr) {
    fail(code::kUnsupported, "this cuDNN has no convolutions; install all of its libraries (libcudnn_cnn)");
  }
  try {
    describe(shape);
    choose();
  } catch (...) {
    release();
    throw;
  }
}

Convolution::~Convolution() { release(); }

void Convolution::release() noexcept {
  const CudnnApi& api = device_->cudnn();
  if (convolution_ != nullptr) api.cudnnDestroyConvolutionDescriptor(convolution_);
  if (w_ != nullptr) api.cudnnDestroyFilterDescriptor(w_);
  if (y_ != nullptr) api.cudnnDestroyTensorDescriptor(y_);
  if (x_ != nullptr) api.cudnnDestroyTensorDescriptor(x_);
}

void Convolution::describe(const ConvolutionShape& s) {
  const CudnnApi& api = device_->cudnn();
  // Sizes are told as images, channels, height, width; how they lie is told by the strides.
  const auto images = [&](cudnnTensorDescriptor_t* desc, int64_t height, int64_t width, int64_t channels) {
    device_->check(api.cudnnCreateTensorDescriptor(desc), "describe images");
    const std::array<int, 4> sizes{toInt(s.images), toInt(channels), toInt(height), toInt(width)};
    const std::array<int, 4> strides{toInt(height * width * channels), 1, toInt(width * channels), toInt(channels)};
    device_->check(api.cudnnSetTensorNdDescriptor(*desc, CUDNN_DATA_FLOAT, 4, sizes.data(), strides.data()),
                   "describe images");
  };
  images(&x_, s.height, s.width, s.channels);
  images(&y_, s.outHeight, s.outWidth, s.filters);
  device_->check(api.cudnnCreateFilterDescriptor(&w_), "describe filters");
  device_->check(api.cudnnSetFilter4dDescriptor(w_, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, toInt(s.filters),
                                                toInt(s.channels), toInt(s.kernelHeight), toInt(s.kernelWidth)),
                 "describe filters");
  device_->check(api.cudnnCreateConvolutionDescriptor(&convolution_), "describe a convolution");
  device_->check(api.cudnnSetConvolution2dDescriptor(convolution_, toInt(s.padY), toInt(s.padX), toInt(s.strideY),
                                                     toInt(s.strideX), toInt(s.dilationY), toInt(s.dilationX),
                                                     CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
                 "describe a convolution");
  device_->check(api.cudnnSetConvolutionMathType(convolution_,
                                                 s.precision == Precision::fp32 ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH),
                 "describe a convolution");
}

void Convolution::choose() {
  const CudnnApi& api = device_->cudnn();
  cudnnHandle_t handle = device_->cudnnHandle();
  const auto take = [&](const auto* chosen) {
    if (chosen == nullptr) fail(code::kUnsupported, "cuDNN has no algorithm for this convolution that repeats itself");
    device_->check(api.cudnnSetConvolutionMathType(convolution_, chosen->mathType), "choose a kind of product");
    algorithm_ = chosen->algo;
  };
  int count = 0;
  if (way_ == Way::forward) {
    std::array<cudnnConvolutionFwdAlgoPerf_t, CUDNN_CONVOLUTION_FWD_ALGO_COUNT> found{};
    device_->check(api.cudnnGetConvolutionForwardAlgorithm_v7(handle, x_, w_, convolution_, y_, toInt(found.size()),
                                                              &count, found.data()),
                   "choose an algorithm");
    take(firstUsable(found, count));
    device_->check(
        api.cudnnGetConvolutionForwardWorkspaceSize(handle, x_, w_, convolution_, y_,
                                                    static_cast<cudnnConvolutionFwdAlgo_t>(algorithm_), &workspace_),
        "size a workspace");
  } else if (way_ == Way::inputGradient) {
    std::array<cudnnConvolutionBwdDataAlgoPerf_t, CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT> found{};
    device_->check(api.cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, w_, y_, convolution_, x_,
                                                                   toInt(found.size()), &count, found.data()),
                   "choose an algorithm");
    take(firstUsable(found, count));
    device_->check(
        api.cudnnGetConvolutionBackwardDataWorkspaceSize(
            handle, w_, y_, convolution_, x_, static_cast<cudnnConvolutionBwdDataAlgo_t>(algorithm_), &workspace_),
        "size a workspace");
  } else {
    std::array<cudnnConvolutionBwdFilterAlgoPerf_t, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT> found{};
    device_->check(api.cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, x_, y_, convolution_, w_,
                                                                     toInt(found.size()), &count, found.data()),
                   "choose an algorithm");
    take(firstUsable(found, count));
    device_->check(
        api.cudnnGetConvolutionBackwardFilterWorkspaceSize(
            handle, x_, y_, convolution_, w_, static_cast<cudnnConvolutionBwdFilterAlgo_t>(algorithm_), &workspace_),
        "size a workspace");
  }
}

void Convolution::run(const float* a, const float* b, float* out, void* workspace, CudaStream& stream) const {
  const CudnnApi& api = device_->cudnn();
  cudnnHandle_t handle = device_->cudnnHandle(stream.handle());
  const float one = 1, zero = 0;
  switch (way_) {
    case Way::forward:
      return device_->check(api.cudnnConvolutionForward(handle, &one, x_, a, w_, b, convolution_,
                                                        static_cast<cudnnConvolutionFwdAlgo_t>(algorithm_), workspace,
                                                        workspace_, &zero, y_, out),
                            "convolve");
    case Way::inputGradient:
      return device_->check(api.cudnnConvolutionBackwardData(handle, &one, w_, a, y_, b, convolution_,
                                                             static_cast<cudnnConvolutionBwdDataAlgo_t>(algorithm_),
                                                             workspace, workspace_, &zero, x_, out),
                            "convolve back to images");
    case Way::weightGradient:
      return device_->check(api.cudnnConvolutionBackwardFilter(handle, &one, x_, a, y_, b, convolution_,
                                                               static_cast<cudnnConvolutionBwdFilterAlgo_t>(algorithm_),
                                                               workspace, workspace_, &one, w_, out),
                            "convolve back to filters");
  }
}

}  // namespace cugru::cuda
