// A mean of a row's valid steps, weighted by the softmax of their scores.
#include "core/ops/sequence.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

class AttentionPoolKernel final : public Kernel {
 public:
  AttentionPoolKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(attentionPoolDesc(desc)),
        weigh_(*device, "attention.cu", "attention_weights"),
        pool_(*device, "attention.cu", "attention_pool"),
        inputGradient_(*device, "attention.cu", "attention_input_gradient"),
        slopes_(*device, "attention.cu", "attention_slopes"),
        scoreGradient_(*device, "attention.cu", "attention_score_gradient") {}

  KernelSizes sizes() const override {
    const size_t weights = static_cast<size_t>(desc_.steps * desc_.rows) * sizeof(float);
    return {weights, desc_.training ? weights : 0};
  }
  std::string variant() const override { return "cuda attention"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    auto* weights = static_cast<float*>(desc_.training ? args.saved : args.workspace);
    weigh_(s, warpGrid(desc_.rows), kWarpBlock, floats(args.inputs[1]), lengths(args), weights,
           static_cast<float*>(args.outputs[1]), desc_.steps, desc_.rows);
    if (args.outputs[0] == nullptr) return;
    pool_(s, flatGrid(desc_.stepElements()), kFlatBlock, floats(args.inputs[0]), weights, lengths(args),
          static_cast<float*>(args.outputs[0]), desc_.steps, desc_.rows, desc_.features);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    auto* dScores = static_cast<float*>(args.inputGradients[1]);
    const float* dy = floats(args.outputGradients[0]);
    if (dy == nullptr) {
      if (dx != nullptr) s.zero(dx, static_cast<size_t>(desc_.elements()) * sizeof(float));
      if (dScores != nullptr) s.zero(dScores, static_cast<size_t>(desc_.steps * desc_.rows) * sizeof(float));
      return;
    }
    const float* weights = floats(args.saved);
    if (dx != nullptr) {
      inputGradient_(s, flatGrid(desc_.elements()), kFlatBlock, dy, weights, lengths(args), dx, desc_.steps, desc_.rows,
                     desc_.features);
    }
    if (dScores == nullptr) return;
    auto* slopes = static_cast<float*>(args.workspace);
    slopes_(s, warpGrid(desc_.steps * desc_.rows), kWarpBlock, floats(args.inputs[0]), dy, lengths(args), slopes,
            desc_.steps, desc_.rows, desc_.features);
    scoreGradient_(s, warpGrid(desc_.rows), kWarpBlock, weights, slopes, lengths(args), dScores, desc_.steps,
                   desc_.rows);
  }

 private:
  static const float* floats(const void* data) { return static_cast<const float*>(data); }
  const int32_t* lengths(const KernelArgs& args) const {
    return desc_.hasLengths ? static_cast<const int32_t*>(args.inputs[2]) : nullptr;
  }

  AttentionPoolDesc desc_;
  Function<const float*, const int32_t*, float*, float*, int64_t, int64_t> weigh_;
  using Reduce = Function<const float*, const float*, const int32_t*, float*, int64_t, int64_t, int64_t>;
  Reduce pool_, inputGradient_, slopes_;
  Function<const float*, const float*, const int32_t*, float*, int64_t, int64_t> scoreGradient_;
};

}  // namespace

std::unique_ptr<Kernel> makeAttentionPool(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<AttentionPoolKernel>(desc, device);
}

}  // namespace cugru::cuda
