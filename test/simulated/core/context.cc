#include "core/context.h"

#include <array>
#include <cctype>
#include <cstdlib>

#include "core/settings.h"

namespace simulated {

namespace {

constexpr int kMostDevices = 16;
thread_local Context* current = nullptr;

std::array<Context, kMostDevices>& contexts() {
  static auto* const all = [] {
    auto* made = new std::array<Context, kMostDevices>;
    for (int i = 0; i < kMostDevices; i++) (*made)[i].device = i;
    return made;
  }();
  return *all;
}

}  // namespace

DriverState& driver() {
  static DriverState one;
  return one;
}

// CUDA_VISIBLE_DEVICES as the vendor's: those up to the first that is not there; set and empty, none.
int deviceCount() {
  const int all = static_cast<int>(std::min(numberSetting("DEVICES", 1), long{kMostDevices}));
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr) return all;
  int count = 0;
  for (const std::string& one : split(visible, ',')) {
    if (one.empty() || !std::isdigit(static_cast<unsigned char>(one[0])) || std::atoi(one.c_str()) >= all) break;
    ++count;
  }
  return count;
}

Context& primaryContext(int device) { return contexts()[device]; }

bool isContext(const Context* context) {
  return context >= contexts().data() && context < contexts().data() + kMostDevices;
}

Context* currentContext() { return current; }

void setCurrentContext(Context* context) { current = context; }

CUresult enter(Context*& context) {
  if (!driver().initialized) return CUDA_ERROR_NOT_INITIALIZED;
  context = current;
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (context->references == 0) return kContextIsDestroyed;
  return context->failure;
}

CUresult fail(Context& context, CUresult result, const std::string& what) {
  violation(what);
  if (!context.broken()) context.failure = result;
  return result;
}

}  // namespace simulated
