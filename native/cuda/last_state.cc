// The read-out of the last layer's final states: a copy that puts directions side by side.
#include "core/ops/ops.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

class LastStateKernel final : public Kernel {
 public:
  LastStateKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(lastStateDesc(desc)),
        forward_(*device, "elementwise.cu", "last_state"),
        backward_(*device, "elementwise.cu", "last_state_backward") {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda copy"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    forward_(cuda(stream), flatGrid(desc_.batch * desc_.directions * desc_.units), kFlatBlock,
             static_cast<const float*>(args.inputs[0]), static_cast<float*>(args.outputs[0]), desc_.batch, desc_.units,
             desc_.directions, desc_.states);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dStates = static_cast<float*>(args.inputGradients[0]);
    if (dStates == nullptr) return;
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    const int64_t elements = desc_.states * desc_.batch * desc_.units;
    CudaStream& s = cuda(stream);
    if (dy == nullptr) return s.zero(dStates, static_cast<size_t>(elements) * sizeof(float));
    backward_(s, flatGrid(elements), kFlatBlock, dy, dStates, desc_.batch, desc_.units, desc_.directions, desc_.states);
  }

 private:
  LastStateDesc desc_;
  Function<const float*, float*, int64_t, int64_t, int64_t, int64_t> forward_, backward_;
};

}  // namespace

std::unique_ptr<Kernel> makeLastState(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<LastStateKernel>(desc, device);
}

}  // namespace cugru::cuda
