#include "driver/kernels.h"

#include <dlfcn.h>

#include <filesystem>

#include "core/problems.h"
#include "core/settings.h"

namespace simulated {

namespace {

struct Library {
  int (*has)(const char*) = nullptr;
  int (*launch)(const char*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, size_t, void**) = nullptr;
  size_t (*sizes)(const char*, size_t*, size_t) = nullptr;
};

std::string pathOfKernels() {
  const std::string chosen = setting("KERNELS");
  if (!chosen.empty()) return chosen;
  Dl_info here;
  if (dladdr(reinterpret_cast<void*>(&pathOfKernels), &here) == 0) return "";
  return (std::filesystem::path(here.dli_fname).parent_path() / "libkernels_host.so").string();
}

Library load() {
  Library library;
  const std::string path = pathOfKernels();
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    violation(join("there are no kernels for the host: ", dlerror()));
    return library;
  }
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(handle, name));
    if (function == nullptr) violation(join(path, " has no ", name));
  };
  find(library.has, "simulated_has_kernel");
  find(library.launch, "simulated_launch_kernel");
  find(library.sizes, "simulated_kernel_param_sizes");
  return library;
}

const Library& library() {
  static const Library one = load();
  return one;
}

}  // namespace

bool hasKernel(const std::string& name) { return library().has != nullptr && library().has(name.c_str()) != 0; }

std::vector<size_t> kernelParameterSizes(const std::string& name) {
  constexpr size_t kMost = 256;
  std::vector<size_t> sizes(kMost);
  sizes.resize(library().sizes != nullptr ? library().sizes(name.c_str(), sizes.data(), kMost) : 0);
  return sizes;
}

int launchKernel(const std::string& name, const unsigned grid[3], const unsigned block[3], size_t sharedBytes,
                 void** parameters) {
  return library().launch(name.c_str(), grid[0], grid[1], grid[2], block[0], block[1], block[2], sharedBytes,
                          parameters);
}

}  // namespace simulated
