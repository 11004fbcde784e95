#include <cmath>

#include "check/check.h"

namespace simulated_check {

namespace {

// Y[M][N] = X[M][K] W[N][K]' (+ bias), row-major: the way that dense layers ask for it.
struct Dense {
  Dense(Device& device, int m, int k, int n, cublasLtEpilogue_t epilogue) : m(m), k(k), n(n) {
    OK(lt().cublasLtCreate(&handle));
    OK(lt().cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    const int32_t transpose = CUBLAS_OP_T;
    const uint32_t value = epilogue;
    OK(lt().cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSA, &transpose, sizeof(transpose)));
    OK(lt().cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &value, sizeof(value)));
    OK(lt().cublasLtMatrixLayoutCreate(&wLayout, CUDA_R_32F, k, n, k));
    OK(lt().cublasLtMatrixLayoutCreate(&xLayout, CUDA_R_32F, k, m, k));
    OK(lt().cublasLtMatrixLayoutCreate(&yLayout, CUDA_R_32F, n, m, n));
    OK(lt().cublasLtMatmulPreferenceCreate(&preference));
    hostX = numbers(m * k, 1), hostW = numbers(n * k, 2), hostBias = numbers(n, 3);
    x = device.upload(hostX), w = device.upload(hostW), bias = device.upload(hostBias), y = device.allocate(m * n * 4);
    void* const pointerToBias = pointer<void>(bias);
    OK(lt().cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &pointerToBias, sizeof(void*)));
    work = device.allocate(2 << 20);
  }
  ~Dense() {
    cu().cuCtxSynchronize();
    OK(lt().cublasLtMatmulPreferenceDestroy(preference));
    for (const auto layout : {wLayout, xLayout, yLayout}) OK(lt().cublasLtMatrixLayoutDestroy(layout));
    OK(lt().cublasLtMatmulDescDestroy(desc));
    OK(lt().cublasLtDestroy(handle));
  }
  Dense(const Dense&) = delete;
  Dense& operator=(const Dense&) = delete;

  int find(std::vector<cublasLtMatmulHeuristicResult_t>& results, cublasStatus_t answer = CUBLAS_STATUS_SUCCESS) {
    results.resize(8);
    int count = 0;
    GIVES(answer, lt().cublasLtMatmulAlgoGetHeuristic(handle, desc, wLayout, xLayout, yLayout, yLayout, preference, 8,
                                                      results.data(), &count));
    return count;
  }

  cublasStatus_t run(Device& device, const cublasLtMatmulAlgo_t* algo, float beta = 0) {
    const float alpha = 1;
    return lt().cublasLtMatmul(handle, desc, &alpha, pointer<void>(w), wLayout, pointer<void>(x), xLayout, &beta,
                               pointer<void>(y), yLayout, pointer<void>(y), yLayout, algo, pointer<void>(work),
                               workBytes, device.stream);
  }

  double expected(int row, int column, bool relu) const {
    double sum = hostBias[column];
    for (int i = 0; i < k; i++) sum += static_cast<double>(hostX[row * k + i]) * hostW[column * k + i];
    return relu ? std::fmax(sum, 0.0) : sum;
  }

  void allowWorkspace(uint64_t bytes) {
    OK(lt().cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes,
                                                 sizeof(bytes)));
  }

  int m, k, n;
  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t desc = nullptr;
  cublasLtMatrixLayout_t wLayout = nullptr, xLayout = nullptr, yLayout = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  std::vector<float> hostX, hostW, hostBias;
  CUdeviceptr x = 0, w = 0, bias = 0, y = 0, work = 0;
  size_t workBytes = 2 << 20;
};

}  // namespace

CASE("cublaslt", denseLayer, "a dense layer with a bias and ReLU agrees with the formula, with every algorithm") {
  Device device;
  Dense dense(device, 5, 7, 4, CUBLASLT_EPILOGUE_RELU_BIAS);
  dense.allowWorkspace(2 << 20);
  std::vector<cublasLtMatmulHeuristicResult_t> results;
  const int count = dense.find(results);
  SAME(count, 3);
  for (int algo = 0; algo < count; algo++) {
    OK(cu().cuMemsetD8Async(dense.y, 0xff, 5 * 4 * 4, device.stream));
    OK(dense.run(device, &results[algo].algo));
    const std::vector<float> y = device.download(dense.y, 20);
    for (int i = 0; i < 20; i++) TRUE(std::fabs(y[i] - dense.expected(i / 4, i % 4, true)) < 1e-5);
  }
}

CASE("cublaslt", accumulates, "beta adds to what is there") {
  Device device;
  Dense dense(device, 2, 3, 4, CUBLASLT_EPILOGUE_BIAS);
  OK(dense.run(device, nullptr));
  const float once = device.download(dense.y, 1)[0];
  OK(dense.run(device, nullptr, 1.0f));
  TRUE(std::fabs(device.download(dense.y, 1)[0] - 2 * once) < 1e-5);
}

CASE("cublaslt", biasGradient, "BGRADB gives the sums of B over the depth") {
  Device device;
  Dense dense(device, 2, 3, 4, CUBLASLT_EPILOGUE_BGRADB);
  OK(dense.run(device, nullptr));
  const std::vector<float> sums = device.download(dense.bias, 2);
  TRUE(std::fabs(sums[0] - (dense.hostX[0] + dense.hostX[1] + dense.hostX[2])) < 1e-5);
  TRUE(std::fabs(sums[1] - (dense.hostX[3] + dense.hostX[4] + dense.hostX[5])) < 1e-5);
}

CASE("cublaslt", heuristics, "heuristics keep to the workspace, and may find nothing") {
  Device device;
  Dense dense(device, 2, 3, 4, CUBLASLT_EPILOGUE_DEFAULT);
  std::vector<cublasLtMatmulHeuristicResult_t> results;
  SAME(dense.find(results), 1);
  SAME(results[0].workspaceSize, size_t{0});
  dense.allowWorkspace(2 << 20);
  const uint32_t none = CUBLASLT_REDUCTION_SCHEME_NONE;
  OK(lt().cublasLtMatmulPreferenceSetAttribute(dense.preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &none, 4));
  SAME(dense.find(results), 2);
  set("LT_HEURISTICS", "0");
  SAME(dense.find(results, CUBLAS_STATUS_NOT_SUPPORTED), 0);
}

CASE("cublaslt", workspace, "a workspace that is too small is answered INVALID_VALUE, and is written over") {
  Device device;
  Dense dense(device, 2, 3, 4, CUBLASLT_EPILOGUE_DEFAULT);
  dense.allowWorkspace(2 << 20);
  std::vector<cublasLtMatmulHeuristicResult_t> results;
  dense.find(results);
  OK(dense.run(device, &results[0].algo));
  const std::vector<float> word = device.download(dense.work, 1);
  TRUE(word[0] != word[0]);
  dense.workBytes = 4096;
  GIVES(CUBLAS_STATUS_INVALID_VALUE, dense.run(device, &results[0].algo));
  dense.workBytes = (2 << 20) + 1;
  GIVES(CUBLAS_STATUS_EXECUTION_FAILED, dense.run(device, &results[0].algo));
  SAME(takeViolations(), size_t{1});
}

CASE("cublaslt", alignment, "pointers must have the alignment that the heuristic was told") {
  Device device;
  Dense dense(device, 2, 3, 4, CUBLASLT_EPILOGUE_DEFAULT);
  std::vector<cublasLtMatmulHeuristicResult_t> results;
  dense.find(results);
  dense.x = device.allocate(1024) + 16;
  GIVES(CUBLAS_STATUS_INVALID_VALUE, dense.run(device, &results[0].algo));
  const uint32_t sixteen = 16;
  OK(lt().cublasLtMatmulPreferenceSetAttribute(dense.preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &sixteen,
                                               4));
  dense.find(results);
  OK(dense.run(device, &results[0].algo));
}

CASE("cublaslt", otherProblem,
     "an algorithm of another problem, or a shape that does not fit, is answered INVALID_VALUE") {
  Device device;
  Dense dense(device, 2, 3, 4, CUBLASLT_EPILOGUE_DEFAULT);
  std::vector<cublasLtMatmulHeuristicResult_t> results;
  dense.find(results);
  const uint32_t relu = CUBLASLT_EPILOGUE_RELU;
  OK(lt().cublasLtMatmulDescSetAttribute(dense.desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &relu, 4));
  GIVES(CUBLAS_STATUS_INVALID_VALUE, dense.run(device, &results[0].algo));
  GIVES(CUBLAS_STATUS_INVALID_VALUE,
        lt().cublasLtMatmulDescSetAttribute(dense.desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &relu, 2));
  const int64_t narrow = 2;
  OK(lt().cublasLtMatrixLayoutSetAttribute(dense.xLayout, CUBLASLT_MATRIX_LAYOUT_LD, &narrow, 8));
  GIVES(CUBLAS_STATUS_INVALID_VALUE, dense.run(device, nullptr));
}

CASE("cublaslt", bounds, "matrices and biases must lie in device memory") {
  Device device;
  Dense dense(device, 2, 3, 4, CUBLASLT_EPILOGUE_BIAS);
  const CUdeviceptr y = dense.y;
  dense.y = y + 16;
  GIVES(CUBLAS_STATUS_EXECUTION_FAILED, dense.run(device, nullptr));
  dense.y = y;
  const void* const none = nullptr;
  OK(lt().cublasLtMatmulDescSetAttribute(dense.desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &none, sizeof(none)));
  GIVES(CUBLAS_STATUS_INVALID_VALUE, dense.run(device, nullptr));
  SAME(takeViolations(), size_t{1});
}

CASE("cublaslt", unsupported, "types and epilogues that do not go together are answered NOT_SUPPORTED") {
  Device device;
  Dense dense(device, 2, 3, 4, CUBLASLT_EPILOGUE_DRELU);
  std::vector<cublasLtMatmulHeuristicResult_t> results;
  dense.find(results, CUBLAS_STATUS_NOT_SUPPORTED);
  GIVES(CUBLAS_STATUS_NOT_SUPPORTED, dense.run(device, nullptr));
}

CASE("cublaslt", batches, "a batch of multiplications, replayed by a graph, gives the same bytes") {
  Device device;
  Dense dense(device, 2, 3, 4, CUBLASLT_EPILOGUE_DEFAULT);
  const int32_t two = 2;
  const int64_t strides[] = {0, 6, 8};  // one W for both
  const cublasLtMatrixLayout_t layouts[] = {dense.wLayout, dense.xLayout, dense.yLayout};
  for (int i = 0; i < 3; i++) {
    OK(lt().cublasLtMatrixLayoutSetAttribute(layouts[i], CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &two, 4));
    OK(lt().cublasLtMatrixLayoutSetAttribute(layouts[i], CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &strides[i], 8));
  }
  dense.x = device.upload(numbers(12, 8));
  dense.y = device.allocate(16 * 4);
  OK(dense.run(device, nullptr));
  const std::vector<float> eager = device.download(dense.y, 16);
  OK(cu().cuMemsetD8Async(dense.y, 0, 64, device.stream));
  device.synchronize();
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  OK(cu().cuStreamBeginCapture_v2(device.stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  OK(dense.run(device, nullptr));
  OK(cu().cuStreamEndCapture(device.stream, &graph));
  OK(cu().cuGraphInstantiateWithFlags(&exec, graph, 0));
  OK(cu().cuGraphDestroy(graph));
  OK(cu().cuGraphLaunch(exec, device.stream));
  TRUE(device.download(dense.y, 16) == eager);
  TRUE(eager[15] != 0);
  OK(cu().cuGraphExecDestroy(exec));
}

}  // namespace simulated_check
