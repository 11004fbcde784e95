#include <cstdlib>
#include <cstring>

#include "core/settings.h"
#include "cublaslt/exported.h"
#include "cublaslt/problem.h"

namespace simulated {

using namespace cugru::cuda;

namespace {

// What is in cublasLtMatmulAlgo_t here.
struct Algo {
  static constexpr uint64_t kMagic = 0x4C54414C474F3031;
  uint64_t magic, problem, workspace, number;
  uint32_t alignment[4];
  uint64_t rest[2];
};
static_assert(sizeof(Algo) == sizeof(cublasLtMatmulAlgo_t));

bool findProblem(cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                 cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, Problem* problem) {
  const auto found = matmulDescs().find(desc);
  const std::shared_ptr<MatrixLayout> layouts[] = {matrixLayouts().find(a), matrixLayouts().find(b),
                                                   matrixLayouts().find(c), matrixLayouts().find(d)};
  if (found == nullptr) return false;
  for (const auto& layout : layouts) {
    if (layout == nullptr) return false;
  }
  *problem = {*found, *layouts[0], *layouts[1], *layouts[2], *layouts[3]};
  return true;
}

// Everything about one call of cublasLtMatmul that its operation needs later.
class Matmul {
 public:
  Matmul(Context& context, const Problem& problem) : context_(context), problem_(problem) {}

  cublasStatus_t takeScalars(const void* alpha, const void* beta) {
    if (alpha == nullptr || beta == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    alpha_ = alpha;
    beta_ = beta;
    const size_t bytes = sizeOf(scale());
    if (onDevice()) {
      SIMULATED_TRY(takeMemory("alpha", alpha, bytes, bytes));
      return takeMemory("beta", beta, bytes, bytes);
    }
    operands_.alpha = load(scale(), alpha, 0);
    operands_.beta = load(scale(), beta, 0);
    return CUBLAS_STATUS_SUCCESS;
  }

  cublasStatus_t takeMatrices(const void* a, const void* b, const void* c, void* d, const uint32_t alignment[4]) {
    const bool readsC = onDevice() || operands_.beta != 0;
    SIMULATED_TRY(takeMatrix("A", a, problem_.a, alignment[0]));
    SIMULATED_TRY(takeMatrix("B", b, problem_.b, alignment[1]));
    if (readsC) SIMULATED_TRY(takeMatrix("C", c, problem_.c, alignment[2]));
    SIMULATED_TRY(takeMatrix("D", d, problem_.d, alignment[3]));
    operands_.a = a, operands_.b = b, operands_.c = c, operands_.d = d;
    if (!problem_.adds() && !problem_.reduces()) return CUBLAS_STATUS_SUCCESS;
    Number type{};
    numberOf(problem_.biasType(), &type);
    const size_t count = problem_.biasCount() + static_cast<size_t>(problem_.d.batch - 1) * problem_.desc.biasStride;
    return takeMemory("the bias", problem_.desc.bias, count * sizeOf(type), 16);
  }

  cublasStatus_t takeWorkspace(void* workspace, size_t bytes, size_t needed) {
    if (bytes < needed || (needed > 0 && workspace == nullptr)) return CUBLAS_STATUS_INVALID_VALUE;
    if (workspace == nullptr || bytes == 0) return CUBLAS_STATUS_SUCCESS;
    workspace_ = workspace;
    workspaceBytes_ = bytes;
    return takeMemory("the workspace", workspace, bytes, 16);
  }

  cublasStatus_t submitTo(CUstream handle, double milliseconds) {
    std::shared_ptr<Stream> stream;
    if (findStream(context_, handle, stream) != CUDA_SUCCESS) return CUBLAS_STATUS_EXECUTION_FAILED;
    const CUresult result = submit(*stream, {"cublasLtMatmul", ranges_,
                                             [self = *this](Context&) {
                                               self.run();
                                               return CUDA_SUCCESS;
                                             },
                                             milliseconds});
    return result == CUDA_SUCCESS ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
  }

 private:
  Number scale() const { return problem_.desc.scale == CUDA_R_64F ? Number::float64 : Number::float32; }
  bool onDevice() const { return problem_.desc.pointerMode == CUBLASLT_POINTER_MODE_DEVICE; }

  void run() const {
    Operands operands = operands_;
    if (onDevice()) {
      operands.alpha = load(scale(), alpha_, 0);
      operands.beta = load(scale(), beta_, 0);
    }
    if (workspace_ != nullptr) std::memset(workspace_, 0xFF, workspaceBytes_);
    multiply(problem_, operands);
  }

  cublasStatus_t takeMatrix(const char* what, const void* pointer, const MatrixLayout& layout, size_t alignment) {
    Number type{};
    numberOf(layout.type, &type);
    return takeMemory(what, pointer, layout.elements() * sizeOf(type), std::max(alignment, sizeOf(type)));
  }

  cublasStatus_t takeMemory(const char* what, const void* pointer, size_t bytes, size_t alignment) {
    const auto begin = reinterpret_cast<uintptr_t>(pointer);
    if (pointer == nullptr || begin % alignment != 0) return CUBLAS_STATUS_INVALID_VALUE;
    Range range;
    if (!deviceRange(context_, begin, bytes, &range)) {
      violation(join("cublasLtMatmul: ", what, " needs ", describe(begin, bytes)));
      return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    ranges_.push_back(range);
    return CUBLAS_STATUS_SUCCESS;
  }

  Context& context_;
  Problem problem_;
  Operands operands_{};
  const void *alpha_ = nullptr, *beta_ = nullptr;
  void* workspace_ = nullptr;
  size_t workspaceBytes_ = 0;
  std::vector<Range> ranges_;
};

// By the algorithm's number, in CUGRU_SIMULATED_LT_COST: "3,1,2".
double costOf(const Algo& algo) {
  const std::vector<std::string> costs = split(setting("LT_COST"), ',');
  return algo.number < costs.size() ? std::strtod(costs[algo.number].c_str(), nullptr) : 1;
}

// The first ones want more room, the later ones less; those that split the depth only where that is allowed.
std::vector<Algo> candidates(const Problem& problem, const Preference& preference) {
  std::vector<Algo> out;
  const auto wanted = static_cast<size_t>(numberSetting("LT_HEURISTICS", 3));
  const uint64_t spaces[] = {(1 << 20) + 64, 4096 + 16, 0};
  for (uint64_t number = 0; number < 3 && out.size() < wanted; number++) {
    const bool splits = number == 0;
    if (spaces[number] > preference.workspace || (splits && preference.reductions == CUBLASLT_REDUCTION_SCHEME_NONE))
      continue;
    Algo algo{Algo::kMagic, problem.signature(), spaces[number], number, {}, {}};
    std::memcpy(algo.alignment, preference.alignment, sizeof(algo.alignment));
    out.push_back(algo);
  }
  return out;
}

}  // namespace

}  // namespace simulated

namespace cugru::cuda {

using namespace simulated;

size_t cublasLtGetVersion() { return static_cast<size_t>(cudaMajor()) * 10000 + 100; }
size_t cublasLtGetCudartVersion() { return static_cast<size_t>(cudaMajor()) * 1000; }

const char* cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "CUBLAS_STATUS_UNKNOWN";
  }
}
const char* cublasLtGetStatusString(cublasStatus_t status) { return cublasLtGetStatusName(status); }

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  Guard guard;
  Context* context = nullptr;
  if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  if (enter(context) != CUDA_SUCCESS) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = ltHandles().add<cublasLtHandle_t>(std::make_shared<LtHandle>(LtHandle{context}));
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  Guard guard;
  return ltHandles().remove(handle) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preferenceHandle, int requested,
                                              cublasLtMatmulHeuristicResult_t* results, int* returned) {
  Guard guard;
  if (ltHandles().find(handle) == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const auto preference = preferences().find(preferenceHandle);
  Problem problem;
  if (!findProblem(desc, a, b, c, d, &problem) || preference == nullptr || requested < 1 || results == nullptr ||
      returned == nullptr) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  *returned = 0;
  SIMULATED_TRY(problem.check());
  for (const Algo& algo : candidates(problem, *preference)) {
    if (*returned == requested) break;
    cublasLtMatmulHeuristicResult_t& result = results[(*returned)++];
    result = {};
    std::memcpy(&result.algo, &algo, sizeof(algo));
    result.workspaceSize = algo.workspace;
    result.state = CUBLAS_STATUS_SUCCESS;
    result.wavesCount = 1.0f;
  }
  return *returned > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t aLayout, const void* b, cublasLtMatrixLayout_t bLayout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t cLayout, void* d,
                              cublasLtMatrixLayout_t dLayout, const cublasLtMatmulAlgo_t* chosen, void* workspace,
                              size_t workspaceBytes, CUstream stream) {
  Guard guard;
  const auto found = ltHandles().find(handle);
  if (found == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  Context* context = nullptr;
  if (enter(context) != CUDA_SUCCESS) return CUBLAS_STATUS_EXECUTION_FAILED;
  Problem problem;
  if (context != found->context || !findProblem(desc, aLayout, bLayout, cLayout, dLayout, &problem)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  SIMULATED_TRY(problem.check());
  Algo algo{};
  algo.problem = problem.signature();
  for (uint32_t& one : algo.alignment) one = 16;  // what it finds by itself
  if (chosen != nullptr) {
    std::memcpy(&algo, chosen, sizeof(algo));
    if (algo.magic != Algo::kMagic || algo.problem != problem.signature()) return CUBLAS_STATUS_INVALID_VALUE;
  }
  Matmul matmul(*context, problem);
  SIMULATED_TRY(matmul.takeScalars(alpha, beta));
  SIMULATED_TRY(matmul.takeMatrices(a, b, c, d, algo.alignment));
  SIMULATED_TRY(matmul.takeWorkspace(workspace, workspaceBytes, algo.workspace));
  simulated::count("matmuls");
  return matmul.submitTo(stream, costOf(algo));
}

}  // namespace cugru::cuda
