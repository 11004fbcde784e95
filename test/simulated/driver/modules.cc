#include "driver/modules.h"

#include <cctype>

#include "core/settings.h"
#include "driver/exported.h"
#include "driver/kernels.h"

namespace simulated {

namespace {

std::vector<std::string> inventory() {
  std::vector<std::string> lines;
  for (const auto& [key, module] : modules().all()) lines.push_back(join("the module ", module->image.name));
  return lines;
}

// A binary runs on its own major version from its minor version on; PTX on everything that is as new.
CUresult fits(const Image& image) {
  const int device = computeCapability();
  if (!image.binary) return image.architecture <= device ? CUDA_SUCCESS : CUDA_ERROR_INVALID_PTX;
  const bool same = image.architecture / 10 == device / 10 && image.architecture % 10 <= device % 10;
  return same ? CUDA_SUCCESS : CUDA_ERROR_NO_BINARY_FOR_GPU;
}

// As a word of its own in the module's source.
bool isNamed(const std::string& source, const std::string& name) {
  const auto isWord = [&](size_t at) {
    return at < source.size() && (std::isalnum(static_cast<unsigned char>(source[at])) != 0 || source[at] == '_');
  };
  for (size_t at = source.find(name); at != std::string::npos; at = source.find(name, at + 1)) {
    if (!(at > 0 && isWord(at - 1)) && !isWord(at + name.size())) return true;
  }
  return false;
}

}  // namespace

Registry<Module>& modules() {
  static auto* const all = [] {
    addInventory(inventory);
    return new Registry<Module>;
  }();
  return *all;
}

Registry<Function>& functions() {
  static auto* const all = new Registry<Function>;
  return *all;
}

void dropModules(Context& context) {
  for (const auto& [key, module] : modules().all()) {
    if (module->context == &context && !context.broken())
      violation(join("the module ", module->image.name, " was still loaded when its context ended"));
  }
  functions().removeIf([&](const Function& one) { return one.context == &context; });
  modules().removeIf([&](const Module& one) { return one.context == &context; });
}

int residentBlocks(int blockSize, size_t sharedBytes) {
  constexpr int kThreads = 2048, kBlocks = 32, kReserved = 1024;
  const int byThreads = kThreads / std::max(blockSize, 1);
  const int byShared = kSharedBytesOfMultiprocessor / (static_cast<int>(sharedBytes) + kReserved);
  return std::min({byThreads, byShared, kBlocks});
}

}  // namespace simulated

namespace cugru::cuda {

using namespace simulated;

CUresult cuModuleLoadData(CUmodule* handle, const void* data) {
  SIMULATED_ENTER();
  if (handle == nullptr || data == nullptr) return CUDA_ERROR_INVALID_VALUE;
  SIMULATED_TRY(unsafeCall());
  auto module = std::make_shared<Module>();
  module->context = context;
  if (!readImage(data, module->image)) return CUDA_ERROR_INVALID_IMAGE;
  SIMULATED_TRY(fits(module->image));
  *handle = modules().add<CUmodule>(module);
  simulated::count("modules");
  return CUDA_SUCCESS;
}

CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count, CUjit_option* options, void** values) {
  if (count > 0 && (options == nullptr || values == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  return cuModuleLoadData(module, image);
}

CUresult cuModuleUnload(CUmodule handle) {
  SIMULATED_ENTER();
  const std::shared_ptr<Module> module = modules().find(handle);
  if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  SIMULATED_TRY(unsafeCall());
  const auto isOurs = [&](const Operation& one) { return module->functions.count(one.name) > 0; };
  if (const Operation* one = findQueued(*context, isOurs); one != nullptr) {
    violation(join("cuModuleUnload is called while ", one->name, " is queued; wait for it first"));
  }
  drainAll(*context);
  for (const auto& [name, function] : module->functions) functions().remove(function.get());
  modules().remove(handle);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction* handle, CUmodule moduleHandle, const char* name) {
  SIMULATED_ENTER();
  if (handle == nullptr || name == nullptr || *name == '\0') return CUDA_ERROR_INVALID_VALUE;
  const std::shared_ptr<Module> module = modules().find(moduleHandle);
  if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (!isNamed(module->image.source, name) || !hasKernel(name)) return CUDA_ERROR_NOT_FOUND;
  std::shared_ptr<Function>& function = module->functions[name];
  if (function == nullptr) {
    function = std::make_shared<Function>();
    function->context = context;
    function->name = name;
  }
  *handle = functions().add<CUfunction>(function);
  return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction handle) {
  SIMULATED_ENTER();
  const std::shared_ptr<Function> function = functions().find(handle);
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (function == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = 1024; break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = 0; break;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: *value = 0; break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 32; break;
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = computeCapability(); break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = function->sharedBytes; break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: *value = -1; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
  SIMULATED_ENTER();
  const std::shared_ptr<Function> function = functions().find(handle);
  if (function == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) {
    return value >= -1 && value <= 100 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  }
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_ERROR_INVALID_VALUE;
  if (value < 0 || value > kSharedBytesAtMost) return CUDA_ERROR_INVALID_VALUE;
  function->sharedBytes = value;
  return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction handle, int blockSize,
                                                     size_t sharedBytes) {
  SIMULATED_ENTER();
  if (functions().find(handle) == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (blocks == nullptr || blockSize < 1) return CUDA_ERROR_INVALID_VALUE;
  *blocks = blockSize > 1024 ? 0 : residentBlocks(blockSize, sharedBytes);
  return CUDA_SUCCESS;
}

}  // namespace cugru::cuda
