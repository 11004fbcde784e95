// A product of two tensors, and activations by themselves. The gradients of relu, tanh and sigmoid come from their values, those of
// gelu and silu from x.
#include "core/ops/ops.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

const float* floats(const void* data) { return static_cast<const float*>(data); }

class MultiplyKernel final : public Kernel {
 public:
  MultiplyKernel(const OpDesc& desc, const DeviceRef& device)
      : multiply_(*device, "elementwise.cu", "multiply_elements") {
    const RowsDesc rows = multiplyDesc(desc);
    elements_ = rows.rows * rows.features;
  }

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda multiply"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] != nullptr) product(cuda(stream), args.inputs[0], args.inputs[1], args.outputs[0]);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    for (int i : {0, 1}) {
      if (args.inputGradients[i] == nullptr) continue;
      if (args.outputGradients[0] == nullptr) {
        s.zero(args.inputGradients[i], static_cast<size_t>(elements_) * sizeof(float));
      } else {
        product(s, args.outputGradients[0], args.inputs[1 - i], args.inputGradients[i]);
      }
    }
  }

 private:
  void product(CudaStream& stream, const void* a, const void* b, void* out) const {
    multiply_(stream, flatGrid(elements_), kFlatBlock, floats(a), floats(b), static_cast<float*>(out), elements_);
  }

  int64_t elements_ = 0;
  Function<const float*, const float*, float*, int64_t> multiply_;
};

class ActivationKernel final : public Kernel {
 public:
  ActivationKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(activationDesc(desc)),
        fromInput_(desc_.activation == Activation::gelu || desc_.activation == Activation::silu),
        elements_(desc_.rows * desc_.features),
        forward_(*device, "elementwise.cu", "activation_forward"),
        backward_(*device, "elementwise.cu", fromInput_ ? "activation_input_gradient" : "activation_gradient") {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda activation"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    forward_(cuda(stream), flatGrid(elements_), kFlatBlock, floats(args.inputs[0]),
             static_cast<float*>(args.outputs[0]), elements_, kind());
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    CudaStream& s = cuda(stream);
    if (args.outputGradients[0] == nullptr) return s.zero(dx, static_cast<size_t>(elements_) * sizeof(float));
    const void* seen = fromInput_ ? args.inputs[0] : args.outputs[0];
    backward_(s, flatGrid(elements_), kFlatBlock, floats(seen), floats(args.outputGradients[0]), dx, elements_, kind());
  }

 private:
  int32_t kind() const { return static_cast<int32_t>(desc_.activation); }

  RowsDesc desc_;
  bool fromInput_;
  int64_t elements_;
  Function<const float*, float*, int64_t, int32_t> forward_;
  Function<const float*, const float*, float*, int64_t, int32_t> backward_;
};

}  // namespace

std::unique_ptr<Kernel> makeMultiply(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<MultiplyKernel>(desc, device);
}

std::unique_ptr<Kernel> makeActivation(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<ActivationKernel>(desc, device);
}

}  // namespace cugru::cuda
