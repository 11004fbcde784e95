// Squared error, of targets that are picked from a slab or that the graph makes: the mean over a row's valid elements in double,
// then summed in the order of rows.
#include <algorithm>

#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

// A tensor of the graph lies as the prediction does; rows of a slab are picked by their numbers, with their steps one after the other.
enum class Target : uint8_t { tensor, slab };

template <Target kTarget>
class SquaredErrorKernel final : public Kernel {
 public:
  explicit SquaredErrorKernel(const LossDesc& desc) : desc_(desc), elements_(desc.steps * desc.rows * desc.features) {}

  KernelSizes sizes() const override { return {static_cast<size_t>(desc_.batch) * sizeof(double), 0}; }
  std::string variant() const override { return "cpu"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const int64_t valid = std::min<int64_t>(args.control->validRows, desc_.batch);
    double* losses = static_cast<double*>(args.workspace);
    eachRow(stream, [&](int64_t row) {
      if (row < valid) losses[row] = evaluate(args, row);
    });
    if (args.metrics == nullptr) return;
    for (int64_t row = 0; row < valid; ++row) args.metrics->lossSum += losses[row];
    args.metrics->rows += valid;
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    if (kTarget == Target::tensor && args.inputGradients[1] != nullptr) {
      std::fill_n(static_cast<float*>(args.inputGradients[1]), elements_ * desc_.batch, 0.0f);
    }
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    const int64_t valid = std::min<int64_t>(args.control->validRows, desc_.batch);
    const double shared = 2.0 * static_cast<double>(args.control->gradientScale) / static_cast<double>(valid);
    eachRow(stream, [&](int64_t row) {
      const float scale = row < valid ? static_cast<float>(shared / validElements(args, row)) : 0;
      eachStep(args, row, [&](int64_t at, const float* target, bool counts) {
        if (!counts || row >= valid) {
          std::fill_n(dx + at, desc_.features, 0.0f);
          return;
        }
        const float* x = prediction(args) + at;
        for (int64_t f = 0; f < desc_.features; ++f) dx[at + f] = (x[f] - target[f]) * scale;
      });
    });
  }

 private:
  static const float* prediction(const KernelArgs& args) { return static_cast<const float*>(args.inputs[0]); }

  int64_t lengthOf(const KernelArgs& args, int64_t row) const {
    return desc_.hasLengths ? static_cast<const int32_t*>(args.inputs[2])[row] : desc_.steps;
  }

  double validElements(const KernelArgs& args, int64_t row) const {
    int64_t steps = 0;
    for (int64_t r = 0; r < desc_.rows; ++r) steps += lengthOf(args, row * desc_.rows + r);
    return static_cast<double>(steps * desc_.features);
  }

  // `at`: the step's place in the prediction. Rows that do not count have no number to be picked by.
  const float* targetAt(const KernelArgs& args, int64_t row, int64_t step, int64_t at) const {
    const float* targets = static_cast<const float*>(args.inputs[1]);
    if (kTarget == Target::tensor) return targets + at;
    if (row >= args.control->validRows) return nullptr;
    const int64_t index = static_cast<const int32_t*>(args.inputs[2])[args.control->firstRow + row];
    return targets + index * elements_ + step * desc_.features;
  }

  // body(place in the prediction, target, whether the step is valid) for each step of each row of a batch row.
  template <typename Body>
  void eachStep(const KernelArgs& args, int64_t row, const Body& body) const {
    for (int64_t t = 0; t < desc_.steps; ++t) {
      for (int64_t r = row * desc_.rows; r < (row + 1) * desc_.rows; ++r) {
        const int64_t at = (t * desc_.batch * desc_.rows + r) * desc_.features;
        body(at, targetAt(args, row, t, at), t < lengthOf(args, r));
      }
    }
  }

  double evaluate(const KernelArgs& args, int64_t row) const {
    double sum = 0;
    eachStep(args, row, [&](int64_t at, const float* target, bool counts) {
      if (!counts) return;
      const float* x = prediction(args) + at;
      for (int64_t f = 0; f < desc_.features; ++f) {
        const double difference = static_cast<double>(x[f]) - static_cast<double>(target[f]);
        sum += difference * difference;
      }
    });
    return sum / validElements(args, row);
  }

  template <typename Body>
  void eachRow(Stream& stream, const Body& body) const {
    const int64_t rows = std::max<int64_t>(1, 4096 / elements_);  // of a task
    cpu(stream).blocks(desc_.batch, rows, static_cast<double>(elements_), [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) body(row);
    });
  }

  LossDesc desc_;
  int64_t elements_;  // of a batch row
};

}  // namespace

std::unique_ptr<Kernel> makeSquaredError(const OpDesc& desc, const Vectors&) {
  return std::make_unique<SquaredErrorKernel<Target::tensor>>(squaredErrorDesc(desc));
}

std::unique_ptr<Kernel> makeMeanSquaredError(const OpDesc& desc, const Vectors&) {
  return std::make_unique<SquaredErrorKernel<Target::slab>>(meanSquaredErrorDesc(desc));
}

}  // namespace cugru::cpu
