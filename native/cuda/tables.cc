// A row of a table for each step, added or put beside; and what one run leaves to the next.
#include "core/error.h"
#include "core/ops/sequence.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

size_t bytesOf(const SequenceDesc& desc) { return static_cast<size_t>(desc.elements()) * sizeof(float); }

class AddTableKernel final : public Kernel {
 public:
  AddTableKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(addTableDesc(desc)),
        forward_(*device, "sequence.cu", "add_table"),
        backward_(*device, "sequence.cu", "add_table_backward") {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda table"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    forward_(cuda(stream), flatGrid(desc_.elements()), kFlatBlock, static_cast<const float*>(args.inputs[0]),
             static_cast<float*>(args.outputs[0]), args.params, desc_.steps, desc_.rows, desc_.features);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    void* dx = args.inputGradients[0];
    if (dx != nullptr && dy == nullptr) s.zero(dx, bytesOf(desc_));
    if (dy == nullptr) return;
    if (dx != nullptr) s.copy(dx, dy, bytesOf(desc_));
    if (args.paramGradients == nullptr) return;
    backward_(s, flatGrid(desc_.steps * desc_.features), kFlatBlock, dy, args.paramGradients, desc_.steps, desc_.rows,
              desc_.features);
  }

 private:
  SequenceDesc desc_;
  Function<const float*, float*, const float*, int64_t, int64_t, int64_t> forward_;
  Function<const float*, float*, int64_t, int64_t, int64_t> backward_;
};

class AppendTableKernel final : public Kernel {
 public:
  AppendTableKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(appendTableDesc(desc)),
        table_(device, desc_.table->size() * sizeof(float)),
        forward_(*device, "sequence.cu", "append_table"),
        backward_(*device, "sequence.cu", "append_table_backward") {
    device->fill(address(table_.data()), desc_.table->data(), table_.bytes());
  }

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda table"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    const int64_t elements = desc_.steps * desc_.rows * (desc_.features + desc_.width);
    forward_(cuda(stream), flatGrid(elements), kFlatBlock, static_cast<const float*>(args.inputs[0]),
             static_cast<float*>(args.outputs[0]), static_cast<const float*>(table_.data()), desc_.steps, desc_.rows,
             desc_.features, desc_.width);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    CudaStream& s = cuda(stream);
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    if (dy == nullptr) return s.zero(dx, bytesOf(desc_));
    backward_(s, flatGrid(desc_.elements()), kFlatBlock, dy, dx, desc_.steps, desc_.rows, desc_.features, desc_.width);
  }

 private:
  AppendTableDesc desc_;
  DeviceMemory table_;
  Function<const float*, float*, const float*, int64_t, int64_t, int64_t, int64_t> forward_;
  Function<const float*, float*, int64_t, int64_t, int64_t, int64_t> backward_;
};

class StateKernel final : public Kernel {
 public:
  StateKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(stateDesc(desc)), write_(*device, "sequence.cu", "state_write") {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda copy"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    if (!desc_.writes) return s.copy(args.outputs[0], args.buffers, bytesOf(desc_));
    write_(s, flatGrid(desc_.elements()), kFlatBlock, static_cast<const float*>(args.inputs[0]), args.buffers,
           args.control, desc_.rowsOfBatch, desc_.steps, desc_.rows, desc_.features);
  }

  void backward(const KernelArgs&, Stream&) override { fail(code::kInternal, "state has no gradient"); }

 private:
  StateDesc desc_;
  Function<const float*, float*, const StepControl*, int64_t, int64_t, int64_t, int64_t> write_;
};

}  // namespace

std::unique_ptr<Kernel> makeAddTable(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<AddTableKernel>(desc, device);
}

std::unique_ptr<Kernel> makeAppendTable(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<AppendTableKernel>(desc, device);
}

std::unique_ptr<Kernel> makeState(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<StateKernel>(desc, device);
}

}  // namespace cugru::cuda
