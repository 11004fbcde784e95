// Normalisation of rows over the last axis.
#include "core/ops/vision.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

constexpr int64_t kMostPieces = 1024;  // partial sums of the parameters' gradients
constexpr int64_t kPieceRows = 64;     // of one of them, at least

class LayerNormKernel final : public Kernel {
 public:
  LayerNormKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(layerNormDesc(desc)), training_(desc.training), forward_(*device, "normalization.cu", "layer_norm") {
    rowsOfPiece_ = std::max(kPieceRows, ceilDiv(desc_.rows, kMostPieces));
    pieces_ = ceilDiv(desc_.rows, rowsOfPiece_);
    if (!training_) return;
    gradient_ = {*device, "normalization.cu", "layer_norm_gradient"};
    parts_ = {*device, "normalization.cu", "layer_norm_parts"};
    finish_ = {*device, "reduce_rows.cu", "sum_rows_finish"};
  }

  KernelSizes sizes() const override {
    if (!training_) return {};
    return {static_cast<size_t>(2 * pieces_ * desc_.features) * sizeof(float),
            static_cast<size_t>(2 * desc_.rows) * sizeof(float)};
  }
  std::string variant() const override { return "cuda layer norm"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    auto* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    forward_(cuda(stream), warpGrid(desc_.rows), kWarpBlock, static_cast<const float*>(args.inputs[0]), args.params,
             args.params + desc_.features, y, static_cast<float*>(args.saved), desc_.rows, desc_.features,
             desc_.epsilon);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    const auto* x = static_cast<const float*>(args.inputs[0]);
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    const auto* statistics = static_cast<const float*>(args.saved);
    CudaStream& s = cuda(stream);
    if (dy == nullptr) {
      if (dx != nullptr) s.zero(dx, static_cast<size_t>(desc_.rows * desc_.features) * sizeof(float));
      return;
    }
    if (dx != nullptr) {
      gradient_(s, warpGrid(desc_.rows), kWarpBlock, x, dy, args.params, statistics, dx, desc_.rows, desc_.features);
    }
    if (args.paramGradients == nullptr) return;
    auto* parts = static_cast<float*>(args.workspace);
    Extent grid = exactGrid(desc_.features);
    grid.y = static_cast<unsigned>(pieces_);
    parts_(s, grid, kFlatBlock, x, dy, statistics, parts, desc_.rows, desc_.features, rowsOfPiece_);
    finish_(s, exactGrid(2 * desc_.features), kFlatBlock, parts, args.paramGradients, pieces_, 2 * desc_.features);
  }

 private:
  LayerNormDesc desc_;
  bool training_;
  int64_t rowsOfPiece_, pieces_;
  Function<const float*, const float*, const float*, float*, float*, int64_t, int64_t, float> forward_;
  Function<const float*, const float*, const float*, const float*, float*, int64_t, int64_t> gradient_;
  Function<const float*, const float*, const float*, float*, int64_t, int64_t, int64_t> parts_;
  Function<const float*, float*, int64_t, int64_t> finish_;
};

}  // namespace

std::unique_ptr<Kernel> makeLayerNorm(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<LayerNormKernel>(desc, device);
}

}  // namespace cugru::cuda
