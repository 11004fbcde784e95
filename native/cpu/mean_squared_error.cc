// Mean squared error: the mean over a row's elements in double, then summed in the order of rows.
#include <algorithm>

#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

class SquaredErrorKernel final : public Kernel {
 public:
  explicit SquaredErrorKernel(const OpDesc& desc) : desc_(meanSquaredErrorDesc(desc)) {}

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
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    const int64_t valid = std::min<int64_t>(args.control->validRows, desc_.batch);
    const double elements = static_cast<double>(desc_.steps * desc_.features);
    const float scale = static_cast<float>(2.0 * static_cast<double>(args.control->gradientScale) /
                                           (elements * static_cast<double>(args.control->validRows)));
    eachRow(stream, [&](int64_t row) {
      for (int64_t t = 0; t < desc_.steps; ++t) {
        const int64_t at = (t * desc_.batch + row) * desc_.features;
        if (row >= valid) {
          std::fill_n(dx + at, desc_.features, 0.0f);
          continue;
        }
        const float* x = static_cast<const float*>(args.inputs[0]) + at;
        const float* y = target(args, row) + t * desc_.features;
        for (int64_t f = 0; f < desc_.features; ++f) dx[at + f] = (x[f] - y[f]) * scale;
      }
    });
  }

 private:
  // Targets come in canonical order: a row's steps one after the other.
  const float* target(const KernelArgs& args, int64_t row) const {
    const int64_t index = static_cast<const int32_t*>(args.inputs[2])[args.control->firstRow + row];
    return static_cast<const float*>(args.inputs[1]) + index * desc_.steps * desc_.features;
  }

  double evaluate(const KernelArgs& args, int64_t row) const {
    double sum = 0;
    for (int64_t t = 0; t < desc_.steps; ++t) {
      const float* x = static_cast<const float*>(args.inputs[0]) + (t * desc_.batch + row) * desc_.features;
      const float* y = target(args, row) + t * desc_.features;
      for (int64_t f = 0; f < desc_.features; ++f) {
        const double difference = static_cast<double>(x[f]) - static_cast<double>(y[f]);
        sum += difference * difference;
      }
    }
    return sum / static_cast<double>(desc_.steps * desc_.features);
  }

  template <typename Body>
  void eachRow(Stream& stream, const Body& body) const {
    const int64_t elements = desc_.steps * desc_.features;
    const int64_t rows = std::max<int64_t>(1, 4096 / elements);  // of a task
    cpu(stream).blocks(desc_.batch, rows, static_cast<double>(elements), [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) body(row);
    });
  }

  LossDesc desc_;
};

}  // namespace

std::unique_ptr<Kernel> makeMeanSquaredError(const OpDesc& desc, const Vectors&) {
  return std::make_unique<SquaredErrorKernel>(desc);
}

}  // namespace cugru::cpu
