// A row of a table for each step: added to what is there (learned positions), or put beside it (constant coordinates).
#include <algorithm>

#include "core/ops/sequence.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

// body(step, row of memory) for all rows of all steps.
template <typename Body>
void eachRow(const SequenceDesc& desc, int64_t features, Stream& stream, const Body& body) {
  const int64_t block = std::max<int64_t>(1, 8192 / features);
  const double cost = 0.5 * static_cast<double>(features);
  cpu(stream).blocks(desc.steps * desc.rows, block, cost, [&](int64_t first, int64_t count) {
    for (int64_t row = first; row < first + count; ++row) body(row / desc.rows, row);
  });
}

class AddTableKernel final : public Kernel {
 public:
  AddTableKernel(const OpDesc& desc, const Vectors& vectors) : desc_(addTableDesc(desc)), vectors_(vectors) {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cpu " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    const int64_t features = desc_.features;
    eachRow(desc_, features, stream, [&](int64_t step, int64_t row) {
      vectors_.table->add(x + row * features, args.params + step * features, y + row * features, features);
    });
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    float* dx = static_cast<float*>(args.inputGradients[0]);
    const int64_t step = desc_.stepElements();
    cpu(stream).parallel(desc_.steps, static_cast<double>(desc_.elements()), [&](int64_t t) {
      if (dx != nullptr && dy == nullptr) std::fill_n(dx + t * step, step, 0.0f);
      if (dy == nullptr) return;
      if (dx != nullptr) std::copy_n(dy + t * step, step, dx + t * step);
      if (args.paramGradients == nullptr) return;
      float* sum = args.paramGradients + t * desc_.features;
      vectors_.table->addRows(dy + t * step, desc_.features, desc_.rows, sum, desc_.features);
    });
  }

 private:
  SequenceDesc desc_;
  Vectors vectors_;
};

class AppendTableKernel final : public Kernel {
 public:
  explicit AppendTableKernel(const OpDesc& desc) : desc_(appendTableDesc(desc)), width_(desc_.features + desc_.width) {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cpu copy"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    eachRow(desc_, width_, stream, [&](int64_t step, int64_t row) {
      std::copy_n(x + row * desc_.features, desc_.features, y + row * width_);
      std::copy_n(desc_.table->data() + step * desc_.width, desc_.width, y + row * width_ + desc_.features);
    });
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    eachRow(desc_, width_, stream, [&](int64_t, int64_t row) {
      float* to = dx + row * desc_.features;
      if (dy == nullptr) {
        std::fill_n(to, desc_.features, 0.0f);
      } else {
        std::copy_n(dy + row * width_, desc_.features, to);
      }
    });
  }

 private:
  AppendTableDesc desc_;
  int64_t width_;
};

}  // namespace

std::unique_ptr<Kernel> makeAddTable(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<AddTableKernel>(desc, vectors);
}

std::unique_ptr<Kernel> makeAppendTable(const OpDesc& desc, const Vectors&) {
  return std::make_unique<AppendTableKernel>(desc);
}

}  // namespace cugru::cpu
