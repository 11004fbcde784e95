#include "cublaslt/problem.h"

#include <cmath>

namespace simulated {

namespace {

bool isScaleOf(const MatmulDesc& desc, uint32_t input, uint32_t output) {
  const bool narrow = input == CUDA_R_16F || input == CUDA_R_16BF;
  switch (desc.compute) {
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC:
      return desc.scale == CUDA_R_32F && (output == CUDA_R_32F || output == input) && (narrow || input == CUDA_R_32F);
    case CUBLAS_COMPUTE_32F_FAST_16F:
    case CUBLAS_COMPUTE_32F_FAST_16BF:
    case CUBLAS_COMPUTE_32F_FAST_TF32: return desc.scale == CUDA_R_32F && input == CUDA_R_32F && output == CUDA_R_32F;
    case CUBLAS_COMPUTE_64F: return desc.scale == CUDA_R_64F && input == CUDA_R_64F && output == CUDA_R_64F;
    default: return false;
  }
}

bool isLayout(const MatrixLayout& layout) {
  const uint64_t least = layout.order == CUBLASLT_ORDER_COL ? layout.rows : layout.columns;
  return layout.rows > 0 && layout.columns > 0 && layout.ld >= static_cast<int64_t>(least) && layout.batch >= 1 &&
         (layout.order == CUBLASLT_ORDER_COL || layout.order == CUBLASLT_ORDER_ROW);
}

// op(M), [rows][columns], of one of the batch.
std::vector<double> matrix(const MatrixLayout& layout, const void* data, int index, bool transpose) {
  Number type{};
  numberOf(layout.type, &type);
  const size_t rows = transpose ? layout.columns : layout.rows, columns = transpose ? layout.rows : layout.columns;
  std::vector<double> out(rows * columns);
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) {
      out[i * columns + j] = load(type, data, transpose ? layout.at(j, i, index) : layout.at(i, j, index));
    }
  }
  return out;
}

double activated(uint32_t epilogue, double x) {
  if (epilogue == CUBLASLT_EPILOGUE_RELU || epilogue == CUBLASLT_EPILOGUE_RELU_BIAS) return std::fmax(x, 0.0);
  if (epilogue == CUBLASLT_EPILOGUE_GELU || epilogue == CUBLASLT_EPILOGUE_GELU_BIAS) {
    return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  }
  return x;
}

// BGRADA: sums of op(A)'s rows; BGRADB: of op(B)'s columns.
void reduce(const Problem& problem, const std::vector<double>& a, const std::vector<double>& b, int index) {
  Number type{};
  numberOf(problem.biasType(), &type);
  const size_t depth = problem.depth(), count = problem.biasCount();
  const bool ofA = problem.desc.epilogue == CUBLASLT_EPILOGUE_BGRADA;
  for (size_t i = 0; i < count; i++) {
    double sum = 0;
    for (size_t k = 0; k < depth; k++) sum += ofA ? a[i * depth + k] : b[k * count + i];
    store(type, problem.desc.bias, index * problem.desc.biasStride + i, sum);
  }
}

void multiplyOne(const Problem& problem, const Operands& operands, int index) {
  const MatrixLayout& d = problem.d;
  Number type{}, typeOfC{}, typeOfBias{};
  numberOf(d.type, &type);
  numberOf(problem.c.type, &typeOfC);
  numberOf(problem.biasType(), &typeOfBias);
  const size_t depth = problem.depth();
  const std::vector<double> a = matrix(problem.a, operands.a, index, problem.desc.transA == CUBLAS_OP_T);
  const std::vector<double> b = matrix(problem.b, operands.b, index, problem.desc.transB == CUBLAS_OP_T);
  std::vector<double> row(d.columns);
  for (size_t i = 0; i < d.rows; i++) {
    row.assign(d.columns, 0);
    for (size_t k = 0; k < depth; k++) addScaled(row.data(), &b[k * d.columns], a[i * depth + k], d.columns);
    const double bias = problem.adds() ? load(typeOfBias, problem.desc.bias, index * problem.desc.biasStride + i) : 0;
    for (size_t j = 0; j < d.columns; j++) {
      double value = operands.alpha * row[j] + bias;
      if (operands.beta != 0) value += operands.beta * load(typeOfC, operands.c, problem.c.at(i, j, index));
      store(type, operands.d, d.at(i, j, index), activated(problem.desc.epilogue, value));
    }
  }
  if (problem.reduces()) reduce(problem, a, b, index);
}

}  // namespace

cublasStatus_t Problem::check() const {
  for (const MatrixLayout* layout : {&a, &b, &c, &d}) {
    if (!isLayout(*layout) || layout->batch != d.batch) return CUBLAS_STATUS_INVALID_VALUE;
  }
  for (const int32_t transpose : {desc.transA, desc.transB}) {
    if (transpose != CUBLAS_OP_N && transpose != CUBLAS_OP_T) return CUBLAS_STATUS_INVALID_VALUE;
  }
  const uint64_t rows = desc.transA == CUBLAS_OP_N ? a.rows : a.columns;
  const uint64_t depthOfB = desc.transB == CUBLAS_OP_N ? b.rows : b.columns;
  const uint64_t columns = desc.transB == CUBLAS_OP_N ? b.columns : b.rows;
  if (rows != d.rows || columns != d.columns || depth() != depthOfB) return CUBLAS_STATUS_INVALID_VALUE;
  if (c.rows != d.rows || c.columns != d.columns || c.type != d.type || c.order != d.order) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (desc.exotic || a.type != b.type || !isScaleOf(desc, a.type, d.type)) return CUBLAS_STATUS_NOT_SUPPORTED;
  switch (desc.epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
    case CUBLASLT_EPILOGUE_RELU:
    case CUBLASLT_EPILOGUE_GELU: return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_RELU_BIAS:
    case CUBLASLT_EPILOGUE_GELU_BIAS:
    case CUBLASLT_EPILOGUE_BGRADA:
    case CUBLASLT_EPILOGUE_BGRADB: {
      Number ignored{};
      return d.order == CUBLASLT_ORDER_COL && numberOf(biasType(), &ignored) ? CUBLAS_STATUS_SUCCESS
                                                                             : CUBLAS_STATUS_NOT_SUPPORTED;
    }
    default: return CUBLAS_STATUS_NOT_SUPPORTED;
  }
}

uint64_t Problem::signature() const {
  std::vector<double> parts{double(desc.compute), double(desc.scale), double(desc.transA), double(desc.transB),
                            double(desc.epilogue)};
  for (const MatrixLayout* one : {&a, &b, &c, &d}) {
    const std::vector<double> more{double(one->type), double(one->order), double(one->rows),       double(one->columns),
                                   double(one->ld),   double(one->batch), double(one->batchStride)};
    parts.insert(parts.end(), more.begin(), more.end());
  }
  return checksum(parts);
}

void multiply(const Problem& problem, const Operands& operands) {
  for (int index = 0; index < problem.d.batch; index++) multiplyOne(problem, operands, index);
}

}  // namespace simulated
