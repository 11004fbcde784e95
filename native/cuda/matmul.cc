#include "cuda/matmul.h"

#include "core/error.h"

namespace cugru::cuda {

namespace {

constexpr uint64_t kMostWorkspace = uint64_t{32} << 20;
constexpr uint32_t kAlignment = 16;  // bytes; what vector loads want, and less than what all our pointers have

cublasLtEpilogue_t epilogue(MatmulShape::End end) {
  return end == MatmulShape::End::bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

class Preference {
 public:
  explicit Preference(const Device& device) : device_(device), api_(device.cublasLt()) {
    device_.check(api_.cublasLtMatmulPreferenceCreate(&handle_), "make a preference");
  }
  ~Preference() { api_.cublasLtMatmulPreferenceDestroy(handle_); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;

  template <typename T>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, T value) {
    device_.check(api_.cublasLtMatmulPreferenceSetAttribute(handle_, attribute, &value, sizeof value),
                  "set a preference");
  }
  cublasLtMatmulPreference_t handle() const { return handle_; }

 private:
  const Device& device_;
  const CublasLtApi& api_;
  cublasLtMatmulPreference_t handle_ = nullptr;
};

}  // namespace

std::unique_ptr<Matmul> Matmul::create(std::shared_ptr<Device> device, const MatmulShape& shape) {
  std::unique_ptr<Matmul> made(new Matmul(std::move(device), shape));
  if (made->choose()) return made;
  if (shape.end != MatmulShape::End::none) return nullptr;
  fail(code::kUnsupported, "cuBLASLt has no product of (", shape.rows, ", ", shape.depth, ") and (", shape.depth, ", ",
       shape.columns, ") for this device");
}

// cuBLASLt's matrices are column-major, so what it sees is C^T = op(B)^T op(A)^T: the factors change places, and a row-major
// matrix (rows, columns) is a column-major one of (columns, rows).
Matmul::Matmul(std::shared_ptr<Device> device, const MatmulShape& shape) : device_(std::move(device)), shape_(shape) {
  const CublasLtApi& api = device_->cublasLt();
  const cublasComputeType_t compute =
      shape.precision == Precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  device_->check(api.cublasLtMatmulDescCreate(&desc_, compute, CUDA_R_32F), "describe a product");
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, auto value) {
    device_->check(api.cublasLtMatmulDescSetAttribute(desc_, attribute, &value, sizeof value), "describe a product");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, static_cast<int32_t>(shape.transposeB ? CUBLAS_OP_T : CUBLAS_OP_N));
  set(CUBLASLT_MATMUL_DESC_TRANSB, static_cast<int32_t>(shape.transposeA ? CUBLAS_OP_T : CUBLAS_OP_N));
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<uint32_t>(epilogue(shape.end)));
  if (shape.unscales != nullptr) {
    set(CUBLASLT_MATMUL_DESC_POINTER_MODE, static_cast<int32_t>(CUBLASLT_POINTER_MODE_DEVICE));
  }
  const auto layout = [&](cublasLtMatrixLayout_t* out, cudaDataType_t type, int64_t rows, int64_t columns,
                          int64_t width) {
    device_->check(api.cublasLtMatrixLayoutCreate(out, type, static_cast<uint64_t>(columns),
                                                  static_cast<uint64_t>(rows), width != 0 ? width : columns),
                   "describe a matrix");
  };
  const cudaDataType_t type = cudaTypeOf(shape.precision);
  if (shape.transposeA) {
    layout(&a_, type, shape.depth, shape.rows, shape.widthOfA);
  } else {
    layout(&a_, type, shape.rows, shape.depth, shape.widthOfA);
  }
  if (shape.transposeB) {
    layout(&b_, type, shape.columns, shape.depth, shape.widthOfB);
  } else {
    layout(&b_, type, shape.depth, shape.columns, shape.widthOfB);
  }
  layout(&c_, CUDA_R_32F, shape.rows, shape.columns, 0);
}

Matmul::~Matmul() {
  const CublasLtApi& api = device_->cublasLt();
  for (cublasLtMatrixLayout_t layout : {a_, b_, c_}) {
    if (layout != nullptr) api.cublasLtMatrixLayoutDestroy(layout);
  }
  if (desc_ != nullptr) api.cublasLtMatmulDescDestroy(desc_);
}

bool Matmul::choose() {
  const CublasLtApi& api = device_->cublasLt();
  Preference preference(*device_);
  preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  // Sums in memory by atomics would not be the same each time.
  preference.set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                 static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE));
  for (auto attribute : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                         CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    preference.set(attribute, kAlignment);
  }
  int found = 0;
  const cublasStatus_t status = api.cublasLtMatmulAlgoGetHeuristic(device_->cublasLtHandle(), desc_, b_, a_, c_, c_,
                                                                   preference.handle(), 1, &algorithm_, &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return false;
  device_->check(status, "choose an algorithm");
  return found > 0 && algorithm_.state == CUBLAS_STATUS_SUCCESS;
}

void Matmul::run(const void* a, const void* b, float* c, const float* bias, void* workspace, CudaStream& stream) const {
  const CublasLtApi& api = device_->cublasLt();
  if (shape_.end == MatmulShape::End::bias) {
    device_->check(api.cublasLtMatmulDescSetAttribute(desc_, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias),
                   "take a bias");
  }
  const float one = 1, beta = shape_.adds ? 1 : 0;
  const LossScaleState* scale = shape_.unscales;
  const void* by = scale != nullptr ? &scale->inverse : &one;
  const void* kept = scale == nullptr ? &beta : shape_.adds ? &scale->one : &scale->zero;
  device_->check(api.cublasLtMatmul(device_->cublasLtHandle(), desc_, by, b, b_, a, a_, kept, c, c_, c, c_,
                                    &algorithm_.algo, workspace, algorithm_.workspaceSize, stream.handle()),
                 "multiply");
}

}  // namespace cugru::cuda
