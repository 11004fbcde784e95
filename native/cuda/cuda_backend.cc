#include "cuda/cuda_backend.h"

#include "core/error.h"
#include "cuda/choices.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru {

namespace {

using cuda::Device;
using cuda::DeviceMemory;
using cuda::Operation;

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int ordinal) : device_(std::make_shared<Device>(ordinal)) {}

  std::string name() const override { return text("cuda:", device_->ordinal()); }
  std::string description() const override {
    const cuda::Libraries& all = device_->libraries();
    return text(name(), " (", device_->deviceName(), ", compute capability ", device_->capability() / 10, ".",
                device_->capability() % 10, ", cuDNN ", all.cudnnReport.version, ")");
  }

  Support supports(const OpDesc& desc) const override {
    const Operation* operation = cuda::findOperation(desc.op);
    if (operation == nullptr) return {false, text("the CUDA backend has no operation '", desc.op, "'")};
    const std::string why = operation->refusal != nullptr ? operation->refusal(desc, *device_) : "";
    return {why.empty(), why};
  }
  std::unique_ptr<Kernel> createKernel(const OpDesc& desc) override {
    const Support support = supports(desc);
    if (!support.ok) fail(code::kUnsupported, desc.name, ": ", support.reason);
    device_->enter();
    // Compiled here and not when the session is made: that is on JavaScript's thread.
    if (!accumulate_.ready()) accumulate_ = {*device_, "elementwise.cu", "accumulate"};
    return cuda::findOperation(desc.op)->make(desc, device_);
  }
  std::unique_ptr<ParameterLayout> createLayout(const GroupDesc& desc) override {
    device_->enter();
    return cuda::makeLayout(desc, device_);
  }
  std::unique_ptr<Optimizer> createOptimizer(const OptimizerDesc& desc, int64_t elements) override {
    device_->enter();
    return cuda::makeOptimizer(desc, elements, device_);
  }

  std::unique_ptr<Stream> createStream() override { return std::make_unique<cuda::CudaStream>(device_); }
  std::unique_ptr<Stream> createInlineStream() override {
    fail(code::kUnsupported, "synchronous streaming runs on the CPU only");
  }
  bool recordsSteps() const override { return true; }
  std::string recordRefusal() const override { return device_->graphsOff(); }
  std::vector<Choice> choices() const override { return device_->choices().all(); }
  void offerChoices(const std::vector<Choice>& choices) override { cuda::offerChoices(*device_, choices); }
  std::unique_ptr<Memory> allocate(size_t bytes) override { return std::make_unique<DeviceMemory>(device_, bytes); }

  void upload(void* device, const void* host, size_t bytes, Stream& stream) override {
    cuda::cuda(stream).upload(device, host, bytes);
  }
  void download(void* host, const void* device, size_t bytes, Stream& stream) override {
    cuda::cuda(stream).download(host, device, bytes);
  }
  void copy(void* to, const void* from, size_t bytes, Stream& stream) override {
    cuda::cuda(stream).copy(to, from, bytes);
  }
  void zero(void* device, size_t bytes, Stream& stream) override { cuda::cuda(stream).zero(device, bytes); }
  void accumulate(float* sum, const float* term, int64_t elements, Stream& stream) override {
    accumulate_(cuda::cuda(stream), cuda::flatGrid(elements), cuda::kFlatBlock, sum, term, elements);
  }
  void takeControl(StepControl* control, const StepControl* run, int64_t* next, Stream& stream) override {
    cuda::CudaStream& s = cuda::cuda(stream);
    if (!takeControl_.ready()) takeControl_ = {*device_, "step.cu", "take_control"};  // a program may have no kernels
    takeControl_(s, cuda::Extent{}, cuda::Extent{cuda::kWarp}, control, run, next);
  }

 private:
  std::shared_ptr<Device> device_;
  cuda::Function<float*, const float*, int64_t> accumulate_;
  cuda::Function<StepControl*, const StepControl*, int64_t*> takeControl_;
};

}  // namespace

std::unique_ptr<Backend> createCudaBackend(int ordinal) { return std::make_unique<CudaBackend>(ordinal); }

}  // namespace cugru
