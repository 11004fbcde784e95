// SGD, Adam and AdamW in two launches over the flat buffer: the norm of all gradients, and the update. The host decides nothing: step,
// rate, norm and whether an update is left out are on the device.
#include <algorithm>
#include <vector>

#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

constexpr int64_t kElements = 8192;  // of a block, as in kernels/optimizer.cu
constexpr Extent kBlock{256};

// These three as in kernels/optimizer.cu.
struct Range {
  int64_t first, count;
  int32_t frozen;
  float rateFactor, decayFactor;
  int32_t reserved;
  bool operator==(const Range& o) const {
    return first == o.first && count == o.count && frozen == o.frozen && rateFactor == o.rateFactor &&
           decayFactor == o.decayFactor;
  }
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
    setLossScale({desc.lossScale, 0, 0});
    norm_ = {*device_, "optimizer.cu", "gradient_norm"};
    if (desc.kind == OptimizerKind::sgd) {
      sgd_ = {*device_, "optimizer.cu", "update_sgd"};
    } else {
      adam_ = {*device_, "optimizer.cu", "update_adam"};
    }
  }

  // Only where something of this session runs in float16 is there one.
  LossScale lossScale(Stream& stream) override {
    const LossScaleState* from = device_->lossScaleInUse();
    if (from == nullptr) return {};
    LossScaleState state;
    cuda(stream).download(&state, from, sizeof state);
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

  void update(const OptimizerArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    ensureRanges(args, s);
    auto* state = static_cast<UpdateState*>(args.workspace);
    auto* parts = reinterpret_cast<double*>(static_cast<char*>(args.workspace) + kStateBytes);
    const auto* ranges = static_cast<const Range*>(deviceRanges_->data());
    const auto count = static_cast<int32_t>(ranges_.size());
    const Extent grid{static_cast<unsigned>(blocks_)};
    norm_(s, grid, kBlock, args.gradients, ranges, count, args.elements, parts, args.control, device_->lossScaleInUse(),
          args.report, state, options_);
    if (desc_.kind == OptimizerKind::sgd) {
      float* buffer = desc_.momentum != 0 ? args.slots[0] : nullptr;
      sgd_(s, grid, kBlock, args.params, args.gradients, buffer, ranges, count, args.elements, args.control, state,
           options_);
    } else {
      adam_(s, grid, kBlock, args.params, args.gradients, args.slots[0], args.slots[1], ranges, count, args.elements,
            args.control, state, options_);
    }
  }

 private:
  // On the device they change only when a layer is frozen or its factors are set.
  void ensureRanges(const OptimizerArgs& args, CudaStream& stream) {
    const auto converted = [](const ParamRange& r) {
      return Range{r.first, r.count, r.frozen ? 1 : 0, r.rateFactor, r.decayFactor, 0};
    };
    const bool same = deviceRanges_ != nullptr && ranges_.size() == args.rangeCount &&
                      std::equal(ranges_.begin(), ranges_.end(), args.ranges,
                                 [&](const Range& a, const ParamRange& b) { return a == converted(b); });
    if (same) return;
    ranges_.resize(args.rangeCount);
    std::transform(args.ranges, args.ranges + args.rangeCount, ranges_.begin(), converted);
    const size_t bytes = ranges_.size() * sizeof(Range);
    if (deviceRanges_ == nullptr || deviceRanges_->bytes() < bytes) {
      deviceRanges_ = std::make_unique<DeviceMemory>(device_, std::max<size_t>(bytes, 64));
    }
    stream.upload(deviceRanges_->data(), ranges_.data(), bytes);
  }

  OptimizerDesc desc_;
  UpdateOptions options_{};
  int64_t blocks_;
  DeviceRef device_;
  std::vector<Range> ranges_;
  std::unique_ptr<DeviceMemory> deviceRanges_;
  Function<const float*, const Range*, int32_t, int64_t, double*, const StepControl*, LossScaleState*, UpdateReport*,
           UpdateState*, UpdateOptions>
      norm_;
  Function<float*, float*, float*, const Range*, int32_t, int64_t, const StepControl*, const UpdateState*,
           UpdateOptions>
      sgd_;
  Function<float*, float*, float*, float*, const Range*, int32_t, int64_t, const StepControl*, const UpdateState*,
           UpdateOptions>
      adam_;
};

}  // namespace

std::unique_ptr<Optimizer> makeOptimizer(const OptimizerDesc& desc, int64_t elements, const DeviceRef& device) {
  return std::make_unique<CudaOptimizer>(desc, elements, device);
}

}  // namespace cugru::cuda
