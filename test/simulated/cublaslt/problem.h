// One multiplication, D = epilogue(alpha op(A) op(B) + beta C): whether it makes sense, and how it is done.
#pragma once

#include "cublaslt/descriptors.h"

namespace simulated {

struct Problem {
  MatmulDesc desc;
  MatrixLayout a, b, c, d;

  cublasStatus_t check() const;
  uint64_t signature() const;  // what an algorithm was chosen for
  size_t depth() const { return desc.transA == CUBLAS_OP_N ? a.columns : a.rows; }
  bool adds() const { return (desc.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0; }
  bool reduces() const {
    return desc.epilogue == CUBLASLT_EPILOGUE_BGRADA || desc.epilogue == CUBLASLT_EPILOGUE_BGRADB;
  }
  uint32_t biasType() const { return desc.biasType >= 0 ? static_cast<uint32_t>(desc.biasType) : d.type; }
  size_t biasCount() const { return desc.epilogue == CUBLASLT_EPILOGUE_BGRADB ? d.columns : d.rows; }
};

struct Operands {
  const void *a, *b, *c;
  void* d;
  double alpha, beta;
};

void multiply(const Problem& problem, const Operands& operands);

}  // namespace simulated
