// Softmax cross entropy: per row in double, then summed in the order of rows.
#include <algorithm>
#include <cmath>

#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

class CrossEntropyKernel final : public Kernel {
 public:
  CrossEntropyKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(softmaxCrossEntropyDesc(desc)), vectors_(vectors) {}

  KernelSizes sizes() const override { return {static_cast<size_t>(desc_.batch) * sizeof(RowResult), 0}; }
  std::string variant() const override { return "cpu " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    RowResult* results = static_cast<RowResult*>(args.workspace);
    const int64_t valid = std::min<int64_t>(args.control->validRows, desc_.batch);
    eachRow(stream, [&](int64_t row) {
      if (row < valid) results[row] = evaluate(args, row);
    });
    if (args.metrics == nullptr) return;
    LossMetrics& metrics = *args.metrics;
    for (int64_t row = 0; row < valid; ++row) {
      metrics.lossSum += results[row].loss;
      metrics.correct += results[row].truth == results[row].answer ? 1 : 0;
      ++metrics.confusion()[results[row].truth * desc_.features + results[row].answer];
    }
    metrics.rows += valid;
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    const int64_t valid = std::min<int64_t>(args.control->validRows, desc_.batch);
    eachRow(stream, [&](int64_t row) {
      if (row < valid) {
        gradient(args, row, dx + row * desc_.features);
      } else {
        std::fill_n(dx + row * desc_.features, desc_.features, 0.0f);
      }
    });
  }

 private:
  struct RowResult {
    double loss;
    int32_t truth, answer;
  };

  static int32_t largest(const float* values, int64_t count) {
    return static_cast<int32_t>(std::max_element(values, values + count) - values);
  }

  // What a row is compared with: lambda of its own label, and the rest of its partner's.
  struct Target {
    const float *own, *other;      // distributions
    int64_t ownClass, otherClass;  // or classes
    float lambda;
    float operator()(int64_t c) const {
      if (own == nullptr) return (c == ownClass ? lambda : 0.0f) + (c == otherClass ? 1 - lambda : 0.0f);
      return other == own ? own[c] : lambda * own[c] + (1 - lambda) * other[c];
    }
  };

  Target target(const KernelArgs& args, int64_t row) const {
    int64_t partner = row;
    float lambda = 1;
    if (desc_.mixes) {
      const int64_t wanted = static_cast<const int32_t*>(args.inputs[3])[row];
      if (wanted < args.control->validRows) partner = wanted;
      lambda = static_cast<const float*>(args.inputs[4])[row];
    }
    const int32_t* indices = static_cast<const int32_t*>(args.inputs[2]) + args.control->firstRow;
    const int64_t own = indices[row], other = indices[partner];
    if (desc_.softLabels) {
      const float* labels = static_cast<const float*>(args.inputs[1]);
      return {labels + own * desc_.features, labels + other * desc_.features, 0, 0, lambda};
    }
    const int32_t* labels = static_cast<const int32_t*>(args.inputs[1]);
    return {nullptr, nullptr, labels[own], labels[other], lambda};
  }

  int32_t truth(const Target& wanted) const {
    const bool own = wanted.lambda >= 0.5f;
    if (desc_.softLabels) return largest(own ? wanted.own : wanted.other, desc_.features);
    return static_cast<int32_t>(own ? wanted.ownClass : wanted.otherClass);
  }

  RowResult evaluate(const KernelArgs& args, int64_t row) const {
    const int64_t classes = desc_.features;
    const float* x = static_cast<const float*>(args.inputs[0]) + row * classes;
    float top = 0, sum = 0;
    vectors_.table->softmaxRow(x, nullptr, classes, &top, &sum);
    const double logSum = static_cast<double>(top) + std::log(static_cast<double>(sum));
    const double smoothing = static_cast<double>(desc_.labelSmoothing),
                 evenly = smoothing / static_cast<double>(classes);
    const Target wanted = target(args, row);
    const auto surprise = [&](int64_t c) { return logSum - static_cast<double>(x[c]); };
    double loss = 0;
    if (desc_.softLabels) {
      for (int64_t c = 0; c < classes; ++c) {
        loss += ((1 - smoothing) * static_cast<double>(wanted(c)) + evenly) * surprise(c);
      }
    } else {
      loss = (1 - smoothing) * surprise(wanted.ownClass);
      if (desc_.mixes) {
        const double lambda = static_cast<double>(wanted.lambda);
        loss = (1 - smoothing) * (lambda * surprise(wanted.ownClass) + (1 - lambda) * surprise(wanted.otherClass));
      }
      if (smoothing > 0) {
        for (int64_t c = 0; c < classes; ++c) loss += evenly * surprise(c);
      }
    }
    return {loss, truth(wanted), largest(x, classes)};
  }

  // (probability * sum of targets - target) * scale / valid rows.
  void gradient(const KernelArgs& args, int64_t row, float* dx) const {
    const int64_t classes = desc_.features;
    const float* x = static_cast<const float*>(args.inputs[0]) + row * classes;
    float top = 0, sum = 0;
    vectors_.table->softmaxRow(x, dx, classes, &top, &sum);
    const float scale = args.control->gradientScale / static_cast<float>(args.control->validRows);
    const float smoothing = desc_.labelSmoothing, evenly = smoothing / static_cast<float>(classes);
    const Target wanted = target(args, row);
    float total = 1;
    if (desc_.softLabels) {
      double mass = static_cast<double>(smoothing);
      for (int64_t c = 0; c < classes; ++c) mass += static_cast<double>(1 - smoothing) * static_cast<double>(wanted(c));
      total = static_cast<float>(mass);
    }
    for (int64_t c = 0; c < classes; ++c) dx[c] = (dx[c] * total - ((1 - smoothing) * wanted(c) + evenly)) * scale;
  }

  template <typename Body>
  void eachRow(Stream& stream, const Body& body) const {
    const int64_t rows = std::max<int64_t>(1, 1024 / desc_.features);  // of a task
    cpu(stream).blocks(desc_.batch, rows, 3.0 * static_cast<double>(desc_.features), [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) body(row);
    });
  }

  LossDesc desc_;
  Vectors vectors_;
};

}  // namespace

std::unique_ptr<Kernel> makeSoftmaxCrossEntropy(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<CrossEntropyKernel>(desc, vectors);
}

}  // namespace cugru::cpu
