// Softmax over the last axis.
#include "core/ops/ops.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

class SoftmaxKernel final : public Kernel {
 public:
  SoftmaxKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(softmaxDesc(desc)),
        forward_(*device, "softmax.cu", "softmax_forward"),
        backward_(*device, "softmax.cu", "softmax_backward") {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda softmax"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    forward_(cuda(stream), warpGrid(desc_.rows), kWarpBlock, static_cast<const float*>(args.inputs[0]),
             static_cast<float*>(args.outputs[0]), desc_.rows, desc_.features);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    CudaStream& s = cuda(stream);
    if (dy == nullptr) return s.zero(dx, static_cast<size_t>(desc_.rows * desc_.features) * sizeof(float));
    backward_(s, warpGrid(desc_.rows), kWarpBlock, static_cast<const float*>(args.outputs[0]), dy, dx, desc_.rows,
              desc_.features);
  }

 private:
  RowsDesc desc_;
  Function<const float*, float*, int64_t, int64_t> forward_;
  Function<const float*, const float*, float*, int64_t, int64_t> backward_;
};

}  // namespace

std::unique_ptr<Kernel> makeSoftmax(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<SoftmaxKernel>(desc, device);
}

}  // namespace cugru::cuda
