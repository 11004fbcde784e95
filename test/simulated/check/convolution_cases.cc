// cuDNN's convolutions: what they give, and what they are refused for.
#include <array>
#include <cmath>

#include "check/check.h"

namespace simulated_check {

namespace {

constexpr float kOne = 1, kZero = 0;

// 2 images of 4 x 5 pixels and 3 channels; 2 filters of 3 x 2, stride 1, a pixel of padding above and below.
class Convolution {
 public:
  explicit Convolution(Device& device) {
    OK(dnn().cudnnCreate(&handle));
    OK(dnn().cudnnSetStream(handle, device.stream));
    OK(dnn().cudnnCreateTensorDescriptor(&xDesc));
    OK(dnn().cudnnCreateTensorDescriptor(&yDesc));
    OK(dnn().cudnnCreateFilterDescriptor(&wDesc));
    OK(dnn().cudnnCreateConvolutionDescriptor(&convolution));
    OK(images(xDesc, 3, 4, 5));
    OK(images(yDesc, 2, 4, 4));
    OK(filters(CUDNN_TENSOR_NHWC));
    OK(dnn().cudnnSetConvolution2dDescriptor(convolution, 1, 0, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
    x = device.upload(numbers(2 * 4 * 5 * 3, 1));
    w = device.upload(numbers(2 * 3 * 2 * 3, 2));
    y = device.allocate(2 * 4 * 4 * 2 * sizeof(float));
    work = device.allocate(1 << 16);
  }
  ~Convolution() {
    OK(dnn().cudnnDestroyConvolutionDescriptor(convolution));
    OK(dnn().cudnnDestroyFilterDescriptor(wDesc));
    OK(dnn().cudnnDestroyTensorDescriptor(yDesc));
    OK(dnn().cudnnDestroyTensorDescriptor(xDesc));
    OK(dnn().cudnnDestroy(handle));
  }
  Convolution(const Convolution&) = delete;
  Convolution& operator=(const Convolution&) = delete;

  // Channels last.
  static cudnnStatus_t images(cudnnTensorDescriptor_t desc, int channels, int height, int width) {
    const std::array<int, 4> sizes{2, channels, height, width};
    const std::array<int, 4> strides{height * width * channels, 1, width * channels, channels};
    return dnn().cudnnSetTensorNdDescriptor(desc, CUDNN_DATA_FLOAT, 4, sizes.data(), strides.data());
  }
  cudnnStatus_t filters(cudnnTensorFormat_t format) const {
    return dnn().cudnnSetFilter4dDescriptor(wDesc, CUDNN_DATA_FLOAT, format, 2, 3, 3, 2);
  }
  cudnnStatus_t forward(size_t bytes = 1 << 16, size_t shift = 0,
                        cudnnConvolutionFwdAlgo_t algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM) const {
    return dnn().cudnnConvolutionForward(handle, &kOne, xDesc, pointer<float>(x + shift), wDesc, pointer<float>(w),
                                         convolution, algo, pointer<void>(work), bytes, &kZero, yDesc,
                                         pointer<float>(y));
  }

  cudnnHandle_t handle = nullptr;
  cudnnTensorDescriptor_t xDesc = nullptr, yDesc = nullptr;
  cudnnFilterDescriptor_t wDesc = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  CUdeviceptr x = 0, w = 0, y = 0, work = 0;
};

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); i++) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

}  // namespace

// y is linear in x and in w: <y, dy> = <x, dx> = <w, dw>.
CASE("cudnn", convolutionPasses,
     "the passes of a convolution are each other's adjoints, and beta adds to what is there") {
  Device device;
  Convolution c(device);
  OK(c.forward());
  const std::vector<float> dyValues = numbers(2 * 4 * 4 * 2, 3);
  const CUdeviceptr dy = device.upload(dyValues), dx = device.allocate(2 * 4 * 5 * 3 * sizeof(float));
  const CUdeviceptr dw = device.allocate(2 * 3 * 2 * 3 * sizeof(float));
  OK(dnn().cudnnConvolutionBackwardData(c.handle, &kOne, c.wDesc, pointer<float>(c.w), c.yDesc, pointer<float>(dy),
                                        c.convolution, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, pointer<void>(c.work),
                                        1 << 16, &kZero, c.xDesc, pointer<float>(dx)));
  for (int i = 0; i < 2; i++) {
    OK(dnn().cudnnConvolutionBackwardFilter(c.handle, &kOne, c.xDesc, pointer<float>(c.x), c.yDesc, pointer<float>(dy),
                                            c.convolution, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, pointer<void>(c.work),
                                            1 << 16, &kOne, c.wDesc, pointer<float>(dw)));
  }
  device.synchronize();
  const double forward = dot(device.download(c.y, 64), dyValues);
  const double data = dot(device.download(dx, 120), numbers(120, 1));
  const double filter = dot(device.download(dw, 36), numbers(36, 2)) / 2;
  TRUE(std::abs(forward) > 1e-3 && std::abs(forward - data) < 1e-5 && std::abs(forward - filter) < 1e-5);
}

CASE("cudnn", convolutionShapes,
     "an output of another size, other channels, and other layouts of a convolution are refused") {
  Device device;
  Convolution c(device);
  OK(Convolution::images(c.yDesc, 2, 4, 5));
  GIVES(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, c.forward());
  OK(Convolution::images(c.yDesc, 2, 4, 4));
  OK(Convolution::images(c.xDesc, 1, 4, 5));
  GIVES(CUDNN_STATUS_BAD_PARAM, c.forward());
  OK(Convolution::images(c.xDesc, 3, 4, 5));
  OK(c.filters(CUDNN_TENSOR_NCHW));
  GIVES(CUDNN_STATUS_NOT_SUPPORTED, c.forward());
  OK(c.filters(CUDNN_TENSOR_NHWC));
  GIVES(CUDNN_STATUS_BAD_PARAM, dnn().cudnnSetConvolution2dDescriptor(c.convolution, 0, 0, 0, 1, 1, 1,
                                                                      CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
  OK(c.forward());
  device.synchronize();
}

CASE("cudnn", convolutionSpaces,
     "a convolution's workspace must be large enough, and pointers aligned and inside of their memory") {
  Device device;
  Convolution c(device);
  size_t bytes = 0;
  OK(dnn().cudnnGetConvolutionForwardWorkspaceSize(c.handle, c.xDesc, c.wDesc, c.convolution, c.yDesc,
                                                   CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, &bytes));
  TRUE(bytes > 0);
  GIVES(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, c.forward(bytes - 1));
  GIVES(2003u, c.forward(bytes, 4));  // CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER
  GIVES(CUDNN_STATUS_EXECUTION_FAILED, c.forward(bytes, 64));
  SAME(takeViolations(), 1u);
  GIVES(CUDNN_STATUS_NOT_SUPPORTED, c.forward(bytes, 0, static_cast<cudnnConvolutionFwdAlgo_t>(2)));
  OK(c.forward(bytes));
  device.synchronize();
}

CASE("cudnn", convolutionHeuristics,
     "the first algorithms for a convolution do not take it, want much room, or do not repeat themselves") {
  Device device;
  Convolution c(device);
  std::array<cudnnConvolutionFwdAlgoPerf_t, CUDNN_CONVOLUTION_FWD_ALGO_COUNT> found{};
  int count = 0;
  OK(dnn().cudnnGetConvolutionForwardAlgorithm_v7(c.handle, c.xDesc, c.wDesc, c.convolution, c.yDesc,
                                                  static_cast<int>(found.size()), &count, found.data()));
  SAME(count, 4);
  TRUE(found[0].status != CUDNN_STATUS_SUCCESS);
  TRUE(found[1].memory > (size_t{1} << 36));
  TRUE(found[2].determinism == CUDNN_NON_DETERMINISTIC);
  TRUE(found[3].status == CUDNN_STATUS_SUCCESS && found[3].determinism == CUDNN_DETERMINISTIC);
}

}  // namespace simulated_check
