// What is used of cuBLASLt (libcublasLt.so.12, .13): own declarations, with the vendor's names and values. Matrices are
// column-major unless a layout says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/driver/cuda_api.h"

namespace cugru::cuda {

using cublasLtHandle_t = struct cublasLtContext*;
using cublasLtMatmulDesc_t = struct cublasLtMatmulDescOpaque_t*;
using cublasLtMatrixLayout_t = struct cublasLtMatrixLayoutOpaque_t*;
using cublasLtMatmulPreference_t = struct cublasLtMatmulPreferenceOpaque_t*;

enum cublasStatus_t : unsigned {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_ALLOC_FAILED = 3,
  CUBLAS_STATUS_INVALID_VALUE = 7,
  CUBLAS_STATUS_ARCH_MISMATCH = 8,
  CUBLAS_STATUS_MAPPING_ERROR = 11,
  CUBLAS_STATUS_EXECUTION_FAILED = 13,
  CUBLAS_STATUS_INTERNAL_ERROR = 14,
  CUBLAS_STATUS_NOT_SUPPORTED = 15,
};
enum cudaDataType_t : unsigned { CUDA_R_32F = 0, CUDA_R_64F = 1, CUDA_R_16F = 2, CUDA_R_32I = 10, CUDA_R_16BF = 14 };
enum cublasComputeType_t : unsigned {
  CUBLAS_COMPUTE_16F = 64,
  CUBLAS_COMPUTE_32F = 68,
  CUBLAS_COMPUTE_32F_PEDANTIC = 69,
  CUBLAS_COMPUTE_64F = 70,
  CUBLAS_COMPUTE_32F_FAST_16F = 74,
  CUBLAS_COMPUTE_32F_FAST_16BF = 75,
  CUBLAS_COMPUTE_32F_FAST_TF32 = 77,
};
enum cublasOperation_t : unsigned { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };
enum cublasLtOrder_t : unsigned { CUBLASLT_ORDER_COL = 0, CUBLASLT_ORDER_ROW = 1 };
enum cublasLtPointerMode_t : unsigned { CUBLASLT_POINTER_MODE_HOST = 0, CUBLASLT_POINTER_MODE_DEVICE = 1 };
enum cublasLtMatmulDescAttributes_t : unsigned {
  CUBLASLT_MATMUL_DESC_COMPUTE_TYPE = 0,           // int32
  CUBLASLT_MATMUL_DESC_SCALE_TYPE = 1,             // int32
  CUBLASLT_MATMUL_DESC_POINTER_MODE = 2,           // int32
  CUBLASLT_MATMUL_DESC_TRANSA = 3,                 // int32, cublasOperation_t
  CUBLASLT_MATMUL_DESC_TRANSB = 4,                 // int32, cublasOperation_t
  CUBLASLT_MATMUL_DESC_EPILOGUE = 7,               // uint32, cublasLtEpilogue_t
  CUBLASLT_MATMUL_DESC_BIAS_POINTER = 8,           // a device pointer
  CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE = 10,     // int64
  CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER = 11,  // a device pointer
  CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD = 12,       // int64
  CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE = 13,
  CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET = 15,         // int32
  CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE = 22,  // int32, cudaDataType_t
  CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE = 26,          // int32, cudaDataType_t
};
enum cublasLtMatrixLayoutAttribute_t : unsigned {
  CUBLASLT_MATRIX_LAYOUT_TYPE = 0,                  // uint32
  CUBLASLT_MATRIX_LAYOUT_ORDER = 1,                 // int32
  CUBLASLT_MATRIX_LAYOUT_ROWS = 2,                  // uint64
  CUBLASLT_MATRIX_LAYOUT_COLS = 3,                  // uint64
  CUBLASLT_MATRIX_LAYOUT_LD = 4,                    // int64
  CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT = 5,           // int32
  CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET = 6,  // int64
};
enum cublasLtMatmulPreferenceAttributes_t : unsigned {
  CUBLASLT_MATMUL_PREF_SEARCH_MODE = 0,
  CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1,    // uint64
  CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3,  // uint32
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5,  // uint32, as the next three
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES = 6,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES = 7,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8,
};
enum cublasLtReductionScheme_t : unsigned {
  CUBLASLT_REDUCTION_SCHEME_NONE = 0,
  CUBLASLT_REDUCTION_SCHEME_INPLACE = 1,  // with atomics: not deterministic
  CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE = 2,
  CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE = 4,
};
enum cublasLtEpilogue_t : unsigned {
  CUBLASLT_EPILOGUE_DEFAULT = 1,
  CUBLASLT_EPILOGUE_RELU = 2,
  CUBLASLT_EPILOGUE_BIAS = 4,
  CUBLASLT_EPILOGUE_RELU_BIAS = 6,
  CUBLASLT_EPILOGUE_GELU = 32,
  CUBLASLT_EPILOGUE_GELU_BIAS = 36,
  CUBLASLT_EPILOGUE_RELU_AUX = 130,
  CUBLASLT_EPILOGUE_RELU_AUX_BIAS = 134,
  CUBLASLT_EPILOGUE_DRELU = 136,
  CUBLASLT_EPILOGUE_DRELU_BGRAD = 152,
  CUBLASLT_EPILOGUE_GELU_AUX = 160,
  CUBLASLT_EPILOGUE_GELU_AUX_BIAS = 164,
  CUBLASLT_EPILOGUE_DGELU = 192,
  CUBLASLT_EPILOGUE_DGELU_BGRAD = 208,
  CUBLASLT_EPILOGUE_BGRADA = 256,
  CUBLASLT_EPILOGUE_BGRADB = 512,
};

struct cublasLtMatmulAlgo_t {
  uint64_t data[8];
};
struct cublasLtMatmulHeuristicResult_t {
  cublasLtMatmulAlgo_t algo;
  size_t workspaceSize;
  cublasStatus_t state;
  float wavesCount;
  int reserved[4];
};

#define CUGRU_CUBLASLT_SYMBOLS(REQUIRED, OPTIONAL)                                                                    \
  REQUIRED(size_t, cublasLtGetVersion, (void))                                                                        \
  REQUIRED(size_t, cublasLtGetCudartVersion, (void))                                                                  \
  REQUIRED(const char*, cublasLtGetStatusName, (cublasStatus_t status))                                               \
  REQUIRED(const char*, cublasLtGetStatusString, (cublasStatus_t status))                                             \
  REQUIRED(cublasStatus_t, cublasLtCreate, (cublasLtHandle_t * handle))                                               \
  REQUIRED(cublasStatus_t, cublasLtDestroy, (cublasLtHandle_t handle))                                                \
  REQUIRED(cublasStatus_t, cublasLtMatmulDescCreate,                                                                  \
           (cublasLtMatmulDesc_t * desc, cublasComputeType_t computeType, cudaDataType_t scaleType))                  \
  REQUIRED(cublasStatus_t, cublasLtMatmulDescDestroy, (cublasLtMatmulDesc_t desc))                                    \
  REQUIRED(cublasStatus_t, cublasLtMatmulDescSetAttribute,                                                            \
           (cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute, const void* value, size_t bytes))    \
  REQUIRED(cublasStatus_t, cublasLtMatrixLayoutCreate,                                                                \
           (cublasLtMatrixLayout_t * layout, cudaDataType_t type, uint64_t rows, uint64_t columns, int64_t stride))   \
  REQUIRED(cublasStatus_t, cublasLtMatrixLayoutDestroy, (cublasLtMatrixLayout_t layout))                              \
  REQUIRED(                                                                                                           \
      cublasStatus_t, cublasLtMatrixLayoutSetAttribute,                                                               \
      (cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t attribute, const void* value, size_t bytes))    \
  REQUIRED(cublasStatus_t, cublasLtMatmulPreferenceCreate, (cublasLtMatmulPreference_t * preference))                 \
  REQUIRED(cublasStatus_t, cublasLtMatmulPreferenceDestroy, (cublasLtMatmulPreference_t preference))                  \
  REQUIRED(cublasStatus_t, cublasLtMatmulPreferenceSetAttribute,                                                      \
           (cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute, const void* value, \
            size_t bytes))                                                                                            \
  REQUIRED(cublasStatus_t, cublasLtMatmulAlgoGetHeuristic,                                                            \
           (cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,   \
            cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int requested, \
            cublasLtMatmulHeuristicResult_t* results, int* returned))                                                 \
  REQUIRED(cublasStatus_t, cublasLtMatmul,                                                                            \
           (cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha, const void* a,                     \
            cublasLtMatrixLayout_t aLayout, const void* b, cublasLtMatrixLayout_t bLayout, const void* beta,          \
            const void* c, cublasLtMatrixLayout_t cLayout, void* d, cublasLtMatrixLayout_t dLayout,                   \
            const cublasLtMatmulAlgo_t* algo, void* workspace, size_t workspaceBytes, CUstream stream))

struct CublasLtApi {
  CUGRU_CUBLASLT_SYMBOLS(CUGRU_SYMBOL_POINTER, CUGRU_SYMBOL_POINTER)
};

inline std::vector<SymbolSlot> symbolsOf(CublasLtApi& api) {
  return {CUGRU_CUBLASLT_SYMBOLS(CUGRU_SYMBOL_REQUIRED, CUGRU_SYMBOL_OPTIONAL)};
}

}  // namespace cugru::cuda
