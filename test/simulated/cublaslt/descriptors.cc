#include "cublaslt/descriptors.h"

#include <cstring>

#include "cublaslt/exported.h"

namespace simulated {

using namespace cugru::cuda;

namespace {

template <typename T>
Registry<T>& registry(Inventory inventory) {
  static auto* const all = [&] {
    addInventory(inventory);
    return new Registry<T>;
  }();
  return *all;
}

template <typename T>
std::vector<std::string> listed(Registry<T>& (*items)(), const char* name) {
  return std::vector<std::string>(items().all().size(), name);
}

template <typename T, typename Handle>
cublasStatus_t create(Registry<T>& registry, Handle* handle, T made) {
  if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  *handle = registry.template add<Handle>(std::make_shared<T>(made));
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T, typename Handle>
cublasStatus_t destroy(Registry<T>& registry, Handle handle) {
  return registry.remove(handle) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

// An attribute must come in exactly its own size.
template <typename T>
cublasStatus_t take(T& field, const void* value, size_t bytes) {
  if (value == nullptr || bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&field, value, sizeof(T));
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t setMatmul(MatmulDesc& desc, cublasLtMatmulDescAttributes_t attribute, const void* value, size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE: return take(desc.compute, value, bytes);
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE: return take(desc.scale, value, bytes);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE: return take(desc.pointerMode, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSA: return take(desc.transA, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB: return take(desc.transB, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return take(desc.epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return take(desc.bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE: return take(desc.biasStride, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return take(desc.biasType, value, bytes);
    case CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET: {
      int32_t ignored = 0;
      return take(ignored, value, bytes);
    }
    default: desc.exotic = true; return value != nullptr ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t setLayout(MatrixLayout& layout, cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                         size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_TYPE: return take(layout.type, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_ORDER: return take(layout.order, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_ROWS: return take(layout.rows, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_COLS: return take(layout.columns, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_LD: return take(layout.ld, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return take(layout.batch, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return take(layout.batchStride, value, bytes);
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t setPreference(Preference& preference, cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                             size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_SEARCH_MODE: {
      uint32_t ignored = 0;
      return take(ignored, value, bytes);
    }
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return take(preference.workspace, value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return take(preference.reductions, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return take(preference.alignment[0], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return take(preference.alignment[1], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return take(preference.alignment[2], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return take(preference.alignment[3], value, bytes);
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

}  // namespace

Registry<LtHandle>& ltHandles() {
  return registry<LtHandle>([] { return listed(ltHandles, "a cuBLASLt handle"); });
}
Registry<MatmulDesc>& matmulDescs() {
  return registry<MatmulDesc>([] { return listed(matmulDescs, "a cuBLASLt matmul descriptor"); });
}
Registry<MatrixLayout>& matrixLayouts() {
  return registry<MatrixLayout>([] { return listed(matrixLayouts, "a cuBLASLt matrix layout"); });
}
Registry<Preference>& preferences() {
  return registry<Preference>([] { return listed(preferences, "a cuBLASLt preference"); });
}

bool numberOf(uint32_t type, Number* number) {
  switch (type) {
    case CUDA_R_32F: *number = Number::float32; return true;
    case CUDA_R_64F: *number = Number::float64; return true;
    case CUDA_R_16F: *number = Number::float16; return true;
    case CUDA_R_16BF: *number = Number::bfloat16; return true;
    default: return false;
  }
}

}  // namespace simulated

namespace cugru::cuda {

using namespace simulated;

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* handle, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  Guard guard;
  MatmulDesc made;
  made.compute = static_cast<int32_t>(compute);
  made.scale = static_cast<int32_t>(scale);
  return create(matmulDescs(), handle, made);
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  Guard guard;
  return destroy(matmulDescs(), desc);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  Guard guard;
  const auto desc = matmulDescs().find(handle);
  return desc != nullptr ? setMatmul(*desc, attribute, value, bytes) : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* handle, cudaDataType_t type, uint64_t rows,
                                          uint64_t columns, int64_t ld) {
  Guard guard;
  MatrixLayout made;
  made.type = type;
  made.rows = rows;
  made.columns = columns;
  made.ld = ld;
  return create(matrixLayouts(), handle, made);
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  Guard guard;
  return destroy(matrixLayouts(), layout);
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                size_t bytes) {
  Guard guard;
  const auto layout = matrixLayouts().find(handle);
  return layout != nullptr ? setLayout(*layout, attribute, value, bytes) : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  Guard guard;
  return create(preferences(), preference, Preference{});
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  Guard guard;
  return destroy(preferences(), preference);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    size_t bytes) {
  Guard guard;
  const auto preference = preferences().find(handle);
  return preference != nullptr ? setPreference(*preference, attribute, value, bytes) : CUBLAS_STATUS_INVALID_VALUE;
}

}  // namespace cugru::cuda
