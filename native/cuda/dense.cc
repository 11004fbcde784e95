// Dense: activation(x W^T + b) on the last axis, through cuBLASLt. The bias ends the product; activations are kernels of
// our own.
#include <algorithm>

#include "core/ops/ops.h"
#include "cuda/column_sums.h"
#include "cuda/launch.h"
#include "cuda/layouts.h"
#include "cuda/matmul.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

size_t aligned(int64_t floats) { return static_cast<size_t>(alignFloats(floats)) * sizeof(float); }

class DenseKernel final : public Kernel {
 public:
  DenseKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(denseDesc(desc)), training_(desc.training), biasAt_(alignFloats(desc_.units * desc_.inputs)) {
    const Precision precision = precisionOf(desc.attrs);
    planForward(device, precision);
    if (training_) planBackward(desc, device, precision);
  }

  KernelSizes sizes() const override {
    if (!training_) return {forward_->workspace(), 0};
    size_t products = forward_->workspace();
    for (const Matmul* one : {inputGradient_.get(), weightGradient_.get()}) {
      if (one != nullptr) products = std::max(products, one->workspace());
    }
    return {aligned(gradientFloats()) + aligned(biasGradient_.workspaceFloats()) + products, 0};
  }
  std::string variant() const override {
    return after_.ready() ? "cuda cublasLt + activation" : "cuda cublasLt epilogue";
  }

  void forward(const KernelArgs& args, Stream& stream) override {
    auto* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    CudaStream& s = cuda(stream);
    const float* bias = desc_.hasBias ? args.params + biasAt_ : nullptr;
    forward_->run(static_cast<const float*>(args.inputs[0]), args.params, y, bias, args.workspace, s);
    if (!after_.ready()) return;
    after_(s, flatGrid(desc_.rows * desc_.units), kFlatBlock, y, biasAfter_ ? bias : nullptr, desc_.rows, desc_.units,
           static_cast<int32_t>(desc_.activation));
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    CudaStream& s = cuda(stream);
    if (args.outputGradients[0] == nullptr) {
      if (dx != nullptr) s.zero(dx, static_cast<size_t>(desc_.rows * desc_.inputs) * sizeof(float));
      return;
    }
    const float* dy = linearGradient(args, s);
    if (dx != nullptr) inputGradient_->run(dy, args.params, dx, nullptr, products(args), s);
    if (args.paramGradients == nullptr) return;
    weightGradient_->run(dy, static_cast<const float*>(args.inputs[0]), args.paramGradients, nullptr, products(args),
                         s);
    if (!desc_.hasBias) return;
    auto* parts = reinterpret_cast<float*>(static_cast<char*>(args.workspace) + aligned(gradientFloats()));
    biasGradient_.add(dy, parts, args.paramGradients + biasAt_, nullptr, s);
  }

 private:
  using End = MatmulShape::End;

  int64_t gradientFloats() const { return desc_.activation == Activation::linear ? 0 : desc_.rows * desc_.units; }
  void* products(const KernelArgs& args) const {
    return static_cast<char*>(args.workspace) + aligned(gradientFloats()) + aligned(biasGradient_.workspaceFloats());
  }

  // With the bias where cuBLASLt takes it. Its relu is not used: what that makes of a NaN is not told, and a NaN must show.
  void planForward(const DeviceRef& device, Precision precision) {
    MatmulShape shape{desc_.rows, desc_.units, desc_.inputs, false, true, false, End::none, precision};
    if (desc_.hasBias) shape.end = End::bias;
    bool remains = desc_.activation != Activation::linear;
    forward_ = Matmul::create(device, shape);
    if (forward_ == nullptr) {
      shape.end = End::none;
      forward_ = Matmul::create(device, shape);
      biasAfter_ = desc_.hasBias;
      remains = true;
    }
    if (remains) after_ = {*device, "elementwise.cu", "bias_activation"};
  }

  void planBackward(const OpDesc& desc, const DeviceRef& device, Precision precision) {
    if (desc.inputGradient.empty() || desc.inputGradient[0]) {
      inputGradient_ =
          Matmul::create(device, {desc_.rows, desc_.inputs, desc_.units, false, false, false, End::none, precision});
    }
    weightGradient_ =
        Matmul::create(device, {desc_.units, desc_.inputs, desc_.rows, true, false, true, End::none, precision});
    activationGradient_ = {*device, "elementwise.cu", "activation_gradient"};
    if (desc_.hasBias) biasGradient_ = {*device, desc_.rows, desc_.units};
  }

  // The gradient before the activation.
  const float* linearGradient(const KernelArgs& args, CudaStream& stream) const {
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    if (desc_.activation == Activation::linear) return dy;
    auto* to = static_cast<float*>(args.workspace);
    const int64_t elements = desc_.rows * desc_.units;
    activationGradient_(stream, flatGrid(elements), kFlatBlock, static_cast<const float*>(args.outputs[0]), dy, to,
                        elements, static_cast<int32_t>(desc_.activation));
    return to;
  }

  DenseDesc desc_;
  bool training_;
  int64_t biasAt_;  // in the group's slice
  bool biasAfter_ = false;
  std::unique_ptr<Matmul> forward_, inputGradient_, weightGradient_;
  Function<float*, const float*, int64_t, int64_t, int32_t> after_;
  Function<const float*, const float*, float*, int64_t, int32_t> activationGradient_;
  ColumnSums biasGradient_;
};

}  // namespace

std::unique_ptr<Kernel> makeDense(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<DenseKernel>(desc, device);
}

std::string refuseDense(const OpDesc& desc) { return refusePrecision(desc.attrs); }

}  // namespace cugru::cuda
