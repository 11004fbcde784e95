// SGD, Adam and AdamW in two launches over the flat buffer: penalties and the norm of all gradients, and the update; a third bounds
// rows' norms where there are bounds. The host decides nothing: step, rate, norm and whether an update is left out are on the device.
#include <algorithm>
#include <vector>

#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

constexpr int64_t kElements = 8192;  // of a block, as in kernels/optimizer.cu
constexpr Extent kBlock{256};

// These four as in kernels/optimizer.cu.
struct Range {
  int64_t first, count;
  int32_t frozen;
  float rateFactor, decayFactor, l2;
};
struct BoundedRows {
  int64_t first, length, before;
  float maxNorm;
  int32_t frozen;
};
struct UpdateState {
  double rateCorrection;
  float rootCorrection, scale;
  int32_t apply, done;
};
struct UpdateOptions {
  double beta1, beta2, weightDecay;
  float epsilon, momentum, clipNorm;
  int32_t nesterov, adam, decoupled;
  int32_t lossScaleGrowth, reserved;
};

constexpr size_t kStateBytes = 64;
static_assert(sizeof(UpdateState) <= kStateBytes);

class CudaOptimizer final : public Optimizer {
 public:
  CudaOptimizer(const OptimizerDesc& desc, int64_t elements, DeviceRef device)
      : desc_(desc), blocks_(std::max<int64_t>(1, ceilDiv(elements, kElements))), device_(std::move(device)) {
    options_ = {desc.beta1,
                desc.beta2,
                static_cast<double>(desc.weightDecay),
                desc.epsilon,
                desc.momentum,
                desc.clipNorm,
                desc.nesterov ? 1 : 0,
                desc.kind == OptimizerKind::sgd ? 0 : 1,
                desc.kind == OptimizerKind::adamw ? 1 : 0,
                desc.lossScaleGrowth,
                0};
    lossScale_ = device_->lossScaleMemory();
    setLossScale({desc.lossScale, 0, 0});
    norm_ = {*device_, "optimizer.cu", "gradient_norm"};
    hold_ = {*device_, "optimizer.cu", "hold_norms"};
    if (desc.kind == OptimizerKind::sgd) {
      sgd_ = {*device_, "optimizer.cu", "update_sgd"};
    } else {
      adam_ = {*device_, "optimizer.cu", "update_adam"};
    }
  }

  // There is one only where something runs in float16.
  LossScale lossScale(Stream& stream) override {
    if (!device_->lossScaleUsed()) return {};
    LossScaleState state;
    cuda(stream).download(&state, lossScale_, sizeof state);
    return {state.scale, state.good, state.leftOut};
  }
  void setLossScale(const LossScale& to) override {
    LossScaleState state;
    state.scale = to.scale;
    state.inverse = 1 / to.scale;
    state.good = to.good;
    state.leftOut = to.leftOut;
    device_->setLossScale(state);
  }

  size_t workspace() const override { return kStateBytes + static_cast<size_t>(blocks_) * sizeof(double); }

  void begin(const OptimizerArgs& args, Stream& stream) override { ensureRanges(args, cuda(stream)); }

  void update(const OptimizerArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    auto* state = static_cast<UpdateState*>(args.workspace);
    auto* parts = reinterpret_cast<double*>(static_cast<char*>(args.workspace) + kStateBytes);
    const auto* ranges = static_cast<const Range*>(deviceRanges_->data());
    const auto count = static_cast<int32_t>(ranges_.size());
    const Extent grid{static_cast<unsigned>(blocks_)};
    norm_(s, grid, kBlock, args.gradients, args.params, ranges, count, args.elements, parts, args.control, lossScale_,
          args.report, state, options_);
    if (desc_.kind == OptimizerKind::sgd) {
      float* buffer = desc_.momentum != 0 ? args.slots[0] : nullptr;
      sgd_(s, grid, kBlock, args.params, args.gradients, buffer, ranges, count, args.elements, args.control, state,
           options_);
    } else {
      adam_(s, grid, kBlock, args.params, args.gradients, args.slots[0], args.slots[1], ranges, count, args.elements,
            args.control, state, options_);
    }
    if (boundedCount_ == 0) return;
    hold_(s, warpGrid(boundedRows_), kWarpBlock, args.params, static_cast<const BoundedRows*>(deviceBounded_->data()),
          boundedCount_, boundedRows_, state);
  }

 private:
  // On the device they change only when a layer is frozen or its factors are set; how many there are never does.
  void ensureRanges(const OptimizerArgs& args, CudaStream& stream) {
    if (deviceRanges_ != nullptr &&
        std::equal(ranges_.begin(), ranges_.end(), args.ranges, args.ranges + args.rangeCount))
      return;
    ranges_.assign(args.ranges, args.ranges + args.rangeCount);
    std::vector<Range> all;
    std::vector<BoundedRows> bounded;
    boundedRows_ = 0;
    for (const ParamRange& r : ranges_) {
      const int32_t frozen = r.frozen ? 1 : 0;
      all.push_back({r.first, r.count, frozen, r.rateFactor, r.decayFactor, r.l2});
      if (r.maxNorm == 0) continue;
      bounded.push_back({r.first, r.rowLength, boundedRows_, r.maxNorm, frozen});
      boundedRows_ += r.count / r.rowLength;
    }
    boundedCount_ = static_cast<int32_t>(bounded.size());
    put(all, deviceRanges_, stream);
    if (!bounded.empty()) put(bounded, deviceBounded_, stream);
  }

  template <typename T>
  void put(const std::vector<T>& values, std::unique_ptr<DeviceMemory>& memory, CudaStream& stream) const {
    const size_t bytes = values.size() * sizeof(T);
    if (memory == nullptr || memory->bytes() < bytes) {
      memory = std::make_unique<DeviceMemory>(device_, std::max<size_t>(bytes, 64));
    }
    stream.upload(memory->data(), values.data(), bytes);
  }

  OptimizerDesc desc_;
  UpdateOptions options_{};
  int64_t blocks_;
  DeviceRef device_;
  LossScaleState* lossScale_;
  std::vector<ParamRange> ranges_;  // as they are on the device
  std::unique_ptr<DeviceMemory> deviceRanges_, deviceBounded_;
  int32_t boundedCount_ = 0;
  int64_t boundedRows_ = 0;
  Function<float*, const float*, const Range*, int32_t, int64_t, double*, const StepControl*, LossScaleState*,
           UpdateReport*, UpdateState*, UpdateOptions>
      norm_;
  Function<float*, float*, float*, const Range*, int32_t, int64_t, const StepControl*, const UpdateState*,
           UpdateOptions>
      sgd_;
  Function<float*, float*, float*, float*, const Range*, int32_t, int64_t, const StepControl*, const UpdateState*,
           UpdateOptions>
      adam_;
  Function<float*, const BoundedRows*, int32_t, int64_t, const UpdateState*> hold_;
};

}  // namespace

std::unique_ptr<Optimizer> makeOptimizer(const OptimizerDesc& desc, int64_t elements, const DeviceRef& device) {
  return std::make_unique<CudaOptimizer>(desc, elements, device);
}

}  // namespace cugru::cuda
