// What cuBLASLt's handles and descriptors hold.
#pragma once

#include "core/numeric.h"
#include "core/stream.h"
#include "cuda/driver/cublaslt_api.h"

namespace simulated {

struct LtHandle {
  Context* context = nullptr;
};

struct MatmulDesc {
  int32_t compute = CUBLAS_COMPUTE_32F, scale = CUDA_R_32F, pointerMode = CUBLASLT_POINTER_MODE_HOST;
  int32_t transA = CUBLAS_OP_N, transB = CUBLAS_OP_N;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;
  int64_t biasStride = 0;
  int32_t biasType = -1;  // D's
  bool exotic = false;    // something was set that is not simulated
};

struct MatrixLayout {
  uint32_t type = CUDA_R_32F;
  int32_t order = CUBLASLT_ORDER_COL;
  uint64_t rows = 0, columns = 0;
  int64_t ld = 0;
  int32_t batch = 1;
  int64_t batchStride = 0;

  size_t at(size_t row, size_t column, int index) const {
    const size_t inside = order == CUBLASLT_ORDER_COL ? column * ld + row : row * ld + column;
    return static_cast<size_t>(index) * batchStride + inside;
  }
  size_t elements() const { return rows > 0 && columns > 0 ? at(rows - 1, columns - 1, batch - 1) + 1 : 0; }
};

struct Preference {
  uint64_t workspace = 0;
  uint32_t reductions = ~0u;
  uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C, D
};

Registry<LtHandle>& ltHandles();
Registry<MatmulDesc>& matmulDescs();
Registry<MatrixLayout>& matrixLayouts();
Registry<Preference>& preferences();

bool numberOf(uint32_t type, Number* number);

}  // namespace simulated
