// Squared error between two tensors of the graph: a block for each batch row, then one block that adds rows in a fixed order.
#include "core/ops/ops.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

constexpr Extent kSumBlock{256};

class SquaredErrorKernel final : public Kernel {
 public:
  SquaredErrorKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(squaredErrorDesc(desc)),
        elements_(desc_.steps * desc_.batch * desc_.rows * desc_.features),
        forward_(*device, "losses.cu", "squared_error_pair"),
        count_(*device, "losses.cu", "squared_error_count"),
        scale_(*device, "losses.cu", "squared_error_pair_scale"),
        backward_(*device, "losses.cu", "squared_error_pair_backward") {}

  KernelSizes sizes() const override { return {static_cast<size_t>(desc_.batch) * sizeof(double), 0}; }
  std::string variant() const override { return "cuda squared error"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.metrics == nullptr) return;
    CudaStream& s = cuda(stream);
    auto* losses = static_cast<double*>(args.workspace);
    forward_(s, Extent{static_cast<unsigned>(desc_.batch)}, kSumBlock, floats(args.inputs[0]), floats(args.inputs[1]),
             lengths(args), args.control, losses, desc_.batch, desc_.rows, desc_.steps, desc_.features);
    count_(s, Extent{}, kSumBlock, losses, args.control, args.metrics, desc_.batch);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    if (args.inputGradients[1] != nullptr) {
      s.zero(args.inputGradients[1], static_cast<size_t>(elements_) * sizeof(float));
    }
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    auto* scales = static_cast<float*>(args.workspace);
    scale_(s, flatGrid(desc_.batch), kFlatBlock, lengths(args), args.control, scales, desc_.batch, desc_.rows,
           desc_.steps, desc_.features);
    backward_(s, flatGrid(elements_), kFlatBlock, floats(args.inputs[0]), floats(args.inputs[1]), lengths(args), scales,
              dx, desc_.batch, desc_.rows, desc_.steps, desc_.features);
  }

 private:
  static const float* floats(const void* data) { return static_cast<const float*>(data); }
  const int32_t* lengths(const KernelArgs& args) const {
    return desc_.hasLengths ? static_cast<const int32_t*>(args.inputs[2]) : nullptr;
  }

  LossDesc desc_;
  int64_t elements_;
  Function<const float*, const float*, const int32_t*, const StepControl*, double*, int64_t, int64_t, int64_t, int64_t>
      forward_;
  Function<const double*, const StepControl*, LossMetrics*, int64_t> count_;
  Function<const int32_t*, const StepControl*, float*, int64_t, int64_t, int64_t, int64_t> scale_;
  Function<const float*, const float*, const int32_t*, const float*, float*, int64_t, int64_t, int64_t, int64_t>
      backward_;
};

}  // namespace

std::unique_ptr<Kernel> makeSquaredError(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<SquaredErrorKernel>(desc, device);
}

}  // namespace cugru::cuda
