// Inverted dropout. What was kept is saved as one bit per element or, of scope row, as the factor of each row.
#include "core/ops/ops.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

class DropoutKernel final : public Kernel {
 public:
  DropoutKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(dropoutDesc(desc)),
        elements_(desc_.rows * desc_.features),
        training_(desc.training),
        forward_(*device, "elementwise.cu", "dropout_forward"),
        backward_(*device, "elementwise.cu", "dropout_backward") {}

  KernelSizes sizes() const override { return {0, training_ ? static_cast<size_t>(ceilDiv(elements_, 8)) : 0}; }
  std::string variant() const override { return "cuda philox"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    CudaStream& s = cuda(stream);
    if (!training_) return s.copy(y, x, static_cast<size_t>(elements_) * sizeof(float));
    forward_(s, flatGrid(ceilDiv(elements_, 8)), kFlatBlock, x, y, static_cast<uint8_t*>(args.saved), args.control,
             desc_.opId, desc_.rate, elements_);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    CudaStream& s = cuda(stream);
    if (dy == nullptr) return s.zero(dx, static_cast<size_t>(elements_) * sizeof(float));
    backward_(s, flatGrid(elements_), kFlatBlock, dy, dx, static_cast<const uint8_t*>(args.saved), desc_.rate,
              elements_);
  }

 private:
  RowsDesc desc_;
  int64_t elements_;
  bool training_;
  Function<const float*, float*, uint8_t*, const StepControl*, uint32_t, float, int64_t> forward_;
  Function<const float*, float*, const uint8_t*, float, int64_t> backward_;
};

// One draw for all steps and features of a row (stochastic depth).
class RowDropoutKernel final : public Kernel {
 public:
  RowDropoutKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(dropoutDesc(desc)),
        elements_(desc_.rows * desc_.features),
        training_(desc.training),
        draw_(*device, "elementwise.cu", "dropout_rows_draw"),
        scale_(*device, "elementwise.cu", "dropout_rows_scale") {}

  KernelSizes sizes() const override {
    return {0, training_ ? static_cast<size_t>(desc_.rowsOfStep) * sizeof(float) : 0};
  }
  std::string variant() const override { return "cuda philox rows"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    CudaStream& s = cuda(stream);
    if (!training_) return s.copy(args.outputs[0], args.inputs[0], static_cast<size_t>(elements_) * sizeof(float));
    draw_(s, flatGrid(ceilDiv(desc_.rowsOfStep, 4)), kFlatBlock, static_cast<float*>(args.saved), args.control,
          desc_.opId, desc_.rate, desc_.rowsOfStep);
    scale(args, s, args.inputs[0], args.outputs[0]);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    if (args.inputGradients[0] == nullptr) return;
    CudaStream& s = cuda(stream);
    if (args.outputGradients[0] == nullptr) {
      return s.zero(args.inputGradients[0], static_cast<size_t>(elements_) * sizeof(float));
    }
    scale(args, s, args.outputGradients[0], args.inputGradients[0]);
  }

 private:
  void scale(const KernelArgs& args, CudaStream& stream, const void* from, void* to) const {
    scale_(stream, flatGrid(elements_), kFlatBlock, static_cast<const float*>(from), static_cast<float*>(to),
           static_cast<const float*>(args.saved), desc_.rowsOfStep, desc_.features, elements_);
  }

  RowsDesc desc_;
  int64_t elements_;
  bool training_;
  Function<float*, const StepControl*, uint32_t, float, int64_t> draw_;
  Function<const float*, float*, const float*, int64_t, int64_t, int64_t> scale_;
};

}  // namespace

std::unique_ptr<Kernel> makeDropout(const OpDesc& desc, const DeviceRef& device) {
  if (dropoutDesc(desc).wholeRows) return std::make_unique<RowDropoutKernel>(desc, device);
  return std::make_unique<DropoutKernel>(desc, device);
}

}  // namespace cugru::cuda
