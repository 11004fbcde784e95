// Mean squared error: a block for each row, then one block that adds rows in a fixed order.
#include "core/ops/ops.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

constexpr Extent kSumBlock{256};

class SquaredErrorKernel final : public Kernel {
 public:
  SquaredErrorKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(meanSquaredErrorDesc(desc)),
        forward_(*device, "losses.cu", "squared_error"),
        count_(*device, "losses.cu", "squared_error_count"),
        backward_(*device, "losses.cu", "squared_error_backward") {}

  KernelSizes sizes() const override { return {static_cast<size_t>(desc_.batch) * sizeof(double), 0}; }
  std::string variant() const override { return "cuda squared error"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.metrics == nullptr) return;
    CudaStream& s = cuda(stream);
    auto* losses = static_cast<double*>(args.workspace);
    forward_(s, Extent{static_cast<unsigned>(desc_.batch)}, kSumBlock, floats(args.inputs[0]), floats(args.inputs[1]),
             static_cast<const int32_t*>(args.inputs[2]), args.control, losses, desc_.batch, desc_.steps,
             desc_.features);
    count_(s, Extent{}, kSumBlock, losses, args.control, args.metrics, desc_.batch);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    backward_(cuda(stream), flatGrid(desc_.steps * desc_.batch * desc_.features), kFlatBlock, floats(args.inputs[0]),
              floats(args.inputs[1]), static_cast<const int32_t*>(args.inputs[2]), args.control, dx, desc_.batch,
              desc_.steps, desc_.features);
  }

 private:
  static const float* floats(const void* data) { return static_cast<const float*>(data); }

  template <typename Out>
  using Compare =
      Function<const float*, const float*, const int32_t*, const StepControl*, Out*, int64_t, int64_t, int64_t>;

  LossDesc desc_;
  Compare<double> forward_;
  Function<const double*, const StepControl*, LossMetrics*, int64_t> count_;
  Compare<float> backward_;
};

}  // namespace

std::unique_ptr<Kernel> makeMeanSquaredError(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<SquaredErrorKernel>(desc, device);
}

}  // namespace cugru::cuda
