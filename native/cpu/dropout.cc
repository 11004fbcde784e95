// Inverted dropout. What was kept is saved as one bit per element or, of scope row, as the factor of each row.
#include <algorithm>

#include "core/ops/ops.h"
#include "core/philox.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kBlock = 4096;  // elements of a task, a multiple of 8

class DropoutKernel final : public Kernel {
 public:
  DropoutKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(dropoutDesc(desc)), vectors_(vectors), elements_(desc_.rows * desc_.features), training_(desc.training) {}

  KernelSizes sizes() const override { return {0, training_ ? static_cast<size_t>((elements_ + 7) / 8) : 0}; }
  std::string variant() const override { return "cpu philox " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    if (!training_) {
      std::copy(x, x + elements_, y);
      return;
    }
    uint8_t* kept = static_cast<uint8_t*>(args.saved);
    cpu(stream).blocks(elements_, kBlock, 4, [&](int64_t first, int64_t count) {
      vectors_.table->dropoutForward(block(args, first, count), x + first, y + first, kept + first / 8);
    });
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    if (dy == nullptr) {
      std::fill_n(dx, elements_, 0.0f);
      return;
    }
    const uint8_t* kept = static_cast<const uint8_t*>(args.saved);
    cpu(stream).blocks(elements_, kBlock, 1, [&](int64_t first, int64_t count) {
      vectors_.table->dropoutBackward(block(args, first, count), dy + first, dx + first, kept + first / 8);
    });
  }

 private:
  DropoutBlock block(const KernelArgs& args, int64_t first, int64_t count) const {
    return {args.control->seed, desc_.opId, static_cast<uint32_t>(args.control->step), first, count, desc_.rate};
  }

  RowsDesc desc_;
  Vectors vectors_;
  int64_t elements_;
  bool training_;
};

// One draw for all steps and features of a row (stochastic depth).
class RowDropoutKernel final : public Kernel {
 public:
  RowDropoutKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(dropoutDesc(desc)), vectors_(vectors), training_(desc.training) {}

  KernelSizes sizes() const override {
    return {0, training_ ? static_cast<size_t>(desc_.rowsOfStep) * sizeof(float) : 0};
  }
  std::string variant() const override { return "cpu philox rows " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    if (!training_) {
      std::copy_n(x, desc_.rows * desc_.features, y);
      return;
    }
    draw(*args.control, static_cast<float*>(args.saved), stream);
    scaleRows(x, y, static_cast<const float*>(args.saved), stream);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    if (dy == nullptr) {
      std::fill_n(dx, desc_.rows * desc_.features, 0.0f);
      return;
    }
    scaleRows(dy, dx, static_cast<const float*>(args.saved), stream);
  }

 private:
  void draw(const StepControl& control, float* factors, Stream& stream) const {
    const float factor = 1.0f / (1.0f - desc_.rate);
    cpu(stream).blocks(desc_.rowsOfStep, kBlock, 4, [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; row += 4) {
        const Philox4 random = philoxBlock(control.seed, desc_.opId, control.step, static_cast<uint64_t>(row / 4));
        const int64_t lanes = std::min<int64_t>(4, first + count - row);
        for (int64_t i = 0; i < lanes; ++i) factors[row + i] = uniform01(random.v[i]) >= desc_.rate ? factor : 0.0f;
      }
    });
  }

  // A row that is dropped is zero, whatever it held.
  void scaleRows(const float* from, float* to, const float* factors, Stream& stream) const {
    const int64_t features = desc_.features, block = std::max<int64_t>(1, kBlock / features);
    cpu(stream).blocks(desc_.rows, block, static_cast<double>(features), [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) {
        const float factor = factors[row % desc_.rowsOfStep];
        if (factor == 0) {
          std::fill_n(to + row * features, features, 0.0f);
        } else {
          vectors_.table->scale(from + row * features, factor, to + row * features, features);
        }
      }
    });
  }

  RowsDesc desc_;
  Vectors vectors_;
  bool training_;
};

}  // namespace

std::unique_ptr<Kernel> makeDropout(const OpDesc& desc, const Vectors& vectors) {
  if (dropoutDesc(desc).wholeRows) return std::make_unique<RowDropoutKernel>(desc, vectors);
  return std::make_unique<DropoutKernel>(desc, vectors);
}

}  // namespace cugru::cpu
