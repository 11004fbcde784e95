// Images of a slab, changed at random: a block for each image, and once more where images are mixed.
#include "core/error.h"
#include "core/ops/ops.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

constexpr Extent kImageBlock{256};

// As in kernels/augment.cu.
struct AugmentRun {
  const int32_t* indices;
  const int32_t* samples;
  const StepControl* control;
  uint32_t opId;
};

class AugmentKernel final : public Kernel {
 public:
  AugmentKernel(const OpDesc& desc, const DeviceRef& device) : desc_(augmentDesc(desc)) {
    if (desc_.slab.dtype == DType::u8) {
      bytes_ = {*device, "augment.cu", "augment_u8"};
    } else {
      floats_ = {*device, "augment.cu", "augment_f32"};
    }
    mix_ = {*device, "augment.cu", "augment_mix"};
  }

  // Before they are mixed, images lie in the workspace.
  KernelSizes sizes() const override {
    return {desc_.plan.mixes > 0 ? static_cast<size_t>(desc_.batch * desc_.elements) * sizeof(float) : 0, 0};
  }
  std::string variant() const override { return "cuda augment"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    auto* out = static_cast<float*>(args.outputs[0]);
    auto* partners = static_cast<int32_t*>(args.outputs[1]);
    auto* lambda = static_cast<float*>(args.outputs[2]);
    auto* images = desc_.plan.mixes > 0 ? static_cast<float*>(args.workspace) : out;
    const AugmentRun run{static_cast<const int32_t*>(args.inputs[1]),
                         desc_.hasSamples ? static_cast<const int32_t*>(args.inputs[2]) : nullptr, args.control,
                         desc_.opId};
    const Extent grid{static_cast<unsigned>(desc_.batch)};
    if (out != nullptr && bytes_.ready()) {
      bytes_(s, grid, kImageBlock, images, static_cast<const uint8_t*>(args.inputs[0]), run, desc_.plan);
    } else if (out != nullptr) {
      floats_(s, grid, kImageBlock, images, static_cast<const float*>(args.inputs[0]), run, desc_.plan);
    }
    if (desc_.plan.mixes == 0 && partners == nullptr && lambda == nullptr) return;
    mix_(s, grid, kImageBlock, out, images, partners, lambda, run, desc_.plan);
  }

  void backward(const KernelArgs&, Stream&) override { fail(code::kInternal, "augment has no gradient"); }

 private:
  template <typename T>
  using Make = Function<float*, const T*, AugmentRun, AugmentPlan>;

  AugmentDesc desc_;
  Make<uint8_t> bytes_;
  Make<float> floats_;
  Function<float*, const float*, int32_t*, float*, AugmentRun, AugmentPlan> mix_;
};

}  // namespace

std::unique_ptr<Kernel> makeAugment(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<AugmentKernel>(desc, device);
}

}  // namespace cugru::cuda
