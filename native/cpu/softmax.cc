// Softmax over the last axis.
#include <algorithm>

#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

class SoftmaxKernel final : public Kernel {
 public:
  SoftmaxKernel(const OpDesc& desc, const Vectors& vectors) : desc_(softmaxDesc(desc)), vectors_(vectors) {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cpu " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    eachRow(stream, [&](int64_t row) {
      float largest = 0, sum = 0;
      vectors_.table->softmaxRow(x + row * desc_.features, y + row * desc_.features, desc_.features, &largest, &sum);
    });
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    const float* y = static_cast<const float*>(args.outputs[0]);
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    if (dy == nullptr) {
      std::fill_n(dx, desc_.rows * desc_.features, 0.0f);
      return;
    }
    eachRow(stream, [&](int64_t row) {
      const int64_t at = row * desc_.features;
      vectors_.table->softmaxGradientRow(y + at, dy + at, dx + at, desc_.features);
    });
  }

 private:
  template <typename Body>
  void eachRow(Stream& stream, const Body& body) const {
    const int64_t rows = std::max<int64_t>(1, 2048 / desc_.features);  // of a task
    cpu(stream).blocks(desc_.rows, rows, 2.0 * static_cast<double>(desc_.features), [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) body(row);
    });
  }

  RowsDesc desc_;
  Vectors vectors_;
};

}  // namespace

std::unique_ptr<Kernel> makeSoftmax(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<SoftmaxKernel>(desc, vectors);
}

}  // namespace cugru::cpu
