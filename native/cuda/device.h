// One GPU for one session: the primary context, the libraries' handles, and what every call's status means.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/driver/libraries.h"
#include "cuda/loss_scale.h"
#include "cuda/modules.h"

namespace cugru::cuda {

class Device {
 public:
  // ERR_CUDA_UNAVAILABLE when the libraries or the device cannot be used.
  explicit Device(int ordinal);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const CudaApi& cuda() const { return libraries_->cuda; }
  const CudnnApi& cudnn() const { return libraries_->cudnn; }
  const CublasLtApi& cublasLt() const { return libraries_->cublasLt; }
  const Libraries& libraries() const { return *libraries_; }

  int ordinal() const { return ordinal_; }
  int capability() const { return capability_; }  // 90 for 9.0
  int multiprocessors() const { return multiprocessors_; }
  const std::string& deviceName() const { return name_; }
  cudnnHandle_t cudnnHandle() const { return cudnn_; }  // for questions
  cudnnHandle_t cudnnHandle(CUstream stream);           // for work on that stream
  void forgetStream(CUstream stream) noexcept;          // it is about to end
  cublasLtHandle_t cublasLtHandle() const { return cublasLt_; }
  size_t cudnnVersion() const { return cudnnVersion_; }
  int driverVersion() const { return driverVersion_; }  // 13000 for CUDA 13.0

  // Makes the context current on the calling thread. Every way into the backend begins with it; ERR_STATE once the GPU is lost.
  void enter() const;
  void bind() const noexcept { cuda().cuCtxSetCurrent(context_); }  // for what gives back, even of a GPU that was lost

  CUfunction function(const char* source, const char* kernel) { return modules_->function(source, kernel); }

  // Any status but success becomes an Error with the vendor's words.
  void check(CUresult result, const char* what) const;
  void check(cudnnStatus_t status, const char* what) const;
  void check(cublasStatus_t status, const char* what) const;
  std::string describe(CUresult result) const;
  std::string describe(cudnnStatus_t status) const;
  bool lost() const { return lost_; }

  // Memory that this session holds, and how much it may: CUGRU_CUDA_MEMORY_LIMIT, in bytes.
  CUdeviceptr allocate(size_t bytes);                         // zeroed; ERR_OUT_OF_MEMORY names wanted and free
  void fill(CUdeviceptr to, const void* from, size_t bytes);  // constants, before any stream reads them; waits
  // From any thread, and without waiting: given back when the session's stream is next found idle, or memory is needed.
  void free(CUdeviceptr pointer, size_t bytes) noexcept;
  void releaseFreed() noexcept;  // nothing of this session may be queued
  // Allocated at the first call, by what runs in float16; the optimizer looks whether anything does. 1 without an optimizer.
  LossScaleState* lossScale();
  LossScaleState* lossScaleInUse() const { return reinterpret_cast<LossScaleState*>(lossScale_); }
  void setLossScale(const LossScaleState& state);
  void* allocatePinned(size_t bytes);
  void freePinned(void* pointer) noexcept;

 private:
  void open();
  void close() noexcept;
  [[noreturn]] void refuseMemory(size_t bytes, const std::string& why) const;
  [[noreturn]] void lose(const std::string& why) const;

  std::shared_ptr<const Libraries> libraries_;
  int ordinal_;
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  std::string name_;
  int capability_ = 0, multiprocessors_ = 0, driverVersion_ = 0;
  size_t cudnnVersion_ = 0;
  cudnnHandle_t cudnn_ = nullptr;
  CUstream cudnnStream_ = nullptr;
  cublasLtHandle_t cublasLt_ = nullptr;
  CUstream setup_ = nullptr;  // zeroes fresh memory
  LossScaleState firstLossScale_;
  CUdeviceptr lossScale_ = 0;
  std::unique_ptr<Modules> modules_;
  struct Freed {
    CUdeviceptr pointer;
    size_t bytes;
  };
  std::mutex freedMutex_;
  std::vector<Freed> freed_;
  std::atomic<size_t> allocated_{0};
  size_t limit_ = 0;  // 0: none
  mutable std::atomic<bool> lost_{false};
  mutable std::string lostBecause_;  // written once, before lost_
};

}  // namespace cugru::cuda
