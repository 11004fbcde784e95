// Uses the real libraries as far as they go without a GPU: NVRTC compiles, cuDNN takes descriptors, cuBLASLt takes layouts.
// Prints one line for each thing done, "ok NAME detail" or "FAILED NAME detail"; the libraries come by the loader's own search.
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "cuda/driver/libraries.h"

using namespace cugru::cuda;

namespace {

bool report(bool ok, const std::string& name, const std::string& detail) {
  std::printf("%s %s %s\n", ok ? "ok" : "FAILED", name.c_str(), detail.c_str());
  return ok;
}

const char* kKernel = R"(
extern "C" __global__ void scale(const float* __restrict__ x, float* __restrict__ y, float factor, int count) {
  __shared__ float tile[256];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  tile[threadIdx.x] = i < count ? x[i] : 0.0f;
  __syncthreads();
  if (i < count) y[i] = factor * tanhf(tile[threadIdx.x]) + __shfl_xor_sync(0xffffffffu, tile[threadIdx.x], 1);
})";

bool expectNvrtc(const NvrtcApi& api, nvrtcResult result, const std::string& name) {
  return result == NVRTC_SUCCESS || report(false, name, api.nvrtcGetErrorString(result));
}

void compile(const NvrtcApi& api, int architecture) {
  const std::string name = "nvrtc sm_" + std::to_string(architecture);
  const std::string option = "--gpu-architecture=sm_" + std::to_string(architecture);
  const char* options[] = {option.c_str(), "--std=c++17"};
  nvrtcProgram program = nullptr;
  if (!expectNvrtc(api, api.nvrtcCreateProgram(&program, kKernel, "scale.cu", 0, nullptr, nullptr), name)) return;
  const nvrtcResult result = api.nvrtcCompileProgram(program, 2, options);
  size_t bytes = 0;
  if (result != NVRTC_SUCCESS) {
    api.nvrtcGetProgramLogSize(program, &bytes);
    std::string log(bytes, ' ');
    api.nvrtcGetProgramLog(program, &log[0]);
    report(false, name, std::string(api.nvrtcGetErrorString(result)) + ": " + log);
  } else if (expectNvrtc(api, api.nvrtcGetCUBINSize(program, &bytes), name)) {
    std::string cubin(bytes, '\0');
    const bool elf = api.nvrtcGetCUBIN(program, &cubin[0]) == NVRTC_SUCCESS && cubin.rfind(
                                                                                   "\x7f"
                                                                                   "ELF",
                                                                                   0) == 0;
    report(elf, name, std::to_string(bytes) + " bytes");
  }
  api.nvrtcDestroyProgram(&program);
}

void expectError(const NvrtcApi& api) {
  nvrtcProgram program = nullptr;
  api.nvrtcCreateProgram(&program, "__global__ void broken() { undeclared(); }", "broken.cu", 0, nullptr, nullptr);
  const nvrtcResult result = api.nvrtcCompileProgram(program, 0, nullptr);
  size_t bytes = 0;
  api.nvrtcGetProgramLogSize(program, &bytes);
  std::string log(bytes, ' ');
  api.nvrtcGetProgramLog(program, &log[0]);
  const bool told = result == NVRTC_ERROR_COMPILATION && log.find("undeclared") != std::string::npos;
  report(told, "nvrtc log", told ? "names what is wrong" : log);
  api.nvrtcDestroyProgram(&program);
}

struct Named {
  const char* name;
  int value;
};

void describeRnns(const CudnnApi& api) {
  cudnnDropoutDescriptor_t dropout = nullptr;
  report(api.cudnnCreateDropoutDescriptor(&dropout) == CUDNN_STATUS_SUCCESS, "cudnn dropout descriptor", "");
  for (const Named& cell :
       {Named{"relu", CUDNN_RNN_RELU}, {"tanh", CUDNN_RNN_TANH}, {"lstm", CUDNN_LSTM}, {"gru", CUDNN_GRU}})
    for (const Named& algo : {Named{"standard", CUDNN_RNN_ALGO_STANDARD},
                              {"static", CUDNN_RNN_ALGO_PERSIST_STATIC},
                              {"dynamic", CUDNN_RNN_ALGO_PERSIST_DYNAMIC},
                              {"small", CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H}})
      for (const Named& type :
           {Named{"float", CUDNN_DATA_FLOAT}, {"half", CUDNN_DATA_HALF}, {"bfloat16", CUDNN_DATA_BFLOAT16}})
        for (const int directions : {1, 2}) {
          cudnnRNNDescriptor_t rnn = nullptr;
          const std::string name = std::string("cudnn rnn ") + cell.name + " " + algo.name + " " + type.name + " " +
                                   std::to_string(directions);
          if (api.cudnnCreateRNNDescriptor(&rnn) != CUDNN_STATUS_SUCCESS) {
            report(false, name, "no descriptor");
            continue;
          }
          const cudnnStatus_t status = api.cudnnSetRNNDescriptor_v8(
              rnn, static_cast<cudnnRNNAlgo_t>(algo.value), static_cast<cudnnRNNMode_t>(cell.value),
              CUDNN_RNN_DOUBLE_BIAS, directions == 2 ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT,
              static_cast<cudnnDataType_t>(type.value), CUDNN_DATA_FLOAT, CUDNN_DEFAULT_MATH, 28, 128, 128, 2, dropout,
              kRnnPaddedIoEnabled);
          report(status == CUDNN_STATUS_SUCCESS, name, api.cudnnGetErrorString(status));
          api.cudnnDestroyRNNDescriptor(rnn);
        }
  api.cudnnDestroyDropoutDescriptor(dropout);
}

void describeData(const CudnnApi& api) {
  cudnnRNNDataDescriptor_t data = nullptr;
  const int lengths[] = {28, 28, 5};
  float fill = 0;
  bool ok = api.cudnnCreateRNNDataDescriptor(&data) == CUDNN_STATUS_SUCCESS;
  for (const cudnnRNNDataLayout_t layout :
       {CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED, CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED})
    ok = ok && api.cudnnSetRNNDataDescriptor(data, CUDNN_DATA_FLOAT, layout, 28, 3, 64, lengths, &fill) ==
                   CUDNN_STATUS_SUCCESS;
  report(ok, "cudnn data descriptor", "");
  api.cudnnDestroyRNNDataDescriptor(data);

  cudnnTensorDescriptor_t tensor = nullptr;
  const int sizes[] = {2, 3, 128}, strides[] = {384, 128, 1};
  int rank = 0, sizesRead[3] = {}, stridesRead[3] = {};
  cudnnDataType_t type = CUDNN_DATA_HALF;
  ok = api.cudnnCreateTensorDescriptor(&tensor) == CUDNN_STATUS_SUCCESS &&
       api.cudnnSetTensorNdDescriptor(tensor, CUDNN_DATA_FLOAT, 3, sizes, strides) == CUDNN_STATUS_SUCCESS &&
       api.cudnnGetTensorNdDescriptor(tensor, 3, &type, &rank, sizesRead, stridesRead) == CUDNN_STATUS_SUCCESS &&
       rank == 3 && type == CUDNN_DATA_FLOAT && sizesRead[0] == 2 && sizesRead[2] == 128 && stridesRead[0] == 384;
  report(ok, "cudnn tensor descriptor", "");
  api.cudnnDestroyTensorDescriptor(tensor);
}

// Without a driver it must be refused with a status, not by the end of the process.
void startCudnn(const CudnnApi& api, bool withDriver) {
  cudnnHandle_t handle = nullptr;
  const cudnnStatus_t status = api.cudnnCreate(&handle);
  report(withDriver || status != CUDNN_STATUS_SUCCESS, "cudnn start", api.cudnnGetErrorString(status));
  if (status == CUDNN_STATUS_SUCCESS) api.cudnnDestroy(handle);
}

void describeMatmul(const CublasLtApi& api) {
  cublasLtMatmulDesc_t desc = nullptr;
  cublasLtMatrixLayout_t layout = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  const int32_t transposed = CUBLAS_OP_T;
  const uint32_t epilogue = CUBLASLT_EPILOGUE_BIAS;
  const int32_t batch = 4;
  const uint64_t workspace = 32 << 20;
  const uint32_t scheme = CUBLASLT_REDUCTION_SCHEME_NONE;
  const auto is = [&](cublasStatus_t status, const char* name) {
    report(status == CUBLAS_STATUS_SUCCESS, std::string("cublasLt ") + name, api.cublasLtGetStatusString(status));
  };
  is(api.cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F), "matmul descriptor");
  is(api.cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed),
     "transpose");
  is(api.cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue), "epilogue");
  is(api.cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, 128, 64, 128), "layout");
  is(api.cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch),
     "batch count");
  is(api.cublasLtMatmulPreferenceCreate(&preference), "preference");
  is(api.cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                                              sizeof workspace),
     "workspace");
  is(api.cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &scheme,
                                              sizeof scheme),
     "reduction scheme");
  api.cublasLtMatmulPreferenceDestroy(preference);
  api.cublasLtMatrixLayoutDestroy(layout);
  api.cublasLtMatmulDescDestroy(desc);
}

// Every file of NVIDIA's in the process, however it came in.
void listMapped() {
  std::ifstream maps("/proc/self/maps");
  std::set<std::string> files;
  for (std::string line; std::getline(maps, line);) {
    const size_t slash = line.find('/');
    if (slash == std::string::npos) continue;
    const std::string path = line.substr(slash);
    for (const char* stem : {"/libcudnn", "/libcublas", "/libnvrtc", "/libcudart"})
      if (path.find(stem) != std::string::npos) files.insert(path);
  }
  for (const std::string& file : files) report(true, "mapped", file);
}

}  // namespace

int main() {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  Libraries libraries = openLibraries();
  for (const LibraryReport* one : {&libraries.cudnnReport, &libraries.cublasLtReport, &libraries.nvrtcReport}) {
    if (!report(one->usable(), one->name + " opened", one->version + " " + one->path + " " + one->problem)) return 1;
  }
  for (const int architecture : {75, 80, 86, 89, 90, 100, 120}) compile(libraries.nvrtc, architecture);
  expectError(libraries.nvrtc);
  describeRnns(libraries.cudnn);
  describeData(libraries.cudnn);
  describeMatmul(libraries.cublasLt);
  startCudnn(libraries.cudnn, libraries.driverReport.opened());
  listMapped();
  return 0;
}
