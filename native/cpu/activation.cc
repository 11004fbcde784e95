// An activation by itself. The gradients of relu, tanh and sigmoid come from their values, those of gelu and silu from x.
#include <algorithm>

#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kBlock = 4096;  // elements of a task

class ActivationKernel final : public Kernel {
 public:
  ActivationKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(activationDesc(desc)), vectors_(vectors), elements_(desc_.rows * desc_.features) {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cpu " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    cpu(stream).blocks(elements_, kBlock, 4, [&](int64_t first, int64_t count) {
      vectors_.table->activate(x + first, y + first, count, kind());
    });
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    if (dy == nullptr) {
      std::fill_n(dx, elements_, 0.0f);
      return;
    }
    const bool fromInput = desc_.activation == Activation::gelu || desc_.activation == Activation::silu;
    const float* seen = static_cast<const float*>(fromInput ? args.inputs[0] : args.outputs[0]);
    const auto gradient = fromInput ? vectors_.table->activationInputGradient : vectors_.table->activationGradient;
    cpu(stream).blocks(elements_, kBlock, 4, [&](int64_t first, int64_t count) {
      gradient(seen + first, dy + first, dx + first, count, kind());
    });
  }

 private:
  int kind() const { return static_cast<int>(desc_.activation); }

  RowsDesc desc_;
  Vectors vectors_;
  int64_t elements_;
};

}  // namespace

std::unique_ptr<Kernel> makeActivation(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<ActivationKernel>(desc, vectors);
}

}  // namespace cugru::cpu
