// Normalisation of channels over all positions of a batch. How many rows are valid is known on the device alone.
#include "core/ops/vision.h"
#include "cuda/launch.h"
#include "cuda/layouts.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

constexpr int64_t kMostPieces = 1024;  // partial sums
constexpr int64_t kPieceRows = 64;     // of one of them, at least

// As in kernels/normalization.cu.
struct BatchShape {
  int64_t steps, batch, positions, channels, rowsOfPiece, pieces;
  float epsilon, momentum;
};

class BatchNormKernel final : public Kernel {
 public:
  BatchNormKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(batchNormDesc(desc)),
        width_(alignFloats(desc_.channels)),
        apply_(*device, "normalization.cu", "batch_norm") {
    const int64_t rowsOfPiece = std::max(kPieceRows, ceilDiv(desc_.rows(), kMostPieces));
    shape_ = {desc_.steps,    desc_.batch,   desc_.positions,
              desc_.channels, rowsOfPiece,   ceilDiv(desc_.rows(), rowsOfPiece),
              desc_.epsilon,  desc_.momentum};
    if (!desc_.training) {
      running_ = {*device, "normalization.cu", "batch_norm_running"};
      return;
    }
    deviations_ = {*device, "normalization.cu", "batch_norm_deviations"};
    mean_ = {*device, "normalization.cu", "batch_norm_mean"};
    statistics_ = {*device, "normalization.cu", "batch_norm_statistics"};
    parts_ = {*device, "normalization.cu", "batch_norm_parts"};
    totals_ = {*device, "normalization.cu", "batch_norm_totals"};
    gradient_ = {*device, "normalization.cu", "batch_norm_gradient"};
  }

  // Mean and 1 / deviation are saved where a pass back follows; the workspace has two totals, and the pieces.
  KernelSizes sizes() const override {
    const size_t two = static_cast<size_t>(2 * width_) * sizeof(float);
    if (!desc_.training) return {two, 0};
    return {two + static_cast<size_t>(2 * shape_.pieces * desc_.channels) * sizeof(float), two};
  }
  std::string variant() const override { return "cuda batch norm"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    CudaStream& s = cuda(stream);
    auto* mean = static_cast<float*>(desc_.training ? args.saved : args.workspace);
    float* rstd = mean + width_;
    const Extent each = exactGrid(desc_.channels);
    if (desc_.training) {
      float* parts = partsOf(args);
      deviations_(s, pieceGrid(), kFlatBlock, x, nullptr, args.control, parts, shape_);
      mean_(s, each, kFlatBlock, parts, args.control, mean, shape_);
      deviations_(s, pieceGrid(), kFlatBlock, x, mean, args.control, parts, shape_);
      statistics_(s, each, kFlatBlock, parts, args.control, mean, rstd, args.buffers, shape_);
    } else {
      running_(s, each, kFlatBlock, args.buffers, mean, rstd, shape_);
    }
    if (y == nullptr) return;
    apply_(s, flatGrid(elements()), kFlatBlock, x, mean, rstd, args.params, args.params + desc_.channels, y, shape_);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    const auto* x = static_cast<const float*>(args.inputs[0]);
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    const auto* mean = static_cast<const float*>(args.saved);
    CudaStream& s = cuda(stream);
    if (dy == nullptr) {
      if (dx != nullptr) s.zero(dx, static_cast<size_t>(elements()) * sizeof(float));
      return;
    }
    auto* totals = static_cast<float*>(args.workspace);
    parts_(s, pieceGrid(), kFlatBlock, x, dy, mean, mean + width_, partsOf(args), shape_);
    totals_(s, exactGrid(2 * desc_.channels), kFlatBlock, partsOf(args), totals, args.paramGradients, shape_);
    if (dx == nullptr) return;
    gradient_(s, flatGrid(elements()), kFlatBlock, x, dy, mean, mean + width_, args.params, totals, args.control, dx,
              shape_);
  }

 private:
  int64_t elements() const { return desc_.rows() * desc_.channels; }
  float* partsOf(const KernelArgs& args) const { return static_cast<float*>(args.workspace) + 2 * width_; }
  Extent pieceGrid() const {
    Extent grid = exactGrid(desc_.channels);
    grid.y = static_cast<unsigned>(shape_.pieces);
    return grid;
  }

  BatchNormDesc desc_;
  int64_t width_;  // floats from one run of channels to the next
  BatchShape shape_{};
  Function<const float*, const float*, const float*, const float*, const float*, float*, BatchShape> apply_;
  Function<const float*, float*, float*, BatchShape> running_;
  Function<const float*, const float*, const StepControl*, float*, BatchShape> deviations_;
  Function<const float*, const StepControl*, float*, BatchShape> mean_;
  Function<const float*, const StepControl*, float*, float*, float*, BatchShape> statistics_;
  Function<const float*, const float*, const float*, const float*, float*, BatchShape> parts_;
  Function<const float*, float*, float*, BatchShape> totals_;
  Function<const float*, const float*, const float*, const float*, const float*, const float*, const StepControl*,
           float*, BatchShape>
      gradient_;
};

}  // namespace

std::unique_ptr<Kernel> makeBatchNorm(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<BatchNormKernel>(desc, device);
}

}  // namespace cugru::cuda
