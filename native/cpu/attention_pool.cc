// A mean of a row's valid steps, weighted by the softmax of their scores. The weights of a row lie together, steps one after the other.
#include "cpu/registry.h"
#include "cpu/sequence.h"

namespace cugru::cpu {

namespace {

class AttentionPoolKernel final : public Kernel {
 public:
  AttentionPoolKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(attentionPoolDesc(desc)), table_(*vectors.table), name_(vectors.name) {}

  KernelSizes sizes() const override {
    const size_t weights = static_cast<size_t>(desc_.steps * desc_.rows) * sizeof(float);
    return {weights, desc_.training ? weights : 0};
  }
  std::string variant() const override { return "cpu " + name_; }

  void forward(const KernelArgs& args, Stream& stream) override {
    float* weights = static_cast<float*>(desc_.training ? args.saved : args.workspace);
    eachRow(args, stream, [&](int64_t row, int64_t length) {
      float* own = weights + row * desc_.steps;
      weigh(static_cast<const float*>(args.inputs[1]) + row, own, length);
      if (args.outputs[1] != nullptr) scatter(own, static_cast<float*>(args.outputs[1]) + row);
      if (args.outputs[0] != nullptr) pool(args, own, row, length);
    });
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    const float* weights = static_cast<const float*>(args.saved);
    float* dx = static_cast<float*>(args.inputGradients[0]);
    float* dScores = static_cast<float*>(args.inputGradients[1]);
    eachRow(args, stream, [&](int64_t row, int64_t length) {
      const float* dy = static_cast<const float*>(args.outputGradients[0]);
      if (dy == nullptr) length = 0;
      const float* own = weights + row * desc_.steps;
      if (dx != nullptr) inputGradient(own, dy, dx, row, length);
      if (dScores == nullptr) return;
      float* slopes = static_cast<float*>(args.workspace) + row * desc_.steps;
      scoreGradient(args, own, slopes, row, length);
      scatter(slopes, dScores + row);
    });
  }

 private:
  template <typename Body>
  void eachRow(const KernelArgs& args, Stream& stream, const Body& body) const {
    const int32_t* lengths = lengthsOf(args, desc_, 2);
    const int64_t elements = desc_.steps * desc_.features;
    const int64_t block = std::max<int64_t>(std::max<int64_t>(1, 16 / desc_.features), 8192 / elements);
    cpu(stream).blocks(desc_.rows, block, 2.0 * static_cast<double>(elements), [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) {
        body(row, lengths == nullptr ? desc_.steps : int64_t{lengths[row]});
      }
    });
  }

  void weigh(const float* scores, float* weights, int64_t length) const {
    for (int64_t t = 0; t < length; ++t) weights[t] = scores[t * desc_.rows];
    float largest = 0, sum = 0;
    table_.softmaxRow(weights, weights, length, &largest, &sum);
    std::fill(weights + length, weights + desc_.steps, 0.0f);
  }

  // A row's values, step by step, to where the memory of [steps, rows] has them.
  void scatter(const float* own, float* out) const {
    for (int64_t t = 0; t < desc_.steps; ++t) out[t * desc_.rows] = own[t];
  }

  int64_t place(int64_t t, int64_t row) const { return (t * desc_.rows + row) * desc_.features; }

  void pool(const KernelArgs& args, const float* weights, int64_t row, int64_t length) const {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* y = static_cast<float*>(args.outputs[0]) + row * desc_.features;
    std::fill_n(y, desc_.features, 0.0f);
    for (int64_t t = 0; t < length; ++t) table_.addScaled(x + place(t, row), weights[t], y, desc_.features);
  }

  void inputGradient(const float* weights, const float* dy, float* dx, int64_t row, int64_t length) const {
    for (int64_t t = 0; t < length; ++t) {
      table_.scale(dy + row * desc_.features, weights[t], dx + place(t, row), desc_.features);
    }
    for (int64_t t = length; t < desc_.steps; ++t) std::fill_n(dx + place(t, row), desc_.features, 0.0f);
  }

  // w_t (g_t - sum of w g), g_t = dy . x_t
  void scoreGradient(const KernelArgs& args, const float* weights, float* slopes, int64_t row, int64_t length) const {
    const float* x = static_cast<const float*>(args.inputs[0]);
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    for (int64_t t = 0; t < length; ++t) {
      slopes[t] = table_.dot(dy + row * desc_.features, x + place(t, row), desc_.features);
    }
    table_.softmaxGradientRow(weights, slopes, slopes, length);
    std::fill(slopes + length, slopes + desc_.steps, 0.0f);
  }

  AttentionPoolDesc desc_;
  const Table& table_;
  std::string name_;
};

}  // namespace

std::unique_ptr<Kernel> makeAttentionPool(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<AttentionPoolKernel>(desc, vectors);
}

}  // namespace cugru::cpu
