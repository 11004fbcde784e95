#include "cuda/modules.h"

#include <algorithm>

#include "core/error.h"
#include "cuda/disk_cache.h"
#include "cuda/kernel_sources.h"

namespace cugru::cuda {

namespace {

// No contraction into fused multiply-adds: see kernels/common.cuh.
constexpr const char* kOptions[] = {"--std=c++17", "--fmad=false"};

const char* textOf(const std::string& name) {
  for (const KernelSource& source : kernelSources()) {
    if (name == source.name) return source.text;
  }
  fail(code::kInternal, "there is no kernel source ", name);
}

struct Headers {
  std::vector<const char*> names, texts;
};

Headers headers() {
  Headers all;
  for (const KernelSource& source : kernelSources()) {
    const std::string name = source.name;
    if (name.size() < 4 || name.compare(name.size() - 4, 4, ".cuh") != 0) continue;
    all.names.push_back(source.name);
    all.texts.push_back(source.text);
  }
  return all;
}

void expectNvrtc(const NvrtcApi& nvrtc, nvrtcResult result, const std::string& what) {
  if (result == NVRTC_SUCCESS) return;
  const char* code = result == NVRTC_ERROR_OUT_OF_MEMORY ? code::kOutOfMemory : code::kInternal;
  fail(code, "NVRTC does not ", what, ": ", nvrtc.nvrtcGetErrorString(result));
}

// Destroyed on every way out.
class Program {
 public:
  Program(const NvrtcApi& nvrtc, const std::string& source) : nvrtc_(nvrtc) {
    const Headers all = headers();
    expectNvrtc(nvrtc,
                nvrtc.nvrtcCreateProgram(&program_, textOf(source), source.c_str(), static_cast<int>(all.names.size()),
                                         all.texts.data(), all.names.data()),
                "take " + source);
  }
  ~Program() { nvrtc_.nvrtcDestroyProgram(&program_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void compile(const std::string& source, const Target& target) {
    const std::string architecture = "--gpu-architecture=" + target.architecture;
    std::vector<const char*> options{architecture.c_str()};
    options.insert(options.end(), std::begin(kOptions), std::end(kOptions));
    const nvrtcResult result = nvrtc_.nvrtcCompileProgram(program_, static_cast<int>(options.size()), options.data());
    if (result == NVRTC_SUCCESS) return;
    expectNvrtc(nvrtc_, result, text("compile ", source, " for ", target.architecture, " (", log(), ")"));
  }

  std::vector<char> code(const Target& target) {
    size_t bytes = 0;
    expectNvrtc(nvrtc_,
                target.isPtx() ? nvrtc_.nvrtcGetPTXSize(program_, &bytes) : nvrtc_.nvrtcGetCUBINSize(program_, &bytes),
                "size its code");
    std::vector<char> out(bytes);
    expectNvrtc(nvrtc_,
                target.isPtx() ? nvrtc_.nvrtcGetPTX(program_, out.data()) : nvrtc_.nvrtcGetCUBIN(program_, out.data()),
                "give its code");
    return out;
  }

 private:
  std::string log() {
    size_t bytes = 0;
    if (nvrtc_.nvrtcGetProgramLogSize(program_, &bytes) != NVRTC_SUCCESS || bytes < 2) return "no log";
    std::string words(bytes, '\0');
    if (nvrtc_.nvrtcGetProgramLog(program_, words.data()) != NVRTC_SUCCESS) return "no log";
    words.resize(bytes - 1);
    return words;
  }

  const NvrtcApi& nvrtc_;
  nvrtcProgram program_ = nullptr;
};

std::string cacheKey(const Libraries& libraries, const std::string& source, const Target& target) {
  std::string key = text("nvrtc ", libraries.nvrtcReport.version, "\n", target.architecture, "\n");
  for (const char* option : kOptions) key += text(option, "\n");
  const Headers all = headers();
  for (const char* header : all.texts) key += header;
  return key + textOf(source);
}

}  // namespace

Target targetFor(const Libraries& libraries, int capability) {
  const NvrtcApi& nvrtc = libraries.nvrtc;
  int count = 0;
  expectNvrtc(nvrtc, nvrtc.nvrtcGetNumSupportedArchs(&count), "tell what it compiles for");
  std::vector<int> known(static_cast<size_t>(count));
  if (count > 0) expectNvrtc(nvrtc, nvrtc.nvrtcGetSupportedArchs(known.data()), "tell what it compiles for");
  int best = 0;
  for (int one : known) {
    if (one <= capability) best = std::max(best, one);
  }
  if (best == 0) {
    fail(code::kCudaUnavailable, "NVRTC ", libraries.nvrtcReport.version,
         " compiles for nothing that compute capability ", capability / 10, ".", capability % 10,
         " runs; install the libraries of an older CUDA");
  }
  return {text(best == capability ? "sm_" : "compute_", best)};
}

std::vector<char> compileKernels(const Libraries& libraries, const std::string& source, const Target& target) {
  Program program(libraries.nvrtc, source);
  program.compile(source, target);
  return program.code(target);
}

Modules::Modules(const Libraries& libraries, int capability)
    : libraries_(libraries), target_(targetFor(libraries, capability)) {}

Modules::~Modules() {
  for (const auto& [name, module] : loaded_) libraries_.cuda.cuModuleUnload(module);
}

void Modules::expect(CUresult result, const std::string& what) const {
  if (result == CUDA_SUCCESS) return;
  const char* words = nullptr;
  libraries_.cuda.cuGetErrorName(result, &words);
  fail(result == CUDA_ERROR_OUT_OF_MEMORY ? code::kOutOfMemory : code::kInternal, "the driver does not ", what, ": ",
       words != nullptr ? words : "an error without a name");
}

// What the cache holds is tried first; what the driver refuses of it is made again.
CUmodule Modules::load(const std::string& source) {
  const DiskCache cache("kernels");
  const std::string key = cacheKey(libraries_, source, target_);
  const std::string name = source + "-" + target_.architecture;
  CUmodule module = nullptr;
  std::vector<char> code = cache.read(name, key);
  if (!code.empty() && libraries_.cuda.cuModuleLoadData(&module, code.data()) == CUDA_SUCCESS) return module;
  code = compileKernels(libraries_, source, target_);
  expect(libraries_.cuda.cuModuleLoadData(&module, code.data()), "load the module " + name);
  cache.write(name, key, code);
  return module;
}

CUfunction Modules::function(const char* source, const char* kernel) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto found = loaded_.find(source);
  if (found == loaded_.end()) found = loaded_.emplace(source, load(source)).first;
  CUfunction function = nullptr;
  expect(libraries_.cuda.cuModuleGetFunction(&function, found->second, kernel), text("find the kernel ", kernel));
  return function;
}

}  // namespace cugru::cuda
