// Softmax cross entropy: a warp for each row, then one block that adds rows in a fixed order.
#include "core/ops/ops.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

constexpr Extent kSumBlock{256};

// As in kernels/losses.cu.
struct RowResult {
  double loss;
  int32_t truth, answer;
};

class CrossEntropyKernel final : public Kernel {
 public:
  CrossEntropyKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(softmaxCrossEntropyDesc(desc)), count_(*device, "losses.cu", "cross_entropy_count") {
    if (desc_.softLabels) {
      soft_ = {*device, "losses.cu", "cross_entropy_soft"};
      softBackward_ = {*device, "losses.cu", "cross_entropy_soft_backward"};
    } else {
      hard_ = {*device, "losses.cu", "cross_entropy"};
      hardBackward_ = {*device, "losses.cu", "cross_entropy_backward"};
    }
  }

  KernelSizes sizes() const override { return {static_cast<size_t>(desc_.batch) * sizeof(RowResult), 0}; }
  std::string variant() const override { return "cuda cross entropy"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    auto* results = static_cast<RowResult*>(args.workspace);
    if (args.metrics == nullptr) return;
    const Extent grid = warpGrid(desc_.batch);
    if (desc_.softLabels) {
      soft_(s, grid, kWarpBlock, logits(args), static_cast<const float*>(args.inputs[1]), indices(args), args.control,
            results, desc_.batch, desc_.features, desc_.labelSmoothing);
    } else {
      hard_(s, grid, kWarpBlock, logits(args), static_cast<const int32_t*>(args.inputs[1]), indices(args), args.control,
            results, desc_.batch, desc_.features, desc_.labelSmoothing);
    }
    count_(s, Extent{}, kSumBlock, results, args.control, args.metrics, desc_.batch, desc_.features);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    CudaStream& s = cuda(stream);
    const Extent grid = warpGrid(desc_.batch);
    if (desc_.softLabels) {
      softBackward_(s, grid, kWarpBlock, logits(args), static_cast<const float*>(args.inputs[1]), indices(args),
                    args.control, dx, desc_.batch, desc_.features, desc_.labelSmoothing);
    } else {
      hardBackward_(s, grid, kWarpBlock, logits(args), static_cast<const int32_t*>(args.inputs[1]), indices(args),
                    args.control, dx, desc_.batch, desc_.features, desc_.labelSmoothing);
    }
  }

 private:
  static const float* logits(const KernelArgs& args) { return static_cast<const float*>(args.inputs[0]); }
  static const int32_t* indices(const KernelArgs& args) { return static_cast<const int32_t*>(args.inputs[2]); }

  template <typename Label, typename Out>
  using RowKernel =
      Function<const float*, const Label*, const int32_t*, const StepControl*, Out*, int64_t, int64_t, float>;

  LossDesc desc_;
  RowKernel<int32_t, RowResult> hard_;
  RowKernel<float, RowResult> soft_;
  RowKernel<int32_t, float> hardBackward_;
  RowKernel<float, float> softBackward_;
  Function<const RowResult*, const StepControl*, LossMetrics*, int64_t, int64_t> count_;
};

}  // namespace

std::unique_ptr<Kernel> makeSoftmaxCrossEntropy(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<CrossEntropyKernel>(desc, device);
}

}  // namespace cugru::cuda
