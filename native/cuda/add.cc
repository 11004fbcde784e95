// The sum of tensors alike, from the first to the last, times a factor.
#include "core/ops/ops.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

constexpr size_t kMaxTerms = 8;

// As in kernels/elementwise.cu.
struct Terms {
  const float* term[kMaxTerms];
};

class AddKernel final : public Kernel {
 public:
  AddKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(addDesc(desc)),
        elements_(desc_.rows * desc_.features),
        add_(*device, "elementwise.cu", "add_terms"),
        scale_(*device, "elementwise.cu", "scale_elements") {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda add"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    Terms terms{};
    for (size_t i = 0; i < desc_.terms; ++i) terms.term[i] = static_cast<const float*>(args.inputs[i]);
    add_(cuda(stream), flatGrid(elements_), kFlatBlock, static_cast<float*>(args.outputs[0]), terms,
         static_cast<int32_t>(desc_.terms), desc_.scale, elements_);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    const void* dy = args.outputGradients[0];
    const size_t bytes = static_cast<size_t>(elements_) * sizeof(float);
    CudaStream& s = cuda(stream);
    for (size_t i = 0; i < desc_.terms; ++i) {
      if (args.inputGradients[i] == nullptr) continue;
      if (dy == nullptr) {
        s.zero(args.inputGradients[i], bytes);
      } else if (desc_.scale != 1) {
        scale_(s, flatGrid(elements_), kFlatBlock, static_cast<const float*>(dy), desc_.scale,
               static_cast<float*>(args.inputGradients[i]), elements_);
      } else {
        s.copy(args.inputGradients[i], dy, bytes);
      }
    }
  }

 private:
  RowsDesc desc_;
  int64_t elements_;
  Function<float*, Terms, int32_t, float, int64_t> add_;
  Function<const float*, float, float*, int64_t> scale_;
};

}  // namespace

std::unique_ptr<Kernel> makeAdd(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<AddKernel>(desc, device);
}

}  // namespace cugru::cuda
