#include <cstdio>

#include "core/capture.h"
#include "core/settings.h"
#include "cudnn/descriptors.h"
#include "cudnn/exported.h"

namespace cugru::cuda {

using namespace simulated;

size_t cudnnGetVersion() { return playedVersion(); }

size_t cudnnGetCudartVersion() { return static_cast<size_t>(cudaMajor()) * 1000; }

const char* cudnnGetErrorString(cudnnStatus_t status) { return nameOf(status); }

void cudnnGetLastErrorString(char* message, size_t maxSize) {
  if (message != nullptr && maxSize > 0) std::snprintf(message, maxSize, "%s", lastRefusal().c_str());
}

cudnnStatus_t cudnnAdvVersionCheck() { return CUDNN_STATUS_SUCCESS; }

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  Guard guard;
  if (handle == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the handle's address is null");
  Context* context = nullptr;
  if (enter(context) != CUDA_SUCCESS) return refuse(CUDNN_STATUS_NOT_INITIALIZED, "no context is current");
  if (unsafeCall() != CUDA_SUCCESS) return refuse(CUDNN_STATUS_INTERNAL_ERROR, "cudnnCreate during a capture");
  const long version = static_cast<long>(playedVersion());
  if (const long parts = numberSetting("CUDNN_PARTS", version); parts != version) {
    return refuse(CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH, join("the parts are of ", parts, ", this is ", version));
  }
  auto made = std::make_shared<Handle>();
  made->context = context;
  *handle = handles().add<cudnnHandle_t>(made);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  Guard guard;
  return handles().remove(handle) ? CUDNN_STATUS_SUCCESS : refuse(CUDNN_STATUS_BAD_PARAM, "this is no handle");
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, CUstream stream) {
  Guard guard;
  const auto found = handles().find(handle);
  if (found == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM, "this is no handle");
  if (stream != nullptr) {
    const auto known = streams().find(stream);
    if (known == nullptr || known->context != found->context) {
      return refuse(kStreamMismatch, "the stream is not of the handle's context");
    }
  }
  found->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace cugru::cuda
