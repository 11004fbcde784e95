#include "cuda/driver/shared_object.h"

#if defined(__linux__)

#include <dlfcn.h>
#include <link.h>

namespace cugru::cuda {

// RTLD_NOW: a library whose own symbols cannot be found is refused here, not in the middle of a step. RTLD_LOCAL: their
// symbols stay out of everybody else's way; they find each other by SONAME all the same.
LibraryHandle openLibrary(const std::string& name, std::string& error) {
  dlerror();
  LibraryHandle handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    error = reason != nullptr ? reason : "the system's loader refused it";
  }
  return handle;
}

LibraryHandle findLoaded(const std::string& name) { return dlopen(name.c_str(), RTLD_NOW | RTLD_NOLOAD); }

void* symbolOf(LibraryHandle handle, const char* name) { return dlsym(handle, name); }

std::string pathOf(LibraryHandle handle) {
  link_map* map = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr || map->l_name == nullptr) return "";
  return map->l_name;
}

}  // namespace cugru::cuda

#else

namespace cugru::cuda {

LibraryHandle openLibrary(const std::string&, std::string& error) {
  error = "CUDA is used on Linux only";
  return nullptr;
}
LibraryHandle findLoaded(const std::string&) { return nullptr; }
void* symbolOf(LibraryHandle, const char*) { return nullptr; }
std::string pathOf(LibraryHandle) { return ""; }

}  // namespace cugru::cuda

#endif
