// SGD, Adam and AdamW as PyTorch defines them, over fixed blocks of the flat parameter buffer; penalties, clipping by the norm of
// all gradients together, and bounds of rows' norms.
#include <algorithm>
#include <cmath>

#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kBlock = 8192;  // elements of a task, and of one partial sum of the norm

class CpuOptimizer final : public Optimizer {
 public:
  CpuOptimizer(const OptimizerDesc& desc, int64_t elements, const Vectors& vectors)
      : desc_(desc), elements_(elements), table_(*vectors.table) {}

  size_t workspace() const override { return static_cast<size_t>((elements_ + kBlock - 1) / kBlock) * sizeof(double); }

  void update(const OptimizerArgs& args, Stream& stream) override {
    const double norm = gradientNorm(args, cpu(stream));
    args.report->gradientNorm = static_cast<float>(norm);
    if (!std::isfinite(norm) || args.report->skipped > 0) {
      ++args.report->skipped;
      std::fill_n(args.gradients, args.elements, 0.0f);
      return;
    }
    const float scale = clipFactor(norm);
    cpu(stream).blocks(args.elements, kBlock, 1, [&](int64_t first, int64_t count) {
      eachRun(args, first, count, [&](const ParamRange& range, int64_t at, int64_t run) {
        if (desc_.kind == OptimizerKind::sgd) {
          updateSgd(args, range, scale, at, run);
        } else {
          updateAdam(args, range, scale, at, run);
        }
      });
      std::fill_n(args.gradients + first, count, 0.0f);
    });
    for (size_t i = 0; i < args.rangeCount; ++i) {
      if (!args.ranges[i].frozen && args.ranges[i].maxNorm > 0) holdNorms(args, args.ranges[i], cpu(stream));
    }
  }

 private:
  // body(range, first, count) for what each range that is not frozen has in a block.
  template <typename Body>
  static void eachRun(const OptimizerArgs& args, int64_t first, int64_t count, const Body& body) {
    for (size_t i = 0; i < args.rangeCount; ++i) {
      const ParamRange& range = args.ranges[i];
      const int64_t from = std::max(first, range.first);
      const int64_t to = std::min(first + count, range.first + range.count);
      if (!range.frozen && from < to) body(range, from, to - from);
    }
  }

  // Of the gradients with those of the penalties, which it adds.
  double gradientNorm(const OptimizerArgs& args, CpuStream& stream) const {
    double* parts = static_cast<double*>(args.workspace);
    stream.blocks(args.elements, kBlock, 0.5, [&](int64_t first, int64_t count) {
      double sum = 0;
      eachRun(args, first, count, [&](const ParamRange& range, int64_t at, int64_t run) {
        if (range.l2 > 0) table_.addScaled(args.params + at, 2 * range.l2, args.gradients + at, run);
        sum += table_.sumOfSquares(args.gradients + at, run);
      });
      parts[first / kBlock] = sum;
    });
    double total = 0;
    for (int64_t block = 0; block * kBlock < args.elements; ++block) total += parts[block];
    return std::sqrt(total);
  }

  // A row is one task's, whatever the threads.
  void holdNorms(const OptimizerArgs& args, const ParamRange& range, CpuStream& stream) const {
    const int64_t length = range.rowLength, rows = range.count / length;
    stream.blocks(rows, std::max<int64_t>(1, kBlock / length), static_cast<double>(length) / 2,
                  [&](int64_t first, int64_t count) {
                    for (int64_t row = first; row < first + count; ++row) {
                      float* weights = args.params + range.first + row * length;
                      const double norm = std::sqrt(table_.sumOfSquares(weights, length));
                      if (!(norm > static_cast<double>(range.maxNorm))) continue;
                      const auto factor = static_cast<float>(static_cast<double>(range.maxNorm) / norm);
                      for (int64_t i = 0; i < length; ++i) weights[i] *= factor;
                    }
                  });
  }

  // As torch.nn.utils.clip_grad_norm_: min(1, clip / (norm + 1e-6)).
  float clipFactor(double norm) const {
    if (desc_.clipNorm <= 0) return 1;
    const double factor = static_cast<double>(desc_.clipNorm) / (norm + 1e-6);
    return factor > 1 ? 1.0f : static_cast<float>(factor);
  }

  double rate(const OptimizerArgs& args, const ParamRange& range) const {
    return static_cast<double>(args.control->learningRate) * static_cast<double>(range.rateFactor);
  }
  double decay(const ParamRange& range) const {
    return static_cast<double>(desc_.weightDecay) * static_cast<double>(range.decayFactor);
  }

  void updateSgd(const OptimizerArgs& args, const ParamRange& range, float scale, int64_t at, int64_t count) const {
    const SgdStep step{static_cast<float>(rate(args, range)), desc_.momentum, static_cast<float>(decay(range)), scale,
                       desc_.nesterov};
    float* buffer = desc_.momentum != 0 ? args.slots[0] + at : nullptr;
    table_.sgd(step, args.params + at, args.gradients + at, buffer, count);
  }

  void updateAdam(const OptimizerArgs& args, const ParamRange& range, float scale, int64_t at, int64_t count) const {
    const double t = static_cast<double>(args.control->step) + 1, learningRate = rate(args, range);
    const bool decoupled = desc_.kind == OptimizerKind::adamw;
    AdamStep step{};
    step.rest1 = static_cast<float>(1 - desc_.beta1);
    step.rest2 = static_cast<float>(1 - desc_.beta2);
    step.beta2 = static_cast<float>(desc_.beta2);
    step.epsilon = desc_.epsilon;
    step.stepSize = static_cast<float>(learningRate / (1 - std::pow(desc_.beta1, t)));
    step.rootCorrection = static_cast<float>(std::sqrt(1 - std::pow(desc_.beta2, t)));
    step.decay = decoupled ? 0.0f : static_cast<float>(decay(range));
    step.shrink = decoupled ? static_cast<float>(1 - learningRate * decay(range)) : 1.0f;
    step.gradientScale = scale;
    table_.adam(step, args.params + at, args.gradients + at, args.slots[0] + at, args.slots[1] + at, count);
  }

  OptimizerDesc desc_;
  int64_t elements_;
  const Table& table_;
};

}  // namespace

std::unique_ptr<Optimizer> makeOptimizer(const OptimizerDesc& desc, int64_t elements, const Vectors& vectors) {
  return std::make_unique<CpuOptimizer>(desc, elements, vectors);
}

}  // namespace cugru::cpu
