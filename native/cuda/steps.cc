// Operations over the steps of a sequence: reversed, reduced to one value, counted.
#include "core/error.h"
#include "core/ops/sequence.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

const int32_t* lengthsOf(const KernelArgs& args, const SequenceDesc& desc, size_t index) {
  return desc.hasLengths ? static_cast<const int32_t*>(args.inputs[index]) : nullptr;
}

size_t bytesOf(const SequenceDesc& desc) { return static_cast<size_t>(desc.elements()) * sizeof(float); }

// The gradient is reversed in the same way.
class ReverseKernel final : public Kernel {
 public:
  ReverseKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(reverseDesc(desc)), reverse_(*device, "sequence.cu", "reverse_steps") {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda copy"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] != nullptr) run(args, cuda(stream), args.inputs[0], args.outputs[0]);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    if (args.inputGradients[0] == nullptr) return;
    CudaStream& s = cuda(stream);
    if (args.outputGradients[0] == nullptr) return s.zero(args.inputGradients[0], bytesOf(desc_));
    run(args, s, args.outputGradients[0], args.inputGradients[0]);
  }

 private:
  void run(const KernelArgs& args, CudaStream& stream, const void* from, void* to) const {
    reverse_(stream, flatGrid(desc_.elements()), kFlatBlock, static_cast<const float*>(from), static_cast<float*>(to),
             lengthsOf(args, desc_, 1), desc_.steps, desc_.rows, desc_.features);
  }

  SequenceDesc desc_;
  Function<const float*, float*, const int32_t*, int64_t, int64_t, int64_t> reverse_;
};

class ReduceStepsKernel final : public Kernel {
 public:
  ReduceStepsKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(reduceStepsDesc(desc)),
        forward_(*device, "sequence.cu", "reduce_steps"),
        backward_(*device, "sequence.cu", "reduce_steps_backward") {}

  KernelSizes sizes() const override {
    return {0, keeps() ? static_cast<size_t>(desc_.stepElements()) * sizeof(int32_t) : 0};
  }
  std::string variant() const override { return "cuda steps"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    auto* best = keeps() ? static_cast<int32_t*>(args.saved) : nullptr;
    forward_(cuda(stream), flatGrid(desc_.stepElements()), kFlatBlock, static_cast<const float*>(args.inputs[0]),
             static_cast<float*>(args.outputs[0]), best, lengthsOf(args, desc_, 1), kind(), desc_.steps, desc_.rows,
             desc_.features);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    CudaStream& s = cuda(stream);
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    if (dy == nullptr) return s.zero(dx, bytesOf(desc_));
    backward_(s, flatGrid(desc_.elements()), kFlatBlock, dy, dx, static_cast<const int32_t*>(args.saved),
              lengthsOf(args, desc_, 1), kind(), desc_.steps, desc_.rows, desc_.features);
  }

 private:
  // Which step each maximum is from.
  bool keeps() const { return desc_.kind == Reduction::max && desc_.training; }
  int32_t kind() const { return static_cast<int32_t>(desc_.kind); }

  ReduceStepsDesc desc_;
  Function<const float*, float*, int32_t*, const int32_t*, int32_t, int64_t, int64_t, int64_t> forward_;
  Function<const float*, float*, const int32_t*, const int32_t*, int32_t, int64_t, int64_t, int64_t> backward_;
};

class TrailingLengthsKernel final : public Kernel {
 public:
  TrailingLengthsKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(trailingLengthsDesc(desc)), count_(*device, "sequence.cu", "trailing_lengths") {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda lengths"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    count_(cuda(stream), warpGrid(desc_.rows), kWarpBlock, static_cast<const float*>(args.inputs[0]),
           static_cast<int32_t*>(args.outputs[0]), desc_.value, desc_.steps, desc_.rows, desc_.features);
  }

  void backward(const KernelArgs&, Stream&) override { fail(code::kInternal, "trailingLengths has no gradient"); }

 private:
  TrailingLengthsDesc desc_;
  Function<const float*, int32_t*, float, int64_t, int64_t, int64_t> count_;
};

}  // namespace

std::unique_ptr<Kernel> makeReverse(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<ReverseKernel>(desc, device);
}

std::unique_ptr<Kernel> makeReduceSteps(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<ReduceStepsKernel>(desc, device);
}

std::unique_ptr<Kernel> makeTrailingLengths(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<TrailingLengthsKernel>(desc, device);
}

}  // namespace cugru::cuda
