// The sum of tensors alike, from the first to the last, times a factor.
#include <algorithm>

#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kBlock = 16384;  // elements of a task

class AddKernel final : public Kernel {
 public:
  AddKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(addDesc(desc)), vectors_(vectors), elements_(desc_.rows * desc_.features) {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cpu " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    float* out = static_cast<float*>(args.outputs[0]);
    if (out == nullptr) return;
    const double cost = 0.25 * static_cast<double>(desc_.terms);
    cpu(stream).blocks(elements_, kBlock, cost, [&](int64_t first, int64_t count) {
      const float* sum = term(args, 0) + first;
      for (size_t i = 1; i < desc_.terms; ++i) {
        vectors_.table->add(sum, term(args, i) + first, out + first, count);
        sum = out + first;
      }
      if (desc_.scale != 1) vectors_.table->scale(sum, desc_.scale, out + first, count);
    });
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    const double cost = 0.25 * static_cast<double>(desc_.terms);
    cpu(stream).blocks(elements_, kBlock, cost, [&](int64_t first, int64_t count) {
      for (size_t i = 0; i < desc_.terms; ++i) {
        float* dx = static_cast<float*>(args.inputGradients[i]);
        if (dx == nullptr) continue;
        if (dy == nullptr) {
          std::fill_n(dx + first, count, 0.0f);
        } else if (desc_.scale != 1) {
          vectors_.table->scale(dy + first, desc_.scale, dx + first, count);
        } else {
          std::copy(dy + first, dy + first + count, dx + first);
        }
      }
    });
  }

 private:
  static const float* term(const KernelArgs& args, size_t i) { return static_cast<const float*>(args.inputs[i]); }

  RowsDesc desc_;
  Vectors vectors_;
  int64_t elements_;
};

}  // namespace

std::unique_ptr<Kernel> makeAdd(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<AddKernel>(desc, vectors);
}

}  // namespace cugru::cpu
