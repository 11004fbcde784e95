// Pooling of images, channels last. The largest of a window keeps the place of its pixel for the way back.
#include "core/ops/vision.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

// As in kernels/pooling.cu.
struct Pooling {
  int64_t images, height, width, channels, outHeight, outWidth;
  int64_t poolHeight, poolWidth, strideY, strideX, padTop, padLeft;
};

class PoolKernel final : public Kernel {
 public:
  PoolKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(pool2dDesc(desc)), max_(desc.op == "maxPool2d"), training_(desc.training) {
    const Window2d& w = desc_.window;
    shape_ = {desc_.images, w.inHeight, w.inWidth, desc_.channels, w.outHeight, w.outWidth,
              w.height,     w.width,    w.strideY, w.strideX,      w.padTop,    w.padLeft};
    if (max_) {
      largest_ = {*device, "pooling.cu", "max_pool"};
      if (training_) largestGradient_ = {*device, "pooling.cu", "max_pool_gradient"};
    } else {
      mean_ = {*device, "pooling.cu", "avg_pool"};
      if (training_) meanGradient_ = {*device, "pooling.cu", "avg_pool_gradient"};
    }
  }

  KernelSizes sizes() const override {
    return {0, max_ && training_ ? static_cast<size_t>(outElements()) * sizeof(int64_t) : 0};
  }
  std::string variant() const override { return max_ ? "cuda max pool" : "cuda average pool"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    CudaStream& s = cuda(stream);
    if (max_) {
      largest_(s, flatGrid(outElements()), kFlatBlock, x, y, static_cast<int64_t*>(args.saved), shape_);
    } else {
      mean_(s, flatGrid(outElements()), kFlatBlock, x, y, shape_);
    }
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    if (dx == nullptr) return;
    CudaStream& s = cuda(stream);
    const int64_t elements = desc_.images * desc_.inElements();
    if (dy == nullptr) return s.zero(dx, static_cast<size_t>(elements) * sizeof(float));
    if (max_) {
      largestGradient_(s, flatGrid(elements), kFlatBlock, dy, static_cast<const int64_t*>(args.saved), dx, shape_);
    } else {
      meanGradient_(s, flatGrid(elements), kFlatBlock, dy, dx, shape_);
    }
  }

 private:
  int64_t outElements() const { return desc_.images * desc_.outElements(); }

  Pool2dDesc desc_;
  bool max_, training_;
  Pooling shape_{};
  Function<const float*, float*, int64_t*, Pooling> largest_;
  Function<const float*, const int64_t*, float*, Pooling> largestGradient_;
  Function<const float*, float*, Pooling> mean_, meanGradient_;
};

}  // namespace

std::unique_ptr<Kernel> makePool2d(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<PoolKernel>(desc, device);
}

}  // namespace cugru::cuda
