// Convolutions: their descriptors, what the heuristics say, and the three passes with everything that can be checked when they are called.
#include "cudnn/convolution.h"

#include "core/capture.h"
#include "cudnn/exported.h"

namespace simulated {

namespace {

cudnnStatus_t bad(const std::string& why) { return refuse(CUDNN_STATUS_BAD_PARAM, why); }

// Copies of the descriptors of a convolution.
struct Described {
  TensorDescriptor x, y;
  FilterDescriptor w;
  ConvolutionDescriptor convolution;
};

cudnnStatus_t describe(cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
                       cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t y, Described* out) {
  const auto xDesc = tensorDescriptors().find(x), yDesc = tensorDescriptors().find(y);
  const auto wDesc = filterDescriptors().find(w);
  const auto cDesc = convolutionDescriptors().find(convolution);
  if (handles().find(handle) == nullptr) return bad("this is no handle");
  if (xDesc == nullptr || yDesc == nullptr || wDesc == nullptr || cDesc == nullptr)
    return bad("a descriptor is missing");
  *out = {*xDesc, *yDesc, *wDesc, *cDesc};
  return checkConvolution(out->x, out->w, out->convolution, out->y);
}

// The algorithms that are simulated, the fastest first: one that is not the same each time, one that is, one that wants much room, and
// one that does not take this convolution.
template <typename Perf, typename Algo>
cudnnStatus_t suggest(const Described& d, ConvolutionPass pass, Algo loose, Algo exact, int requested, int* returned,
                      Perf* results) {
  if (requested < 1 || returned == nullptr || results == nullptr) return bad("there is no room for results");
  const cudnnMathType_t math = d.convolution.mathType;
  const auto bytes = [&](Algo algo) { return convolutionWorkBytes(d.x, d.w, pass, algo); };
  const auto none = static_cast<Algo>(2);
  const Perf all[] = {
      {none, CUDNN_STATUS_NOT_SUPPORTED, -1, 0, CUDNN_DETERMINISTIC, math, {}},
      {exact, CUDNN_STATUS_SUCCESS, -1, size_t{1} << 40, CUDNN_DETERMINISTIC, math, {}},
      {loose, CUDNN_STATUS_SUCCESS, -1, bytes(loose), CUDNN_NON_DETERMINISTIC, math, {}},
      {exact, CUDNN_STATUS_SUCCESS, -1, bytes(exact), CUDNN_DETERMINISTIC, math, {}},
  };
  *returned = requested < 4 ? requested : 4;
  for (int i = 0; i < *returned; i++) results[i] = all[i];
  return CUDNN_STATUS_SUCCESS;
}

// One call on its way into the stream.
class Entry {
 public:
  Entry(const char* name, ConvolutionPass pass) : name_(name) { call.pass = pass; }

  ConvolutionCall call;

  cudnnStatus_t open(cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
                     cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t y) {
    Described d;
    SIMULATED_TRY(describe(handle, x, w, convolution, y, &d));
    handle_ = handles().find(handle);
    call.x = d.x;
    call.y = d.y;
    call.w = d.w;
    call.convolution = d.convolution;
    if (const CUresult result = enter(context_); result != CUDA_SUCCESS) {
      return refuse(CUDNN_STATUS_EXECUTION_FAILED, join("the context answers ", static_cast<unsigned>(result)));
    }
    return context_ == handle_->context ? CUDNN_STATUS_SUCCESS : bad("the handle is of another context");
  }

  cudnnStatus_t scalars(const void* alpha, const void* beta) {
    if (alpha == nullptr || beta == nullptr)
      return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "alpha or beta is null");
    call.alpha = *static_cast<const float*>(alpha);
    call.beta = *static_cast<const float*>(beta);
    return CUDNN_STATUS_SUCCESS;
  }

  cudnnStatus_t x(const void* pointer) { return memory("x", pointer, call.x.count() * sizeof(float)); }
  cudnnStatus_t y(const void* pointer) { return memory("y", pointer, call.y.count() * sizeof(float)); }
  cudnnStatus_t w(const void* pointer) { return memory("w", pointer, call.w.count() * sizeof(float)); }

  cudnnStatus_t space(unsigned algo, void* work, size_t bytes) {
    if (algo > 1) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "this algorithm does not take the convolution");
    call.work = work;
    call.workBytes = convolutionWorkBytes(call.x, call.w, call.pass, algo);
    if (bytes < call.workBytes) {
      return refuse(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, join("workspace ", bytes, " of ", call.workBytes));
    }
    return memory("workSpace", work, call.workBytes);
  }

  cudnnStatus_t submitTo() {
    std::shared_ptr<Stream> stream;
    if (findStream(*context_, handle_->stream, stream) != CUDA_SUCCESS) {
      return refuse(CUDNN_STATUS_INTERNAL_ERROR, "the handle's stream cannot be used");
    }
    const CUresult result =
        submit(*stream, {name_, ranges_, [call = call](Context& context) { return runConvolution(context, call); }});
    return result == CUDA_SUCCESS ? CUDNN_STATUS_SUCCESS
                                  : refuse(CUDNN_STATUS_EXECUTION_FAILED, "the stream takes nothing");
  }

 private:
  // All of it must be device memory; the vendor would find out while it runs.
  cudnnStatus_t memory(const char* what, const void* pointer, size_t bytes) {
    if (pointer == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, join(what, " is null"));
    const auto begin = reinterpret_cast<uintptr_t>(pointer);
    if (begin % 16 != 0) return refuse(kMisaligned, join(what, " is not aligned to 16 bytes"));
    Range range;
    if (!deviceRange(*context_, begin, bytes, &range)) {
      violation(join(name_, ": ", what, " needs ", simulated::describe(begin, bytes)));
      return refuse(CUDNN_STATUS_EXECUTION_FAILED, join(what, " is not all in device memory"));
    }
    ranges_.push_back(range);
    return CUDNN_STATUS_SUCCESS;
  }

  const char* name_;
  std::shared_ptr<Handle> handle_;
  Context* context_ = nullptr;
  std::vector<Range> ranges_;
};

template <typename T, typename Handle>
cudnnStatus_t create(Registry<T>& registry, Handle* handle) {
  Guard guard;
  if (handle == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the descriptor's address is null");
  *handle = registry.template add<Handle>(std::make_shared<T>());
  return CUDNN_STATUS_SUCCESS;
}

template <typename T, typename Handle>
cudnnStatus_t destroy(Registry<T>& registry, Handle handle) {
  Guard guard;
  return registry.remove(handle) ? CUDNN_STATUS_SUCCESS : bad("this is no descriptor");
}

cudnnStatus_t answerBytes(cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
                          cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t y, ConvolutionPass pass,
                          unsigned algo, size_t* bytes) {
  Guard guard;
  Described d;
  SIMULATED_TRY(describe(handle, x, w, convolution, y, &d));
  if (bytes == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "sizeInBytes is null");
  if (algo > 1) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "this algorithm does not take the convolution");
  *bytes = convolutionWorkBytes(d.x, d.w, pass, algo);
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

}  // namespace simulated

namespace cugru::cuda {

using namespace simulated;
using Pass = ConvolutionPass;

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* desc) { return create(filterDescriptors(), desc); }
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t desc) { return destroy(filterDescriptors(), desc); }
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* desc) {
  return create(convolutionDescriptors(), desc);
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t desc) {
  return destroy(convolutionDescriptors(), desc);
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t handle, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int filters, int channels, int height, int width) {
  Guard guard;
  const auto desc = filterDescriptors().find(handle);
  if (desc == nullptr) return bad("this is no filter descriptor");
  if (format > CUDNN_TENSOR_NCHW_VECT_C) return bad("there is no such format");
  if (filters < 1 || channels < 1 || height < 1 || width < 1) return bad("sizes begin at 1");
  *desc = {true, type, format, filters, channels, height, width};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t handle, int padY, int padX, int strideY,
                                              int strideX, int dilationY, int dilationX, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t computeType) {
  Guard guard;
  const auto desc = convolutionDescriptors().find(handle);
  if (desc == nullptr) return bad("this is no convolution descriptor");
  if (padY < 0 || padX < 0) return bad("pads begin at 0");
  if (strideY < 1 || strideX < 1 || dilationY < 1 || dilationX < 1) return bad("strides and dilations begin at 1");
  if (mode > CUDNN_CROSS_CORRELATION) return bad("there is no such mode");
  *desc = {true, padY, padX, strideY, strideX, dilationY, dilationX, mode, computeType, CUDNN_DEFAULT_MATH};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t handle, cudnnMathType_t mathType) {
  Guard guard;
  const auto desc = convolutionDescriptors().find(handle);
  if (desc == nullptr || !desc->ready) return bad("the convolution descriptor was not set");
  if (mathType > CUDNN_FMA_MATH) return bad("there is no such mathType");
  desc->mathType = mathType;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                     cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t conv,
                                                     cudnnTensorDescriptor_t y, int requested, int* returned,
                                                     cudnnConvolutionFwdAlgoPerf_t* results) {
  Guard guard;
  Described d;
  SIMULATED_TRY(describe(handle, x, w, conv, y, &d));
  return suggest(d, Pass::forward, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
                 CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, requested, returned, results);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                          cudnnTensorDescriptor_t dy, cudnnConvolutionDescriptor_t conv,
                                                          cudnnTensorDescriptor_t dx, int requested, int* returned,
                                                          cudnnConvolutionBwdDataAlgoPerf_t* results) {
  Guard guard;
  Described d;
  SIMULATED_TRY(describe(handle, dx, w, conv, dy, &d));
  return suggest(d, Pass::backwardData, CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, requested,
                 returned, results);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                            cudnnTensorDescriptor_t dy,
                                                            cudnnConvolutionDescriptor_t conv,
                                                            cudnnFilterDescriptor_t dw, int requested, int* returned,
                                                            cudnnConvolutionBwdFilterAlgoPerf_t* results) {
  Guard guard;
  Described d;
  SIMULATED_TRY(describe(handle, x, dw, conv, dy, &d));
  return suggest(d, Pass::backwardFilter, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1,
                 requested, returned, results);
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                      cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t conv,
                                                      cudnnTensorDescriptor_t y, cudnnConvolutionFwdAlgo_t algo,
                                                      size_t* bytes) {
  return answerBytes(handle, x, w, conv, y, Pass::forward, algo, bytes);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                           cudnnTensorDescriptor_t dy,
                                                           cudnnConvolutionDescriptor_t conv,
                                                           cudnnTensorDescriptor_t dx,
                                                           cudnnConvolutionBwdDataAlgo_t algo, size_t* bytes) {
  return answerBytes(handle, dx, w, conv, dy, Pass::backwardData, algo, bytes);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                             cudnnTensorDescriptor_t dy,
                                                             cudnnConvolutionDescriptor_t conv,
                                                             cudnnFilterDescriptor_t dw,
                                                             cudnnConvolutionBwdFilterAlgo_t algo, size_t* bytes) {
  return answerBytes(handle, x, dw, conv, dy, Pass::backwardFilter, algo, bytes);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t xDesc,
                                      const void* x, cudnnFilterDescriptor_t wDesc, const void* w,
                                      cudnnConvolutionDescriptor_t conv, cudnnConvolutionFwdAlgo_t algo, void* work,
                                      size_t workBytes, const void* beta, cudnnTensorDescriptor_t yDesc, void* y) {
  Guard guard;
  Entry entry("cudnnConvolutionForward", Pass::forward);
  SIMULATED_TRY(entry.open(handle, xDesc, wDesc, conv, yDesc));
  SIMULATED_TRY(entry.scalars(alpha, beta));
  SIMULATED_TRY(entry.x(entry.call.xData = x));
  SIMULATED_TRY(entry.w(entry.call.wData = w));
  SIMULATED_TRY(entry.y(entry.call.out = y));
  SIMULATED_TRY(entry.space(algo, work, workBytes));
  simulated::count("convolutionForward");
  return entry.submitTo();
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha, cudnnFilterDescriptor_t wDesc,
                                           const void* w, cudnnTensorDescriptor_t dyDesc, const void* dy,
                                           cudnnConvolutionDescriptor_t conv, cudnnConvolutionBwdDataAlgo_t algo,
                                           void* work, size_t workBytes, const void* beta,
                                           cudnnTensorDescriptor_t dxDesc, void* dx) {
  Guard guard;
  Entry entry("cudnnConvolutionBackwardData", Pass::backwardData);
  SIMULATED_TRY(entry.open(handle, dxDesc, wDesc, conv, dyDesc));
  SIMULATED_TRY(entry.scalars(alpha, beta));
  SIMULATED_TRY(entry.w(entry.call.wData = w));
  SIMULATED_TRY(entry.y(entry.call.yData = dy));
  SIMULATED_TRY(entry.x(entry.call.out = dx));
  SIMULATED_TRY(entry.space(algo, work, workBytes));
  simulated::count("convolutionBackwardData");
  return entry.submitTo();
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t xDesc,
                                             const void* x, cudnnTensorDescriptor_t dyDesc, const void* dy,
                                             cudnnConvolutionDescriptor_t conv, cudnnConvolutionBwdFilterAlgo_t algo,
                                             void* work, size_t workBytes, const void* beta,
                                             cudnnFilterDescriptor_t dwDesc, void* dw) {
  Guard guard;
  Entry entry("cudnnConvolutionBackwardFilter", Pass::backwardFilter);
  SIMULATED_TRY(entry.open(handle, xDesc, dwDesc, conv, dyDesc));
  SIMULATED_TRY(entry.scalars(alpha, beta));
  SIMULATED_TRY(entry.x(entry.call.xData = x));
  SIMULATED_TRY(entry.y(entry.call.yData = dy));
  SIMULATED_TRY(entry.w(entry.call.out = dw));
  SIMULATED_TRY(entry.space(algo, work, workBytes));
  simulated::count("convolutionBackwardFilter");
  return entry.submitTo();
}

}  // namespace cugru::cuda
