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

std::string graphsSwitch() {
  const char* value = std::getenv("CUGRU_CUDA_GRAPHS");
  const std::string said = value == nullptr || *value == '\0' ? "on" : value;
  if (said == "off") return "CUGRU_CUDA_GRAPHS=off";
  if (said != "on") fail(code::kValue, "CUGRU_CUDA_GRAPHS must be 'on' or 'off', got '", said, "'");
  return "";
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
  graphsOff_ = graphsSwitch();
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
  const Alone alone = Device::alone();  // cuDNN and cuBLASLt may wait when they start
  check(cuda().cuStreamCreate(&setup_, CU_STREAM_NON_BLOCKING), "make a stream");
  check(cudnn().cudnnCreate(&cudnn_), "start");
  cudnnVersion_ = cudnn().cudnnGetVersion();
  check(cublasLt().cublasLtCreate(&cublasLt_), "start");
  modules_ = std::make_unique<Modules>(*libraries_, capability_);
}

// A context that was lost, or a driver that is going down with the process, refuses what it is given back; that is no matter.
void Device::close() noexcept {
  if (context_ == nullptr) return;
  const Alone alone = Device::alone();  // cuDNN and cuBLASLt may wait when they end
  cuda().cuCtxSetCurrent(context_);
  if (lossScale_ != 0) free(lossScale_, sizeof(LossScaleState));
  releaseFreed();
  blocks_.drop(cuda());
  if (cublasLt_ != nullptr) cublasLt().cublasLtDestroy(cublasLt_);
  if (cudnn_ != nullptr) cudnn().cudnnDestroy(cudnn_);
  modules_.reset();
  if (setup_ != nullptr) cuda().cuStreamDestroy_v2(setup_);
  cuda().cuCtxSetCurrent(nullptr);
  cuda().cuDevicePrimaryCtxRelease_v2(device_);
  context_ = nullptr;
}

void Device::enter() const {
  if (lost_) fail(code::kState, "this model lost its GPU and can do no more (", lostBecause_, "); make a new one");
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
  fail(code::kInternal, "the GPU was lost: ", why, "; this model can do no more, make a new one");
}

Device::Alone Device::alone() {
  static std::recursive_mutex mutex;
  return Alone(mutex);
}

std::string Device::problem(CUresult result, const char* what) const {
  if (result == CUDA_SUCCESS) return "";
  const std::string why = text("cuda:", ordinal_, " does not ", what, ": ", describe(result));
  if (isSticky(result)) lose(why);
  return why;
}

void Device::check(CUresult result, const char* what) const {
  const std::string why = problem(result, what);
  if (!why.empty()) fail(result == CUDA_ERROR_OUT_OF_MEMORY ? code::kOutOfMemory : code::kInternal, why);
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

Block Device::allocateBlock(size_t bytes) {
  enter();
  if (blocks_.waiting()) {
    const Alone alone = Device::alone();
    check(cuda().cuCtxSynchronize(), "finish its work");
    releaseFreed();
  }
  Block block = blocks_.take(bytes);
  if (block.id == 0) block = {allocateFresh(bytes), bytes, ++lastBlock_};
  try {
    check(cuda().cuMemsetD8Async(block.pointer, 0, bytes, setup_), "zero memory");
    check(cuda().cuStreamSynchronize(setup_), "zero memory");
  } catch (...) {
    free(block);
    throw;
  }
  return block;
}

// What is kept for the next of its size goes before memory is refused.
CUdeviceptr Device::allocateFresh(size_t bytes) {
  const auto exceeds = [&] { return limit_ != 0 && (bytes > limit_ || allocated_ > limit_ - bytes); };
  if (exceeds()) allocated_ -= blocks_.drop(cuda());
  if (exceeds()) refuseMemory(bytes, text(", and CUGRU_CUDA_MEMORY_LIMIT allows ", limit_));
  CUdeviceptr pointer = 0;
  CUresult result = cuda().cuMemAlloc_v2(&pointer, bytes);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    allocated_ -= blocks_.drop(cuda());
    result = cuda().cuMemAlloc_v2(&pointer, bytes);
  }
  if (result == CUDA_ERROR_OUT_OF_MEMORY) refuseMemory(bytes, "");
  check(result, "allocate memory");
  allocated_ += bytes;
  return pointer;
}

void Device::fill(CUdeviceptr to, const void* from, size_t bytes) {
  enter();
  check(cuda().cuMemcpyHtoDAsync_v2(to, from, bytes, setup_), "copy to the device");
  check(cuda().cuStreamSynchronize(setup_), "copy to the device");
}

LossScaleState* Device::lossScaleMemory() {
  if (lossScale_ == 0) {
    const CUdeviceptr made = allocate(sizeof(LossScaleState));
    try {
      fill(made, &lastLossScale_, sizeof lastLossScale_);
    } catch (...) {
      free(made, sizeof(LossScaleState));
      throw;
    }
    lossScale_ = made;
  }
  return reinterpret_cast<LossScaleState*>(lossScale_);
}

LossScaleState* Device::lossScale() {
  LossScaleState* state = lossScaleMemory();
  if (lastLossScale_.used == 0) {
    LossScaleState used = lastLossScale_;
    used.used = 1;
    fill(lossScale_, &used, sizeof used);
    lastLossScale_ = used;
  }
  return state;
}

void Device::setLossScale(LossScaleState state) {
  state.used = lastLossScale_.used;
  if (lossScale_ != 0) fill(lossScale_, &state, sizeof state);
  lastLossScale_ = state;
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
