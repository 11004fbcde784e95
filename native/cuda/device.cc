#include "cuda/device.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>

#include "core/error.h"

namespace cugru::cuda {

namespace {

// Opened once in a process, and never closed. Not kept when they cannot be used: what is missing may be installed meanwhile.
std::shared_ptr<const Libraries> sharedLibraries() {
  static std::mutex mutex;
  static std::shared_ptr<const Libraries> kept;
  const std::lock_guard<std::mutex> lock(mutex);
  if (kept != nullptr) return kept;
  auto opened = std::make_shared<const Libraries>(openLibraries());
  if (opened->usable()) kept = opened;
  return opened;
}

std::string problemsOf(const Libraries& libraries) {
  std::string all;
  for (const LibraryReport* one :
       {&libraries.driverReport, &libraries.cudnnReport, &libraries.cublasLtReport, &libraries.nvrtcReport}) {
    if (!one->usable()) all += text("\n  ", one->problem, ": ", one->advice);
  }
  return all;
}

size_t memoryLimit() {
  const char* value = std::getenv("CUGRU_CUDA_MEMORY_LIMIT");
  if (value == nullptr || *value == '\0') return 0;
  char* end = nullptr;
  const unsigned long long bytes = std::strtoull(value, &end, 10);
  if (*end != '\0' || bytes == 0 || *value == '-') {
    fail(code::kValue, "CUGRU_CUDA_MEMORY_LIMIT must be a number of bytes, got '", value, "'");
  }
  return static_cast<size_t>(bytes);
}

// After one of these the context is gone: every later call of this process on that device fails.
bool isSticky(CUresult result) {
  switch (result) {
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_DEINITIALIZED:
    case CUDA_ERROR_UNKNOWN: return true;
    default: break;
  }
  // Traps of the device: 710 to 718, ECC 214, no longer there 702 (a time-out), 226 and 227 (links).
  const auto number = static_cast<unsigned>(result);
  return number == 214 || number == 226 || number == 227 || number == 702 || (number >= 710 && number <= 718);
}

}  // namespace

Device::Device(int ordinal) : libraries_(sharedLibraries()), ordinal_(ordinal) {
  if (!libraries_->usable()) fail(code::kCudaUnavailable, "'cuda' cannot be used:", problemsOf(*libraries_));
  limit_ = memoryLimit();
  try {
    open();
  } catch (...) {
    close();
    throw;
  }
}

Device::~Device() { close(); }

void Device::open() {
  const auto available = [&](CUresult result, const char* what) {
    if (result != CUDA_SUCCESS) {
      fail(code::kCudaUnavailable, "'cuda:", ordinal_, "' cannot be used: ", what, ": ", describe(result));
    }
  };
  available(cuda().cuInit(0), "the driver does not start");
  int count = 0;
  available(cuda().cuDeviceGetCount(&count), "devices cannot be counted");
  if (ordinal_ >= count) {
    fail(code::kCudaUnavailable, "there is no device 'cuda:", ordinal_, "': the driver has ", count);
  }
  available(cuda().cuDeviceGet(&device_, ordinal_), "it is not there");
  std::array<char, 256> name{};
  available(cuda().cuDeviceGetName(name.data(), static_cast<int>(name.size()) - 1, device_), "it has no name");
  name_ = name.data();
  int major = 0, minor = 0;
  available(cuda().cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device_), "what it is");
  available(cuda().cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device_), "what it is");
  available(cuda().cuDeviceGetAttribute(&multiprocessors_, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device_),
            "what it is");
  capability_ = major * 10 + minor;
  available(cuda().cuDriverGetVersion(&driverVersion_), "its driver has no version");
  CUcontext context = nullptr;
  available(cuda().cuDevicePrimaryCtxRetain(&context, device_), "it cannot be opened");
  context_ = context;
  enter();
  check(cuda().cuStreamCreate(&setup_, CU_STREAM_NON_BLOCKING), "make a stream");
  check(cudnn().cudnnCreate(&cudnn_), "start");
  cudnnVersion_ = cudnn().cudnnGetVersion();
  check(cublasLt().cublasLtCreate(&cublasLt_), "start");
  modules_ = std::make_unique<Modules>(*libraries_, capability_);
}

// A context that was lost, or a driver that is going down with the process, refuses what it is given back; that is no matter.
void Device::close() noexcept {
  if (context_ == nullptr) return;
  cuda().cuCtxSetCurrent(context_);
  if (lossScale_ != 0) free(lossScale_, sizeof(LossScaleState));
  releaseFreed();
  if (cublasLt_ != nullptr) cublasLt().cublasLtDestroy(cublasLt_);
  if (cudnn_ != nullptr) cudnn().cudnnDestroy(cudnn_);
  modules_.reset();
  if (setup_ != nullptr) cuda().cuStreamDestroy_v2(setup_);
  cuda().cuCtxSetCurrent(nullptr);
  cuda().cuDevicePrimaryCtxRelease_v2(device_);
  context_ = nullptr;
}

void Device::enter() const {
  if (lost_) fail(code::kState, "this session lost its GPU and can do no more (", lostBecause_, "); make a new one");
  check(cuda().cuCtxSetCurrent(context_), "use the device's context");
}

cudnnHandle_t Device::cudnnHandle(CUstream stream) {
  if (stream != cudnnStream_) {
    check(cudnn().cudnnSetStream(cudnn_, stream), "use a stream");
    cudnnStream_ = stream;
  }
  return cudnn_;
}

void Device::forgetStream(CUstream stream) noexcept {
  if (stream != cudnnStream_ || lost_) return;
  cudnn().cudnnSetStream(cudnn_, nullptr);
  cudnnStream_ = nullptr;
}

std::string Device::describe(CUresult result) const {
  const char *name = nullptr, *words = nullptr;
  cuda().cuGetErrorName(result, &name);
  cuda().cuGetErrorString(result, &words);
  if (name == nullptr) return text("error ", static_cast<unsigned>(result));
  return words == nullptr ? std::string(name) : text(name, " (", words, ")");
}

void Device::lose(const std::string& why) const {
  if (!lost_) {
    lostBecause_ = why;
    lost_ = true;
  }
  fail(code::kInternal, "the GPU was lost: ", why, "; this session can do no more, make a new one");
}

void Device::check(CUresult result, const char* what) const {
  if (result == CUDA_SUCCESS) return;
  const std::string why = text("cuda:", ordinal_, " does not ", what, ": ", describe(result));
  if (result == CUDA_ERROR_OUT_OF_MEMORY) fail(code::kOutOfMemory, why);
  if (isSticky(result)) lose(why);
  fail(code::kInternal, why);
}

std::string Device::describe(cudnnStatus_t status) const {
  std::array<char, 1024> more{};
  if (cudnn().cudnnGetLastErrorString != nullptr) cudnn().cudnnGetLastErrorString(more.data(), more.size() - 1);
  return text(cudnn().cudnnGetErrorString(status), more[0] != '\0' ? ", " : "", more.data());
}

void Device::check(cudnnStatus_t status, const char* what) const {
  if (status == CUDNN_STATUS_SUCCESS) return;
  const std::string why = text("cuDNN does not ", what, ": ", describe(status));
  if (status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED) fail(code::kOutOfMemory, why);
  fail(code::kInternal, why);
}

void Device::check(cublasStatus_t status, const char* what) const {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const std::string why = text("cuBLASLt does not ", what, ": ", cublasLt().cublasLtGetStatusString(status));
  fail(status == CUBLAS_STATUS_ALLOC_FAILED ? code::kOutOfMemory : code::kInternal, why);
}

void Device::refuseMemory(size_t bytes, const std::string& why) const {
  size_t available = 0, total = 0;
  cuda().cuMemGetInfo_v2(&available, &total);
  if (limit_ != 0) available = std::min(available, limit_ > allocated_ ? limit_ - allocated_ : size_t{0});
  fail(code::kOutOfMemory, "cuda:", ordinal_, " has no ", bytes, " bytes for this: ", available, " are free of ", total,
       why);
}

CUdeviceptr Device::allocate(size_t bytes) {
  enter();
  bool waits = false;
  {
    const std::lock_guard<std::mutex> lock(freedMutex_);
    waits = !freed_.empty();
  }
  if (waits) {
    check(cuda().cuCtxSynchronize(), "finish its work");
    releaseFreed();
  }
  if (limit_ != 0 && (bytes > limit_ || allocated_ > limit_ - bytes)) {
    refuseMemory(bytes, text(", and CUGRU_CUDA_MEMORY_LIMIT allows ", limit_));
  }
  CUdeviceptr pointer = 0;
  const CUresult result = cuda().cuMemAlloc_v2(&pointer, bytes);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) refuseMemory(bytes, "");
  check(result, "allocate memory");
  allocated_ += bytes;
  try {
    check(cuda().cuMemsetD8Async(pointer, 0, bytes, setup_), "zero memory");
    check(cuda().cuStreamSynchronize(setup_), "zero memory");
  } catch (...) {
    free(pointer, bytes);
    throw;
  }
  return pointer;
}

void Device::fill(CUdeviceptr to, const void* from, size_t bytes) {
  enter();
  check(cuda().cuMemcpyHtoDAsync_v2(to, from, bytes, setup_), "copy to the device");
  check(cuda().cuStreamSynchronize(setup_), "copy to the device");
}

void Device::free(CUdeviceptr pointer, size_t bytes) noexcept {
  const std::lock_guard<std::mutex> lock(freedMutex_);
  freed_.push_back({pointer, bytes});
}

void Device::releaseFreed() noexcept {
  const std::lock_guard<std::mutex> lock(freedMutex_);
  for (const Freed& one : freed_) {
    cuda().cuMemFree_v2(one.pointer);
    allocated_ -= one.bytes;
  }
  freed_.clear();
}

LossScaleState* Device::lossScale() {
  if (lossScale_ == 0) {
    lossScale_ = allocate(sizeof(LossScaleState));
    fill(lossScale_, &firstLossScale_, sizeof firstLossScale_);
  }
  return lossScaleInUse();
}

void Device::setLossScale(const LossScaleState& state) {
  firstLossScale_ = state;
  if (lossScale_ != 0) fill(lossScale_, &state, sizeof state);
}

void* Device::allocatePinned(size_t bytes) {
  enter();
  void* pointer = nullptr;
  check(cuda().cuMemHostAlloc(&pointer, bytes, kMemHostAllocPortable), "pin host memory");
  return pointer;
}

void Device::freePinned(void* pointer) noexcept {
  cuda().cuCtxSetCurrent(context_);
  cuda().cuMemFreeHost(pointer);
}

}  // namespace cugru::cuda
