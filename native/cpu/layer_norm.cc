// Normalisation of rows over the last axis.
#include <algorithm>

#include "core/ops/vision.h"
#include "cpu/cpu_stream.h"
#include "cpu/layouts.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kMaxParts = 64;  // partial sums of the parameters' gradients

class LayerNormKernel final : public Kernel {
 public:
  LayerNormKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(layerNormDesc(desc)), vectors_(vectors), training_(desc.training) {
    // Rows of a task: some thousands of elements, and no more parts than a few.
    block_ = std::max<int64_t>(1, 4096 / desc_.features);
    block_ = std::max(block_, (desc_.rows + kMaxParts - 1) / kMaxParts);
    parts_ = (desc_.rows + block_ - 1) / block_;
    partFloats_ = 0;
    take(partFloats_, desc_.features);
    biasAt_ = take(partFloats_, desc_.features);
  }

  KernelSizes sizes() const override {
    if (!training_) return {};
    return {static_cast<size_t>(parts_ * partFloats_) * sizeof(float),
            static_cast<size_t>(2 * desc_.rows) * sizeof(float)};
  }
  std::string variant() const override { return "cpu " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* y = static_cast<float*>(args.outputs[0]);
    float* statistics = static_cast<float*>(args.saved);
    if (y == nullptr) return;
    eachBlock(stream, [&](int64_t, int64_t row) {
      const int64_t at = row * desc_.features;
      vectors_.table->layerNormRow(rowOf(args), x + at, y + at, statistics != nullptr ? statistics + 2 * row : nullptr);
    });
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    float* dx = static_cast<float*>(args.inputGradients[0]);
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    if (dy == nullptr) {
      if (dx != nullptr) std::fill_n(dx, desc_.rows * desc_.features, 0.0f);
      return;
    }
    const float* x = static_cast<const float*>(args.inputs[0]);
    const float* statistics = static_cast<const float*>(args.saved);
    float* parts = args.paramGradients != nullptr ? static_cast<float*>(args.workspace) : nullptr;
    if (parts != nullptr) std::fill_n(parts, parts_ * partFloats_, 0.0f);
    eachBlock(stream, [&](int64_t block, int64_t row) {
      const int64_t at = row * desc_.features;
      float* part = parts != nullptr ? parts + block * partFloats_ : nullptr;
      vectors_.table->layerNormGradientRow(rowOf(args), x + at, dy + at, statistics + 2 * row,
                                           dx != nullptr ? dx + at : nullptr, part,
                                           part != nullptr ? part + biasAt_ : nullptr);
    });
    if (parts == nullptr) return;
    vectors_.table->addRows(parts, partFloats_, parts_, args.paramGradients, desc_.features);
    vectors_.table->addRows(parts + biasAt_, partFloats_, parts_, args.paramGradients + desc_.features, desc_.features);
  }

 private:
  NormRow rowOf(const KernelArgs& args) const {
    return {args.params, args.params + desc_.features, desc_.features, desc_.epsilon};
  }

  template <typename Body>
  void eachBlock(Stream& stream, const Body& body) const {
    cpu(stream).blocks(desc_.rows, block_, 2.0 * static_cast<double>(desc_.features),
                       [&](int64_t first, int64_t count) {
                         for (int64_t row = first; row < first + count; ++row) body(first / block_, row);
                       });
  }

  LayerNormDesc desc_;
  Vectors vectors_;
  bool training_;
  int64_t block_, parts_, partFloats_, biasAt_;
};

}  // namespace

std::unique_ptr<Kernel> makeLayerNorm(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<LayerNormKernel>(desc, vectors);
}

}  // namespace cugru::cpu
