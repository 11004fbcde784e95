// The product of two tensors alike, element by element.
#include <algorithm>

#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kBlock = 16384;  // elements of a task

class MultiplyKernel final : public Kernel {
 public:
  MultiplyKernel(const OpDesc& desc, const Vectors& vectors) : vectors_(vectors) {
    const RowsDesc rows = multiplyDesc(desc);
    elements_ = rows.rows * rows.features;
  }

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cpu " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] != nullptr) product(args.inputs[0], args.inputs[1], args.outputs[0], stream);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    for (int i : {0, 1}) {
      float* dx = static_cast<float*>(args.inputGradients[i]);
      if (dx == nullptr) continue;
      if (args.outputGradients[0] == nullptr) {
        std::fill_n(dx, elements_, 0.0f);
      } else {
        product(args.outputGradients[0], args.inputs[1 - i], dx, stream);
      }
    }
  }

 private:
  void product(const void* a, const void* b, void* out, Stream& stream) const {
    cpu(stream).blocks(elements_, kBlock, 0.5, [&](int64_t first, int64_t count) {
      vectors_.table->multiply(static_cast<const float*>(a) + first, static_cast<const float*>(b) + first,
                               static_cast<float*>(out) + first, count);
    });
  }

  Vectors vectors_;
  int64_t elements_;
};

}  // namespace

std::unique_ptr<Kernel> makeMultiply(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<MultiplyKernel>(desc, vectors);
}

}  // namespace cugru::cpu
