// Tensors side by side on the last axis: copies.
#include <algorithm>

#include "core/ops/sequence.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

class ConcatKernel final : public Kernel {
 public:
  explicit ConcatKernel(const OpDesc& desc) : desc_(concatDesc(desc)) {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cpu copy"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    float* out = static_cast<float*>(args.outputs[0]);
    if (out == nullptr) return;
    eachPart(stream, [&](size_t part, int64_t position, int64_t column, int64_t width) {
      const float* from = static_cast<const float*>(args.inputs[part]) + position * width;
      std::copy_n(from, width, out + position * desc_.width + column);
    });
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    eachPart(stream, [&](size_t part, int64_t position, int64_t column, int64_t width) {
      float* to = static_cast<float*>(args.inputGradients[part]);
      if (to == nullptr) return;
      to += position * width;
      if (dy == nullptr) {
        std::fill_n(to, width, 0.0f);
      } else {
        std::copy_n(dy + position * desc_.width + column, width, to);
      }
    });
  }

 private:
  template <typename Body>
  void eachPart(Stream& stream, const Body& body) const {
    const int64_t positions = std::max<int64_t>(1, 8192 / desc_.width);  // of a task
    const double cost = 0.5 * static_cast<double>(desc_.width);
    cpu(stream).blocks(desc_.positions, positions, cost, [&](int64_t first, int64_t count) {
      for (int64_t position = first; position < first + count; ++position) {
        int64_t column = 0;
        for (size_t part = 0; part < desc_.widths.size(); ++part) {
          body(part, position, column, desc_.widths[part]);
          column += desc_.widths[part];
        }
      }
    });
  }

  ConcatDesc desc_;
};

}  // namespace

std::unique_ptr<Kernel> makeConcat(const OpDesc& desc, const Vectors&) { return std::make_unique<ConcatKernel>(desc); }

}  // namespace cugru::cpu
