// Softmax cross entropy: a warp for each row, then one block that adds rows in a fixed order.
#include "core/ops/ops.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

constexpr Extent kSumBlock{256};

// As in kernels/losses.cu, both.
struct RowResult {
  double loss;
  int32_t truth, answer;
};

struct Labels {
  const int32_t* classes;
  const float* distributions;
  const int32_t* indices;
  const int32_t* partners;
  const float* lambda;
};

class CrossEntropyKernel final : public Kernel {
 public:
  CrossEntropyKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(softmaxCrossEntropyDesc(desc)),
        rows_(*device, "losses.cu", "cross_entropy"),
        backward_(*device, "losses.cu", "cross_entropy_backward"),
        count_(*device, "losses.cu", "cross_entropy_count") {}

  KernelSizes sizes() const override { return {static_cast<size_t>(desc_.batch) * sizeof(RowResult), 0}; }
  std::string variant() const override { return "cuda cross entropy"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    auto* results = static_cast<RowResult*>(args.workspace);
    if (args.metrics == nullptr) return;
    rows_(s, warpGrid(desc_.batch), kWarpBlock, logits(args), labels(args), args.control, results, desc_.batch,
          desc_.features, desc_.labelSmoothing);
    count_(s, Extent{}, kSumBlock, results, args.control, args.metrics, desc_.batch, desc_.features);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    backward_(cuda(stream), warpGrid(desc_.batch), kWarpBlock, logits(args), labels(args), args.control, dx,
              desc_.batch, desc_.features, desc_.labelSmoothing);
  }

 private:
  static const float* logits(const KernelArgs& args) { return static_cast<const float*>(args.inputs[0]); }
  Labels labels(const KernelArgs& args) const {
    Labels all{};
    if (desc_.softLabels) {
      all.distributions = static_cast<const float*>(args.inputs[1]);
    } else {
      all.classes = static_cast<const int32_t*>(args.inputs[1]);
    }
    all.indices = static_cast<const int32_t*>(args.inputs[2]);
    if (!desc_.mixes) return all;
    all.partners = static_cast<const int32_t*>(args.inputs[3]);
    all.lambda = static_cast<const float*>(args.inputs[4]);
    return all;
  }

  template <typename Out>
  using RowKernel = Function<const float*, Labels, const StepControl*, Out*, int64_t, int64_t, float>;

  LossDesc desc_;
  RowKernel<RowResult> rows_;
  RowKernel<float> backward_;
  Function<const RowResult*, const StepControl*, LossMetrics*, int64_t, int64_t> count_;
};

}  // namespace

std::unique_ptr<Kernel> makeSoftmaxCrossEntropy(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<CrossEntropyKernel>(desc, device);
}

}  // namespace cugru::cuda
