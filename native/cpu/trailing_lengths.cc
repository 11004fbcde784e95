// How many steps each row has before the padding at its end.
#include <algorithm>

#include "core/error.h"
#include "core/ops/sequence.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

class TrailingLengthsKernel final : public Kernel {
 public:
  explicit TrailingLengthsKernel(const OpDesc& desc) : desc_(trailingLengthsDesc(desc)) {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cpu"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    int32_t* lengths = static_cast<int32_t*>(args.outputs[0]);
    if (lengths == nullptr) return;
    const int64_t elements = desc_.steps * desc_.features;
    const int64_t rows = std::max<int64_t>(1, 8192 / elements);  // of a task
    cpu(stream).blocks(desc_.rows, rows, 0.5 * static_cast<double>(elements), [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) lengths[row] = lengthOf(x + row * desc_.features);
    });
  }

  void backward(const KernelArgs&, Stream&) override { fail(code::kInternal, "trailingLengths has no gradient"); }

 private:
  // A NaN is no padding: it differs from every value.
  int32_t lengthOf(const float* row) const {
    int64_t length = desc_.steps;
    for (; length > 1; --length) {
      const float* step = row + (length - 1) * desc_.stepElements();
      if (std::any_of(step, step + desc_.features, [&](float x) { return x != desc_.value; })) break;
    }
    return static_cast<int32_t>(length);
  }

  TrailingLengthsDesc desc_;
};

}  // namespace

std::unique_ptr<Kernel> makeTrailingLengths(const OpDesc& desc, const Vectors&) {
  return std::make_unique<TrailingLengthsKernel>(desc);
}

}  // namespace cugru::cpu
