// Rows of a slab, picked by index, mapped to a sequence and normalised. The map lies on the device.
#include <algorithm>

#include "core/error.h"
#include "core/ops/ops.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

// As in kernels/gather.cu.
struct GatherShape {
  int64_t source, batch, rows, features, channels;
  int32_t fill, normalizes;
};

constexpr unsigned kThreads = 256;

class GatherKernel final : public Kernel {
 public:
  GatherKernel(const OpDesc& desc, const DeviceRef& device) : desc_(gatherDesc(desc)) {
    const int64_t steps = std::max<int64_t>(desc_.out.steps, 1);
    shape_ = {desc_.slab.rowElements(), desc_.batch, steps * desc_.batch,     desc_.features,
              desc_.channels,           desc_.fill,  desc_.normalizes ? 1 : 0};
    if (desc_.map) {
      const size_t bytes = desc_.map->size() * sizeof(int32_t);
      map_ = std::make_unique<DeviceMemory>(device, std::max<size_t>(bytes, 64));
      device->fill(address(map_->data()), desc_.map->data(), bytes);
    }
    switch (desc_.slab.dtype) {
      case DType::u8: bytes_ = {*device, "gather.cu", "gather_u8"}; break;
      case DType::f32: floats_ = {*device, "gather.cu", "gather_f32"}; break;
      case DType::i32: integers_ = {*device, "gather.cu", "gather_i32"}; break;
    }
    block_.x = kWarp;
    while (block_.x < kThreads && block_.x < desc_.features) block_.x *= 2;
    block_.y = kThreads / block_.x;
  }

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda gather"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    void* out = args.outputs[0];
    if (out == nullptr) return;
    const void* slab = args.inputs[0];
    const auto* indices = desc_.picks ? static_cast<const int32_t*>(args.inputs[1]) : nullptr;
    const int32_t* map = map_ ? static_cast<const int32_t*>(map_->data()) : nullptr;
    const Extent grid{static_cast<unsigned>(ceilDiv(shape_.rows, block_.y))};
    CudaStream& s = cuda(stream);
    switch (desc_.slab.dtype) {
      case DType::u8:
        return bytes_(s, grid, block_, static_cast<float*>(out), static_cast<const uint8_t*>(slab), indices,
                      args.control, map, args.params, shape_);
      case DType::f32:
        return floats_(s, grid, block_, static_cast<float*>(out), static_cast<const float*>(slab), indices,
                       args.control, map, args.params, shape_);
      case DType::i32:
        return integers_(s, grid, block_, static_cast<int32_t*>(out), static_cast<const int32_t*>(slab), indices,
                         args.control, map, shape_);
    }
  }

  void backward(const KernelArgs&, Stream&) override { fail(code::kInternal, "gather has no gradient"); }

 private:
  template <typename T>
  using NormalizingGather =
      Function<float*, const T*, const int32_t*, const StepControl*, const int32_t*, const float*, GatherShape>;

  GatherDesc desc_;
  GatherShape shape_{};
  std::unique_ptr<DeviceMemory> map_;
  NormalizingGather<uint8_t> bytes_;
  NormalizingGather<float> floats_;
  Function<int32_t*, const int32_t*, const int32_t*, const StepControl*, const int32_t*, GatherShape> integers_;
  Extent block_;
};

}  // namespace

std::unique_ptr<Kernel> makeGather(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<GatherKernel>(desc, device);
}

}  // namespace cugru::cuda
