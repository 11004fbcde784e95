// Inverted dropout. What was kept is saved as one bit per element.
#include <algorithm>

#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kBlock = 4096;  // elements of a task, a multiple of 8

class DropoutKernel final : public Kernel {
 public:
  DropoutKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(dropoutDesc(desc)), vectors_(vectors), elements_(desc_.rows * desc_.features), training_(desc.training) {}

  KernelSizes sizes() const override { return {0, training_ ? static_cast<size_t>((elements_ + 7) / 8) : 0}; }
  std::string variant() const override { return "cpu philox " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    if (!training_) {
      std::copy(x, x + elements_, y);
      return;
    }
    uint8_t* kept = static_cast<uint8_t*>(args.saved);
    cpu(stream).blocks(elements_, kBlock, 4, [&](int64_t first, int64_t count) {
      vectors_.table->dropoutForward(block(args, first, count), x + first, y + first, kept + first / 8);
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
    const uint8_t* kept = static_cast<const uint8_t*>(args.saved);
    cpu(stream).blocks(elements_, kBlock, 1, [&](int64_t first, int64_t count) {
      vectors_.table->dropoutBackward(block(args, first, count), dy + first, dx + first, kept + first / 8);
    });
  }

 private:
  DropoutBlock block(const KernelArgs& args, int64_t first, int64_t count) const {
    return {args.control->seed, desc_.opId, static_cast<uint32_t>(args.control->step), first, count, desc_.rate};
  }

  RowsDesc desc_;
  Vectors vectors_;
  int64_t elements_;
  bool training_;
};

}  // namespace

std::unique_ptr<Kernel> makeDropout(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<DropoutKernel>(desc, vectors);
}

}  // namespace cugru::cpu
