// Squared error between two tensors of the graph: the mean over a row's valid elements in double, then summed in the order of rows.
#include <algorithm>

#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

class SquaredErrorKernel final : public Kernel {
 public:
  explicit SquaredErrorKernel(const OpDesc& desc)
      : desc_(squaredErrorDesc(desc)), elements_(desc_.steps * desc_.rows * desc_.features) {}

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
    float* dTarget = static_cast<float*>(args.inputGradients[1]);
    if (dTarget != nullptr) std::fill_n(dTarget, elements_ * desc_.batch, 0.0f);
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    const int64_t valid = std::min<int64_t>(args.control->validRows, desc_.batch);
    const double shared = 2.0 * static_cast<double>(args.control->gradientScale) / static_cast<double>(valid);
    eachRow(stream, [&](int64_t row) {
      const float scale = row < valid ? static_cast<float>(shared / validElements(args, row)) : 0;
      eachStep(args, row, [&](int64_t at, bool counts) {
        const bool used = counts && row < valid;
        for (int64_t i = at; i < at + desc_.features; ++i)
          dx[i] = used ? (input(args, 0)[i] - input(args, 1)[i]) * scale : 0;
      });
    });
  }

 private:
  static const float* input(const KernelArgs& args, size_t i) { return static_cast<const float*>(args.inputs[i]); }

  int64_t lengthOf(const KernelArgs& args, int64_t row) const {
    return desc_.hasLengths ? static_cast<const int32_t*>(args.inputs[2])[row] : desc_.steps;
  }

  double validElements(const KernelArgs& args, int64_t row) const {
    int64_t steps = 0;
    for (int64_t r = 0; r < desc_.rows; ++r) steps += lengthOf(args, row * desc_.rows + r);
    return static_cast<double>(steps * desc_.features);
  }

  // body(place in memory, whether the step is valid) for each step of each row of a batch row.
  template <typename Body>
  void eachStep(const KernelArgs& args, int64_t row, const Body& body) const {
    for (int64_t t = 0; t < desc_.steps; ++t) {
      for (int64_t r = row * desc_.rows; r < (row + 1) * desc_.rows; ++r) {
        body((t * desc_.batch * desc_.rows + r) * desc_.features, t < lengthOf(args, r));
      }
    }
  }

  double evaluate(const KernelArgs& args, int64_t row) const {
    double sum = 0;
    eachStep(args, row, [&](int64_t at, bool counts) {
      if (!counts) return;
      for (int64_t i = at; i < at + desc_.features; ++i) {
        const double difference = static_cast<double>(input(args, 0)[i]) - static_cast<double>(input(args, 1)[i]);
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
  int64_t elements_;
};

}  // namespace

std::unique_ptr<Kernel> makeSquaredError(const OpDesc& desc, const Vectors&) {
  return std::make_unique<SquaredErrorKernel>(desc);
}

}  // namespace cugru::cpu
