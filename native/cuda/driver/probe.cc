#include "cuda/driver/probe.h"

#include <array>
#include <cstdlib>

#include "core/error.h"

namespace cugru::cuda {

namespace {

constexpr int kOldestCapability = 75;  // CUDA 13 and its cuDNN begin here

class Prober {
 public:
  Prober(ProbeReport& report, const SearchOptions& options) : report_(report), options_(options) {}

  void run(int ordinal) {
    collectLibraryProblems();
    if (!report_.libraries.driverReport.usable()) return;
    if (!startDriver() || !listDevices() || !chooseDevice(ordinal) || !report_.problems.empty()) return;
    probeDevice(ordinal);
  }

 private:
  const CudaApi& cuda() const { return report_.libraries.cuda; }
  const CudnnApi& cudnn() const { return report_.libraries.cudnn; }

  void step(const std::string& what) {
    if (options_.onStep) options_.onStep(what);
  }

  bool blame(const std::string& what, const std::string& advice) {
    report_.problems.push_back({what, advice});
    return false;
  }

  void collectLibraryProblems() {
    const Libraries& all = report_.libraries;
    for (const LibraryReport* one : {&all.driverReport, &all.cudnnReport, &all.cublasLtReport, &all.nvrtcReport}) {
      if (one->usable()) continue;
      const std::string where = one->opened() ? one->path + ": " : "";
      blame(where + one->problem, one->advice);
    }
  }

  std::string errorText(CUresult result) const {
    const char *name = nullptr, *words = nullptr;
    cuda().cuGetErrorName(result, &name);
    cuda().cuGetErrorString(result, &words);
    if (name == nullptr) return text("error ", static_cast<unsigned>(result));
    return words == nullptr ? std::string(name) : text(name, " (", words, ")");
  }

  bool startDriver() {
    step("starting the driver");
    const CUresult result = cuda().cuInit(0);
    if (result == CUDA_SUCCESS) return true;
    return blame(text("the driver does not start: ", errorText(result)), startAdvice(result));
  }

  static std::string startAdvice(CUresult result) {
    switch (result) {
      case CUDA_ERROR_NO_DEVICE:
        return std::getenv("CUDA_VISIBLE_DEVICES") != nullptr
                   ? "CUDA_VISIBLE_DEVICES is set: see that it names a GPU of this host"
                   : "no GPU is visible: see `nvidia-smi`; in a container, start it with the GPU (docker run --gpus "
                     "all)";
      case CUDA_ERROR_STUB_LIBRARY:
        return "this is the toolkit's stub; install the driver, or give the container the GPU";
      case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
      case CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE:
        return "the driver's library and its kernel module differ: restart the host after an update of the driver";
      case CUDA_ERROR_SYSTEM_NOT_READY: return "see that nvidia-fabricmanager runs";
      default: return "see `nvidia-smi`, and the kernel's log";
    }
  }

  bool listDevices() {
    int count = 0;
    const CUresult result = cuda().cuDeviceGetCount(&count);
    if (result != CUDA_SUCCESS)
      return blame(text("the devices cannot be counted: ", errorText(result)), "see `nvidia-smi`");
    if (count == 0) return blame("the driver has no device", startAdvice(CUDA_ERROR_NO_DEVICE));
    for (int i = 0; i < count; i++) {
      if (!describeDevice(i)) return false;
    }
    return true;
  }

  bool describeDevice(int ordinal) {
    DeviceReport device;
    device.ordinal = ordinal;
    std::array<char, 256> name{};
    CUdevice handle = 0;
    size_t bytes = 0;
    CUresult result = cuda().cuDeviceGet(&handle, ordinal);
    if (result == CUDA_SUCCESS) result = cuda().cuDeviceGetName(name.data(), static_cast<int>(name.size()) - 1, handle);
    if (result == CUDA_SUCCESS) result = cuda().cuDeviceTotalMem_v2(&bytes, handle);
    const auto attribute = [&](CUdevice_attribute which, int* value) {
      if (result == CUDA_SUCCESS) result = cuda().cuDeviceGetAttribute(value, which, handle);
    };
    attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, &device.major);
    attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, &device.minor);
    attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, &device.multiprocessors);
    if (result != CUDA_SUCCESS) {
      return blame(text("device ", ordinal, " does not describe itself: ", errorText(result)), "see `nvidia-smi`");
    }
    device.name = name.data();
    device.totalBytes = bytes;
    report_.devices.push_back(device);
    return true;
  }

  bool chooseDevice(int ordinal) {
    const int count = static_cast<int>(report_.devices.size());
    if (ordinal >= count) {
      return blame(text("there is no device ", ordinal, ": the driver has ", count),
                   text("use 'cuda:0'", count > 1 ? text(" to 'cuda:", count - 1, "'") : ""));
    }
    const DeviceReport& device = report_.devices[ordinal];
    if (device.major * 10 + device.minor >= kOldestCapability) return true;
    return blame(text(device.name, " has compute capability ", device.major, ".", device.minor),
                 "a GPU of compute capability 7.5 (Turing) or newer is needed");
  }

  void probeDevice(int ordinal) {
    step("opening device " + std::to_string(ordinal));
    CUdevice device = 0;
    CUcontext context = nullptr;
    CUresult result = cuda().cuDeviceGet(&device, ordinal);
    if (result == CUDA_SUCCESS) result = cuda().cuDevicePrimaryCtxRetain(&context, device);
    if (result != CUDA_SUCCESS) {
      blame(text("device ", ordinal, " cannot be opened: ", errorText(result)),
            result == CUDA_ERROR_OUT_OF_MEMORY ? "its memory is full: see `nvidia-smi` for who uses it"
                                               : "see `nvidia-smi` for its state and compute mode");
      return;
    }
    report_.probed = ordinal;
    result = cuda().cuCtxSetCurrent(context);
    size_t available = 0, total = 0;
    if (result == CUDA_SUCCESS) result = cuda().cuMemGetInfo_v2(&available, &total);
    if (result == CUDA_SUCCESS) {
      report_.devices[ordinal].availableBytes = available;
      describeRnn();
      cuda().cuCtxSetCurrent(nullptr);
    } else {
      blame(text("device ", ordinal, " cannot be used: ", errorText(result)), "see `nvidia-smi` for its state");
    }
    cuda().cuDevicePrimaryCtxRelease_v2(device);
  }

  // cuDNN opens its parts at the first use: only this shows that they are there and fit together.
  void describeRnn() {
    step("starting cuDNN");
    cudnnHandle_t handle = nullptr;
    if (!succeeded(cudnn().cudnnCreate(&handle), "start")) return;
    cudnnDropoutDescriptor_t dropout = nullptr;
    cudnnRNNDescriptor_t rnn = nullptr;
    step("describing an RNN to cuDNN");
    if (succeeded(cudnn().cudnnCreateDropoutDescriptor(&dropout), "describe dropout") &&
        succeeded(cudnn().cudnnSetDropoutDescriptor(dropout, handle, 0.0f, nullptr, 0, 0), "describe dropout") &&
        succeeded(cudnn().cudnnCreateRNNDescriptor(&rnn), "describe a GRU") &&
        succeeded(cudnn().cudnnSetRNNDescriptor_v8(rnn, CUDNN_RNN_ALGO_STANDARD, CUDNN_GRU, CUDNN_RNN_DOUBLE_BIAS,
                                                   CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT, CUDNN_DATA_FLOAT,
                                                   CUDNN_DATA_FLOAT, CUDNN_DEFAULT_MATH, 32, 32, 32, 1, dropout,
                                                   kRnnPaddedIoEnabled),
                  "describe a GRU")) {
      succeeded(cudnn().cudnnGetRNNWeightSpaceSize(handle, rnn, &report_.weightBytes), "size a GRU's weights");
    }
    if (rnn != nullptr) cudnn().cudnnDestroyRNNDescriptor(rnn);
    if (dropout != nullptr) cudnn().cudnnDestroyDropoutDescriptor(dropout);
    cudnn().cudnnDestroy(handle);
  }

  bool succeeded(cudnnStatus_t status, const char* what) {
    if (status == CUDNN_STATUS_SUCCESS) return true;
    std::array<char, 512> more{};
    if (cudnn().cudnnGetLastErrorString != nullptr) cudnn().cudnnGetLastErrorString(more.data(), more.size() - 1);
    return blame(text("cuDNN does not ", what, ": ", cudnn().cudnnGetErrorString(status), more[0] != '\0' ? ", " : "",
                      more.data()),
                 "see that all of libcudnn*.so.9 come from one package, and that its CUDA is the driver's or older; "
                 "`cugru cuda install` makes such a folder");
  }

  ProbeReport& report_;
  const SearchOptions& options_;
};

}  // namespace

ProbeReport probe(const SearchOptions& options, int ordinal) {
  ProbeReport report;
  report.libraries = openLibraries(options);
  Prober(report, options).run(ordinal);
  return report;
}

}  // namespace cugru::cuda
