// Devices, their primary contexts, and which context is current on which thread.
#pragma once

#include "core/problems.h"
#include "cuda/driver/cuda_api.h"

namespace simulated {

using namespace cugru::cuda;

// The vendor's results that our own declarations have no name for.
inline constexpr auto kIllegalState = static_cast<CUresult>(401);
inline constexpr auto kContextIsDestroyed = static_cast<CUresult>(709);
inline constexpr auto kCaptureMerge = static_cast<CUresult>(902);
inline constexpr auto kCapturedEvent = static_cast<CUresult>(907);
inline constexpr auto kPeerAccessUnsupported = static_cast<CUresult>(217);

struct Context {
  int device = 0;
  int references = 0;
  bool broken() const { return failure != CUDA_SUCCESS; }
  CUresult failure = CUDA_SUCCESS;  // of something asynchronous; every later call gives it, as the vendor's do
};

struct DriverState {
  bool initialized = false;
};
DriverState& driver();

int deviceCount();
Context& primaryContext(int device);
bool isContext(const Context* context);
Context* currentContext();
void setCurrentContext(Context* context);

// What every call asks first: initialised, a context current on this thread, alive, and with no earlier failure.
CUresult enter(Context*& context);

// Something asynchronous went wrong: remembered by the context, and told.
CUresult fail(Context& context, CUresult result, const std::string& what);

}  // namespace simulated
