// One GPU for one session: the primary context, the libraries' handles, and what every call's status means.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/blocks.h"
#include "cuda/choice_book.h"
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

  ChoiceBook& choices() { return choices_; }

  // While it is held, no session of this process waits for the whole context: that would spoil a capture, of whichever thread.
  using Alone = std::unique_lock<std::recursive_mutex>;
  static Alone alone();
  const std::string& graphsOff() const { return graphsOff_; }  // why steps are not recorded; empty: they are

  // Empty on success; else the driver's words, unless the error means that the GPU is lost.
  std::string problem(CUresult result, const char* what) const;
  // Any status but success becomes an Error with the vendor's words.
  void check(CUresult result, const char* what) const;
  void check(cudnnStatus_t status, const char* what) const;
  void check(cublasStatus_t status, const char* what) const;
  std::string describe(CUresult result) const;
  std::string describe(cudnnStatus_t status) const;
  bool lost() const { return lost_; }

  // Memory that is held, and how much may be: CUGRU_CUDA_MEMORY_LIMIT, in bytes.
  CUdeviceptr allocate(size_t bytes) { return allocateBlock(bytes).pointer; }
  Block allocateBlock(size_t bytes);                          // zeroed; ERR_OUT_OF_MEMORY names wanted and free
  void fill(CUdeviceptr to, const void* from, size_t bytes);  // constants, before any stream reads them; waits
  // From any thread, and without waiting: given back when the session's stream is next found idle, or memory is needed.
  void free(CUdeviceptr pointer, size_t bytes) noexcept { free({pointer, bytes, 0}); }
  void free(const Block& block) noexcept { blocks_.give(block); }
  void free(CUgraphExec graph) noexcept { blocks_.give(graph); }
  void releaseFreed() noexcept { allocated_ -= blocks_.settle(cuda()); }  // nothing may be queued
  // For the optimizer: the same address for good, since recorded steps have it, whether anything runs in float16 or not.
  LossScaleState* lossScaleMemory();
  // For what runs in float16: from now on the optimizer heeds it. 1 without an optimizer.
  LossScaleState* lossScale();
  bool lossScaleUsed() const { return lastLossScale_.used != 0; }
  void setLossScale(LossScaleState state);
  void* allocatePinned(size_t bytes);
  void freePinned(void* pointer) noexcept;

 private:
  void open();
  void close() noexcept;
  CUdeviceptr allocateFresh(size_t bytes);
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
  CUstream setup_ = nullptr;      // zeroes fresh memory
  LossScaleState lastLossScale_;  // as it was last set from here
  CUdeviceptr lossScale_ = 0;
  std::unique_ptr<Modules> modules_;
  Blocks blocks_;
  ChoiceBook choices_;
  uint64_t lastBlock_ = 0;
  std::atomic<size_t> allocated_{0};
  size_t limit_ = 0;  // 0: none
  std::string graphsOff_;
  mutable std::atomic<bool> lost_{false};
  mutable std::string lostBecause_;  // written once, before lost_
};

}  // namespace cugru::cuda
