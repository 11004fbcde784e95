#include "cuda/matmul.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "cuda/choices.h"
#include "cuda/timing.h"

namespace cugru::cuda {

namespace {

constexpr uint64_t kMostWorkspace = uint64_t{32} << 20;
constexpr size_t kCandidates = 8;  // that are timed

cublasLtEpilogue_t epilogue(MatmulShape::End end) {
  return end == MatmulShape::End::bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

std::string hexOf(const cublasLtMatmulAlgo_t& algorithm) {
  std::ostringstream out;
  out << std::hex;
  for (size_t i = 0; i < std::size(algorithm.data); ++i) out << (i > 0 ? "-" : "") << algorithm.data[i];
  return out.str();
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
  made->describe();
  if (made->choose()) return made;
  if (shape.end != MatmulShape::End::none) return nullptr;
  fail(code::kUnsupported, "cuBLASLt has no product of (", shape.rows, ", ", shape.depth, ") and (", shape.depth, ", ",
       shape.columns, ") for this device");
}

Matmul::Matmul(std::shared_ptr<Device> device, const MatmulShape& shape) : device_(std::move(device)), shape_(shape) {}

// cuBLASLt's matrices are column-major, so what it sees is C^T = op(B)^T op(A)^T: the factors change places, and a row-major
// matrix (rows, columns) is a column-major one of (columns, rows).
void Matmul::describe() {
  const CublasLtApi& api = device_->cublasLt();
  const MatmulShape& shape = shape_;
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
                          int64_t stride) {
    device_->check(api.cublasLtMatrixLayoutCreate(out, type, static_cast<uint64_t>(columns),
                                                  static_cast<uint64_t>(rows), stride != 0 ? stride : columns),
                   "describe a matrix");
  };
  const cudaDataType_t type = cudaTypeOf(shape.precision);
  if (shape.transposeA) {
    layout(&a_, type, shape.depth, shape.rows, shape.strideA);
  } else {
    layout(&a_, type, shape.rows, shape.depth, shape.strideA);
  }
  if (shape.transposeB) {
    layout(&b_, type, shape.columns, shape.depth, shape.strideB);
  } else {
    layout(&b_, type, shape.depth, shape.columns, shape.strideB);
  }
  layout(&c_, CUDA_R_32F, shape.rows, shape.columns, shape.strideC);
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
    preference.set(attribute, shape_.alignment);
  }
  const bool measures = shape_.mayMeasure && timingAllowed();
  std::vector<cublasLtMatmulHeuristicResult_t> all(measures ? kCandidates : 1);
  int found = 0;
  const cublasStatus_t status =
      api.cublasLtMatmulAlgoGetHeuristic(device_->cublasLtHandle(), desc_, b_, a_, c_, c_, preference.handle(),
                                         static_cast<int>(all.size()), all.data(), &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return false;
  device_->check(status, "choose an algorithm");
  all.resize(static_cast<size_t>(std::max(found, 0)));
  all.erase(std::remove_if(all.begin(), all.end(), [](const auto& one) { return one.state != CUBLAS_STATUS_SUCCESS; }),
            all.end());
  if (all.empty()) return false;
  algorithm_ = all.front();
  if (all.size() > 1) chooseByTime(all);
  return true;
}

std::string Matmul::key() const {
  return text("matmul\n", machineOf(*device_), "precision ", wordFor(shape_.precision), "\nrows ", shape_.rows,
              "\ncolumns ", shape_.columns, "\ndepth ", shape_.depth, "\ntransposed ", shape_.transposeA ? "a" : "",
              shape_.transposeB ? "b" : "", "\nstrides ", shape_.strideA, " ", shape_.strideB, " ", shape_.strideC,
              "\nalignment ", shape_.alignment, "\nadds ", shape_.adds ? "yes" : "no", "\nbias ",
              shape_.end == MatmulShape::End::bias ? "yes" : "no", "\nunscales ",
              shape_.unscales != nullptr ? "yes" : "no", "\n");
}

// Matrices of zeros, as large as the product's.
struct MatmulTrial {
  MatmulTrial(const std::shared_ptr<Device>& device, const MatmulShape& shape, size_t workspaceBytes)
      : stream(device),
        a(device, bytesOf(shape.transposeA ? shape.depth : shape.rows, shape.transposeA ? shape.rows : shape.depth,
                          shape.strideA)),
        b(device, bytesOf(shape.transposeB ? shape.columns : shape.depth,
                          shape.transposeB ? shape.depth : shape.columns, shape.strideB)),
        c(device, bytesOf(shape.rows, shape.columns, shape.strideC)),
        bias(device, bytesOf(1, shape.columns, 0)),
        workspace(device, std::max<size_t>(workspaceBytes, 256)) {}

  static size_t bytesOf(int64_t rows, int64_t columns, int64_t stride) {
    return static_cast<size_t>(rows * std::max(columns, stride)) * sizeof(float) + 256;
  }

  TrialStream stream;
  DeviceMemory a, b, c, bias, workspace;
};

// Infinite when it does not run.
double Matmul::timed(const cublasLtMatmulHeuristicResult_t& algorithm, MatmulTrial& trial) {
  algorithm_ = algorithm;
  CudaStream& stream = trial.stream.get();
  try {
    return timeOf(stream,
                  [&] {
                    run(trial.a.data(), trial.b.data(), static_cast<float*>(trial.c.data()),
                        static_cast<const float*>(trial.bias.data()), trial.workspace.data(), stream);
                  })
        .milliseconds;
  } catch (const Error&) {
    if (device_->lost()) throw;
    return std::numeric_limits<double>::infinity();
  }
}

// What was kept is found among those of today by its bytes: if it is not there, it is of another library.
void Matmul::chooseByTime(const std::vector<cublasLtMatmulHeuristicResult_t>& found) {
  const KeptChoice kept(*device_, "matmul", key());
  for (const std::string& lines : {kept.read(), kept.offered()}) {
    for (const auto& one : found) {
      if (lines.rfind(text("chosen ", hexOf(one.algo), "\n"), 0) != 0) continue;
      kept.use(lines);
      algorithm_ = one;
      return;
    }
  }
  kept.forget();
  size_t workspace = 0;
  for (const auto& one : found) workspace = std::max(workspace, one.workspaceSize);
  const auto* best = &found.front();
  try {
    MatmulTrial trial(device_, shape_, workspace);
    std::string times;
    double least = std::numeric_limits<double>::infinity();
    for (const auto& one : found) {
      const double milliseconds = timed(one, trial);
      times += text(hexOf(one.algo), " ", milliseconds, " ", one.workspaceSize, "\n");
      if (!(milliseconds < least)) continue;
      least = milliseconds;
      best = &one;
    }
    kept.write(text("chosen ", hexOf(best->algo), "\n", times));
  } catch (const Error& error) {
    if (std::string(error.code()) != code::kOutOfMemory) throw;
  }
  algorithm_ = *best;
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
