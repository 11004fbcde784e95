// What is used of cuDNN (libcudnn.so.9, .8): own declarations, with the vendor's names and values. Recurrent operations go
// through the v8 entry points only, which are the same in 8 and 9; convolutions through those that have descriptors of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/driver/cuda_api.h"

namespace cugru::cuda {

using cudnnHandle_t = struct cudnnContext*;
using cudnnRNNDescriptor_t = struct cudnnRNNStruct*;
using cudnnRNNDataDescriptor_t = struct cudnnRNNDataStruct*;
using cudnnTensorDescriptor_t = struct cudnnTensorStruct*;
using cudnnDropoutDescriptor_t = struct cudnnDropoutStruct*;
using cudnnFilterDescriptor_t = struct cudnnFilterStruct*;
using cudnnConvolutionDescriptor_t = struct cudnnConvolutionStruct*;

// Those of cuDNN 9, where `status / 1000` is the category. cuDNN 8 has small numbers with other meanings: only 0 is the same,
// so ask cudnnGetErrorString for words.
enum cudnnStatus_t : unsigned {
  CUDNN_STATUS_SUCCESS = 0,
  CUDNN_STATUS_NOT_INITIALIZED = 1001,
  CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH = 1002,
  CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED = 1008,
  CUDNN_STATUS_BAD_PARAM = 2000,
  CUDNN_STATUS_BAD_PARAM_NULL_POINTER = 2002,
  CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND = 2005,
  CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT = 2006,
  CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH = 2008,
  CUDNN_STATUS_NOT_SUPPORTED = 3000,
  CUDNN_STATUS_NOT_SUPPORTED_INCOMPATIBLE_CUDA_DRIVER = 3005,
  CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH = 3007,
  CUDNN_STATUS_INTERNAL_ERROR = 4000,
  CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED = 4003,
  CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED = 4004,
  CUDNN_STATUS_EXECUTION_FAILED = 5000,
};
enum cudnnDataType_t : unsigned {
  CUDNN_DATA_FLOAT = 0,
  CUDNN_DATA_DOUBLE = 1,
  CUDNN_DATA_HALF = 2,
  CUDNN_DATA_INT32 = 4,
  CUDNN_DATA_BFLOAT16 = 9,
};
enum cudnnMathType_t : unsigned {
  CUDNN_DEFAULT_MATH = 0,  // TF32 is allowed
  CUDNN_TENSOR_OP_MATH = 1,
  CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION = 2,
  CUDNN_FMA_MATH = 3,  // float32 as it is
};
enum cudnnNanPropagation_t : unsigned { CUDNN_NOT_PROPAGATE_NAN = 0, CUDNN_PROPAGATE_NAN = 1 };
enum cudnnForwardMode_t : unsigned { CUDNN_FWD_MODE_INFERENCE = 0, CUDNN_FWD_MODE_TRAINING = 1 };
enum cudnnRNNAlgo_t : unsigned {
  CUDNN_RNN_ALGO_STANDARD = 0,
  CUDNN_RNN_ALGO_PERSIST_STATIC = 1,
  CUDNN_RNN_ALGO_PERSIST_DYNAMIC = 2,
  CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H = 3,
};
enum cudnnRNNMode_t : unsigned { CUDNN_RNN_RELU = 0, CUDNN_RNN_TANH = 1, CUDNN_LSTM = 2, CUDNN_GRU = 3 };
enum cudnnRNNBiasMode_t : unsigned {
  CUDNN_RNN_NO_BIAS = 0,
  CUDNN_RNN_SINGLE_INP_BIAS = 1,
  CUDNN_RNN_DOUBLE_BIAS = 2,
  CUDNN_RNN_SINGLE_REC_BIAS = 3,
};
enum cudnnDirectionMode_t : unsigned { CUDNN_UNIDIRECTIONAL = 0, CUDNN_BIDIRECTIONAL = 1 };
enum cudnnRNNInputMode_t : unsigned { CUDNN_LINEAR_INPUT = 0, CUDNN_SKIP_INPUT = 1 };
enum cudnnRNNClipMode_t : unsigned { CUDNN_RNN_CLIP_NONE = 0, CUDNN_RNN_CLIP_MINMAX = 1 };
enum cudnnRNNDataLayout_t : unsigned {
  CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED = 0,
  CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED = 1,
  CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED = 2,
};
enum cudnnWgradMode_t : unsigned { CUDNN_WGRAD_MODE_ADD = 0, CUDNN_WGRAD_MODE_SET = 1 };
enum cudnnTensorFormat_t : unsigned { CUDNN_TENSOR_NCHW = 0, CUDNN_TENSOR_NHWC = 1, CUDNN_TENSOR_NCHW_VECT_C = 2 };
enum cudnnConvolutionMode_t : unsigned { CUDNN_CONVOLUTION = 0, CUDNN_CROSS_CORRELATION = 1 };
enum cudnnDeterminism_t : unsigned { CUDNN_NON_DETERMINISTIC = 0, CUDNN_DETERMINISTIC = 1 };
enum cudnnConvolutionFwdAlgo_t : unsigned {
  CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM = 0,
  CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM = 1,
  CUDNN_CONVOLUTION_FWD_ALGO_COUNT = 8,
};
enum cudnnConvolutionBwdDataAlgo_t : unsigned {
  CUDNN_CONVOLUTION_BWD_DATA_ALGO_0 = 0,
  CUDNN_CONVOLUTION_BWD_DATA_ALGO_1 = 1,
  CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT = 6,
};
enum cudnnConvolutionBwdFilterAlgo_t : unsigned {
  CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 = 0,
  CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1 = 1,
  CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT = 7,
};

// What the heuristics say of an algorithm.
struct cudnnConvolutionFwdAlgoPerf_t {
  cudnnConvolutionFwdAlgo_t algo;
  cudnnStatus_t status;
  float time;
  size_t memory;
  cudnnDeterminism_t determinism;
  cudnnMathType_t mathType;
  int reserved[3];
};
struct cudnnConvolutionBwdDataAlgoPerf_t {
  cudnnConvolutionBwdDataAlgo_t algo;
  cudnnStatus_t status;
  float time;
  size_t memory;
  cudnnDeterminism_t determinism;
  cudnnMathType_t mathType;
  int reserved[3];
};
struct cudnnConvolutionBwdFilterAlgoPerf_t {
  cudnnConvolutionBwdFilterAlgo_t algo;
  cudnnStatus_t status;
  float time;
  size_t memory;
  cudnnDeterminism_t determinism;
  cudnnMathType_t mathType;
  int reserved[3];
};

// The vendor has these as macros, so they have names of our own.
inline constexpr uint32_t kRnnPaddedIoDisabled = 0;  // CUDNN_RNN_PADDED_IO_DISABLED
inline constexpr uint32_t kRnnPaddedIoEnabled = 1;   // CUDNN_RNN_PADDED_IO_ENABLED

#define CUGRU_CUDNN_SYMBOLS(REQUIRED, OPTIONAL)                                                                        \
  REQUIRED(size_t, cudnnGetVersion, (void))                                                                            \
  REQUIRED(size_t, cudnnGetCudartVersion, (void))                                                                      \
  REQUIRED(const char*, cudnnGetErrorString, (cudnnStatus_t status))                                                   \
  OPTIONAL(void, cudnnGetLastErrorString, (char* message, size_t maxSize))                                             \
  REQUIRED(cudnnStatus_t, cudnnCreate, (cudnnHandle_t * handle))                                                       \
  REQUIRED(cudnnStatus_t, cudnnDestroy, (cudnnHandle_t handle))                                                        \
  REQUIRED(cudnnStatus_t, cudnnSetStream, (cudnnHandle_t handle, CUstream stream))                                     \
  OPTIONAL(cudnnStatus_t, cudnnAdvVersionCheck, (void))                                                                \
  REQUIRED(cudnnStatus_t, cudnnCreateTensorDescriptor, (cudnnTensorDescriptor_t * desc))                               \
  REQUIRED(cudnnStatus_t, cudnnDestroyTensorDescriptor, (cudnnTensorDescriptor_t desc))                                \
  REQUIRED(cudnnStatus_t, cudnnSetTensorNdDescriptor,                                                                  \
           (cudnnTensorDescriptor_t desc, cudnnDataType_t type, int rank, const int* sizes, const int* strides))       \
  REQUIRED(                                                                                                            \
      cudnnStatus_t, cudnnGetTensorNdDescriptor,                                                                       \
      (cudnnTensorDescriptor_t desc, int rankRequested, cudnnDataType_t* type, int* rank, int* sizes, int* strides))   \
  REQUIRED(cudnnStatus_t, cudnnCreateDropoutDescriptor, (cudnnDropoutDescriptor_t * desc))                             \
  REQUIRED(cudnnStatus_t, cudnnDestroyDropoutDescriptor, (cudnnDropoutDescriptor_t desc))                              \
  REQUIRED(cudnnStatus_t, cudnnSetDropoutDescriptor,                                                                   \
           (cudnnDropoutDescriptor_t desc, cudnnHandle_t handle, float dropout, void* states, size_t stateBytes,       \
            unsigned long long seed))                                                                                  \
  REQUIRED(cudnnStatus_t, cudnnCreateRNNDescriptor, (cudnnRNNDescriptor_t * desc))                                     \
  REQUIRED(cudnnStatus_t, cudnnDestroyRNNDescriptor, (cudnnRNNDescriptor_t desc))                                      \
  REQUIRED(cudnnStatus_t, cudnnSetRNNDescriptor_v8,                                                                    \
           (cudnnRNNDescriptor_t desc, cudnnRNNAlgo_t algo, cudnnRNNMode_t cell, cudnnRNNBiasMode_t bias,              \
            cudnnDirectionMode_t direction, cudnnRNNInputMode_t input, cudnnDataType_t dataType,                       \
            cudnnDataType_t mathPrecision, cudnnMathType_t mathType, int32_t inputSize, int32_t hiddenSize,            \
            int32_t projectionSize, int32_t layers, cudnnDropoutDescriptor_t dropout, uint32_t flags))                 \
  OPTIONAL(cudnnStatus_t, cudnnRNNSetClip_v8,                                                                          \
           (cudnnRNNDescriptor_t desc, cudnnRNNClipMode_t mode, cudnnNanPropagation_t nan, double low, double high))   \
  OPTIONAL(cudnnStatus_t, cudnnRNNSetClip_v9,                                                                          \
           (cudnnRNNDescriptor_t desc, cudnnRNNClipMode_t mode, double low, double high))                              \
  OPTIONAL(cudnnStatus_t, cudnnBuildRNNDynamic, (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, int batch))          \
  REQUIRED(cudnnStatus_t, cudnnGetRNNWeightSpaceSize,                                                                  \
           (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, size_t * bytes))                                          \
  REQUIRED(cudnnStatus_t, cudnnGetRNNWeightParams,                                                                     \
           (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, int32_t pseudoLayer, size_t weightBytes,                  \
            const void* weights, int32_t linLayer, cudnnTensorDescriptor_t matrixDesc, void** matrix,                  \
            cudnnTensorDescriptor_t biasDesc, void** bias))                                                            \
  REQUIRED(cudnnStatus_t, cudnnGetRNNTempSpaceSizes,                                                                   \
           (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnForwardMode_t mode, cudnnRNNDataDescriptor_t xDesc,  \
            size_t * workBytes, size_t * reserveBytes))                                                                \
  REQUIRED(cudnnStatus_t, cudnnCreateRNNDataDescriptor, (cudnnRNNDataDescriptor_t * desc))                             \
  REQUIRED(cudnnStatus_t, cudnnDestroyRNNDataDescriptor, (cudnnRNNDataDescriptor_t desc))                              \
  REQUIRED(cudnnStatus_t, cudnnSetRNNDataDescriptor,                                                                   \
           (cudnnRNNDataDescriptor_t desc, cudnnDataType_t type, cudnnRNNDataLayout_t layout, int maxSteps, int batch, \
            int vectorSize, const int* lengths, void* paddingFill))                                                    \
  REQUIRED(cudnnStatus_t, cudnnRNNForward,                                                                             \
           (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnForwardMode_t mode, const int32_t* lengths,          \
            cudnnRNNDataDescriptor_t xDesc, const void* x, cudnnRNNDataDescriptor_t yDesc, void* y,                    \
            cudnnTensorDescriptor_t hDesc, const void* hx, void* hy, cudnnTensorDescriptor_t cDesc, const void* cx,    \
            void* cy, size_t weightBytes, const void* weights, size_t workBytes, void* work, size_t reserveBytes,      \
            void* reserve))                                                                                            \
  REQUIRED(cudnnStatus_t, cudnnRNNBackwardData_v8,                                                                     \
           (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, const int32_t* lengths, cudnnRNNDataDescriptor_t yDesc,   \
            const void* y, const void* dy, cudnnRNNDataDescriptor_t xDesc, void* dx, cudnnTensorDescriptor_t hDesc,    \
            const void* hx, const void* dhy, void* dhx, cudnnTensorDescriptor_t cDesc, const void* cx,                 \
            const void* dcy, void* dcx, size_t weightBytes, const void* weights, size_t workBytes, void* work,         \
            size_t reserveBytes, void* reserve))                                                                       \
  REQUIRED(cudnnStatus_t, cudnnRNNBackwardWeights_v8,                                                                  \
           (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnWgradMode_t mode, const int32_t* lengths,            \
            cudnnRNNDataDescriptor_t xDesc, const void* x, cudnnTensorDescriptor_t hDesc, const void* hx,              \
            cudnnRNNDataDescriptor_t yDesc, const void* y, size_t weightBytes, void* dweights, size_t workBytes,       \
            void* work, size_t reserveBytes, void* reserve))                                                           \
  OPTIONAL(cudnnStatus_t, cudnnCreateFilterDescriptor, (cudnnFilterDescriptor_t * desc))                               \
  OPTIONAL(cudnnStatus_t, cudnnDestroyFilterDescriptor, (cudnnFilterDescriptor_t desc))                                \
  OPTIONAL(cudnnStatus_t, cudnnSetFilter4dDescriptor,                                                                  \
           (cudnnFilterDescriptor_t desc, cudnnDataType_t type, cudnnTensorFormat_t format, int filters, int channels, \
            int height, int width))                                                                                    \
  OPTIONAL(cudnnStatus_t, cudnnCreateConvolutionDescriptor, (cudnnConvolutionDescriptor_t * desc))                     \
  OPTIONAL(cudnnStatus_t, cudnnDestroyConvolutionDescriptor, (cudnnConvolutionDescriptor_t desc))                      \
  OPTIONAL(cudnnStatus_t, cudnnSetConvolution2dDescriptor,                                                             \
           (cudnnConvolutionDescriptor_t desc, int padY, int padX, int strideY, int strideX, int dilationY,            \
            int dilationX, cudnnConvolutionMode_t mode, cudnnDataType_t computeType))                                  \
  OPTIONAL(cudnnStatus_t, cudnnSetConvolutionMathType, (cudnnConvolutionDescriptor_t desc, cudnnMathType_t mathType))  \
  OPTIONAL(cudnnStatus_t, cudnnGetConvolutionForwardAlgorithm_v7,                                                      \
           (cudnnHandle_t handle, cudnnTensorDescriptor_t xDesc, cudnnFilterDescriptor_t wDesc,                        \
            cudnnConvolutionDescriptor_t convDesc, cudnnTensorDescriptor_t yDesc, int requested, int* returned,        \
            cudnnConvolutionFwdAlgoPerf_t* results))                                                                   \
  OPTIONAL(cudnnStatus_t, cudnnGetConvolutionBackwardDataAlgorithm_v7,                                                 \
           (cudnnHandle_t handle, cudnnFilterDescriptor_t wDesc, cudnnTensorDescriptor_t dyDesc,                       \
            cudnnConvolutionDescriptor_t convDesc, cudnnTensorDescriptor_t dxDesc, int requested, int* returned,       \
            cudnnConvolutionBwdDataAlgoPerf_t* results))                                                               \
  OPTIONAL(cudnnStatus_t, cudnnGetConvolutionBackwardFilterAlgorithm_v7,                                               \
           (cudnnHandle_t handle, cudnnTensorDescriptor_t xDesc, cudnnTensorDescriptor_t dyDesc,                       \
            cudnnConvolutionDescriptor_t convDesc, cudnnFilterDescriptor_t dwDesc, int requested, int* returned,       \
            cudnnConvolutionBwdFilterAlgoPerf_t* results))                                                             \
  OPTIONAL(cudnnStatus_t, cudnnGetConvolutionForwardWorkspaceSize,                                                     \
           (cudnnHandle_t handle, cudnnTensorDescriptor_t xDesc, cudnnFilterDescriptor_t wDesc,                        \
            cudnnConvolutionDescriptor_t convDesc, cudnnTensorDescriptor_t yDesc, cudnnConvolutionFwdAlgo_t algo,      \
            size_t * bytes))                                                                                           \
  OPTIONAL(cudnnStatus_t, cudnnGetConvolutionBackwardDataWorkspaceSize,                                                \
           (cudnnHandle_t handle, cudnnFilterDescriptor_t wDesc, cudnnTensorDescriptor_t dyDesc,                       \
            cudnnConvolutionDescriptor_t convDesc, cudnnTensorDescriptor_t dxDesc, cudnnConvolutionBwdDataAlgo_t algo, \
            size_t * bytes))                                                                                           \
  OPTIONAL(cudnnStatus_t, cudnnGetConvolutionBackwardFilterWorkspaceSize,                                              \
           (cudnnHandle_t handle, cudnnTensorDescriptor_t xDesc, cudnnTensorDescriptor_t dyDesc,                       \
            cudnnConvolutionDescriptor_t convDesc, cudnnFilterDescriptor_t dwDesc,                                     \
            cudnnConvolutionBwdFilterAlgo_t algo, size_t * bytes))                                                     \
  OPTIONAL(cudnnStatus_t, cudnnConvolutionForward,                                                                     \
           (cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t xDesc, const void* x,                     \
            cudnnFilterDescriptor_t wDesc, const void* w, cudnnConvolutionDescriptor_t convDesc,                       \
            cudnnConvolutionFwdAlgo_t algo, void* work, size_t workBytes, const void* beta,                            \
            cudnnTensorDescriptor_t yDesc, void* y))                                                                   \
  OPTIONAL(cudnnStatus_t, cudnnConvolutionBackwardData,                                                                \
           (cudnnHandle_t handle, const void* alpha, cudnnFilterDescriptor_t wDesc, const void* w,                     \
            cudnnTensorDescriptor_t dyDesc, const void* dy, cudnnConvolutionDescriptor_t convDesc,                     \
            cudnnConvolutionBwdDataAlgo_t algo, void* work, size_t workBytes, const void* beta,                        \
            cudnnTensorDescriptor_t dxDesc, void* dx))                                                                 \
  OPTIONAL(cudnnStatus_t, cudnnConvolutionBackwardFilter,                                                              \
           (cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t xDesc, const void* x,                     \
            cudnnTensorDescriptor_t dyDesc, const void* dy, cudnnConvolutionDescriptor_t convDesc,                     \
            cudnnConvolutionBwdFilterAlgo_t algo, void* work, size_t workBytes, const void* beta,                      \
            cudnnFilterDescriptor_t dwDesc, void* dw))

struct CudnnApi {
  CUGRU_CUDNN_SYMBOLS(CUGRU_SYMBOL_POINTER, CUGRU_SYMBOL_POINTER)
};

inline std::vector<SymbolSlot> symbolsOf(CudnnApi& api) {
  return {CUGRU_CUDNN_SYMBOLS(CUGRU_SYMBOL_REQUIRED, CUGRU_SYMBOL_OPTIONAL)};
}

}  // namespace cugru::cuda
