// Dense: activation(x W^T + b) on the last axis, through cuBLASLt. The bias ends the product; activations are kernels of
// our own. In half precision the factors of every product are 16-bit copies; sums, y, dx and all parameter gradients are float32.
#include <algorithm>

#include "core/error.h"
#include "core/ops/ops.h"
#include "cuda/column_sums.h"
#include "cuda/half.h"
#include "cuda/launch.h"
#include "cuda/layouts.h"
#include "cuda/matmul.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

class DenseKernel final : public Kernel {
 public:
  DenseKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(denseDesc(desc)),
        precision_(precisionOf(desc.attrs)),
        training_(desc.training),
        mayMeasure_(!desc.planOnly),
        biasAt_(alignFloats(desc_.units * desc_.inputs)) {
    if (isHalf(precision_)) edges_ = HalfEdges(device, precision_);
    planForward(device);
    if (training_) planBackward(desc, device);
    planMemory();
  }

  KernelSizes sizes() const override { return sizes_; }
  std::string variant() const override {
    return text("cuda cublasLt", isHalf(precision_) ? " " : "", isHalf(precision_) ? wordFor(precision_) : "",
                after_.ready() ? " + activation" : " epilogue");
  }

  void forward(const KernelArgs& args, Stream& stream) override {
    auto* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    CudaStream& s = cuda(stream);
    const float* bias = desc_.hasBias ? args.params + biasAt_ : nullptr;
    if (isHalf(precision_)) edges_.narrow(inputEdge(), static_cast<const float*>(args.inputs[0]), halfInput(args), s);
    forward_->run(input(args), weights(args), y, bias, products(args), s);
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
    const void* factor = dy;
    if (isHalf(precision_)) {
      factor = workspaceAt(args, halfGradientAt_);
      edges_.narrowGradient(outputEdge(), dy, workspaceAt(args, halfGradientAt_), s);
    }
    if (dx != nullptr) inputGradient_->run(factor, weights(args), dx, nullptr, products(args), s);
    if (args.paramGradients == nullptr) return;
    weightGradient_->run(factor, input(args), args.paramGradients, nullptr, products(args), s);
    if (!desc_.hasBias) return;
    biasGradient_.add(dy, static_cast<float*>(workspaceAt(args, biasPartsAt_)), args.paramGradients + biasAt_, nullptr,
                      s);
  }

 private:
  using End = MatmulShape::End;

  int64_t gradientFloats() const { return desc_.activation == Activation::linear ? 0 : desc_.rows * desc_.units; }
  static void* workspaceAt(const KernelArgs& args, size_t at) { return static_cast<char*>(args.workspace) + at; }
  void* products(const KernelArgs& args) const { return workspaceAt(args, productsAt_); }

  // In half precision the rows of x, dy and the weights are padded.
  Edge inputEdge() const { return {desc_.rows, desc_.inputs, alignHalf(desc_.inputs)}; }
  Edge outputEdge() const { return {desc_.rows, desc_.units, alignHalf(desc_.units)}; }
  void* halfInput(const KernelArgs& args) const {
    return static_cast<char*>(training_ ? args.saved : args.workspace) + halfInputAt_;
  }
  const void* input(const KernelArgs& args) const { return isHalf(precision_) ? halfInput(args) : args.inputs[0]; }
  const void* weights(const KernelArgs& args) const { return isHalf(precision_) ? args.prepared : args.params; }

  void planMemory() {
    if (isHalf(precision_)) halfInputAt_ = take(training_ ? sizes_.saved : sizes_.workspace, inputEdge().bytes());
    size_t most = forward_->workspace();
    if (training_) {
      linearAt_ = take(sizes_.workspace, static_cast<size_t>(gradientFloats()) * sizeof(float));
      biasPartsAt_ = take(sizes_.workspace, static_cast<size_t>(biasGradient_.workspaceFloats()) * sizeof(float));
      if (isHalf(precision_)) halfGradientAt_ = take(sizes_.workspace, outputEdge().bytes());
      for (const Matmul* one : {inputGradient_.get(), weightGradient_.get()}) {
        if (one != nullptr) most = std::max(most, one->workspace());
      }
    }
    productsAt_ = take(sizes_.workspace, most);
  }

  MatmulShape product(int64_t rows, int64_t columns, int64_t depth) const {
    MatmulShape shape;
    shape.rows = rows;
    shape.columns = columns;
    shape.depth = depth;
    shape.precision = precision_;
    shape.mayMeasure = mayMeasure_;
    return shape;
  }
  int64_t width(int64_t columns) const { return isHalf(precision_) ? alignHalf(columns) : columns; }

  // With the bias where cuBLASLt takes it. Its relu is not used: what that makes of a NaN is not told, and a NaN must show.
  void planForward(const DeviceRef& device) {
    MatmulShape shape = product(desc_.rows, desc_.units, width(desc_.inputs));
    shape.transposeB = true;
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

  // All steps and rows go into one product each.
  void planBackward(const OpDesc& desc, const DeviceRef& device) {
    if (desc.inputGradient.empty() || desc.inputGradient[0]) {
      MatmulShape shape = product(desc_.rows, desc_.inputs, desc_.units);
      shape.strideA = width(desc_.units);
      shape.strideB = width(desc_.inputs);
      shape.unscales = edges_.scale();
      inputGradient_ = Matmul::create(device, shape);
    }
    MatmulShape shape = product(desc_.units, desc_.inputs, desc_.rows);
    shape.transposeA = true;
    shape.adds = true;
    shape.strideA = width(desc_.units);
    shape.strideB = width(desc_.inputs);
    shape.unscales = edges_.scale();
    weightGradient_ = Matmul::create(device, shape);
    activationGradient_ = {*device, "elementwise.cu", "activation_gradient"};
    if (desc_.hasBias) biasGradient_ = {*device, desc_.rows, desc_.units};
  }

  // The gradient before the activation.
  const float* linearGradient(const KernelArgs& args, CudaStream& stream) const {
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    if (desc_.activation == Activation::linear) return dy;
    auto* to = static_cast<float*>(workspaceAt(args, linearAt_));
    const int64_t elements = desc_.rows * desc_.units;
    activationGradient_(stream, flatGrid(elements), kFlatBlock, static_cast<const float*>(args.outputs[0]), dy, to,
                        elements, static_cast<int32_t>(desc_.activation));
    return to;
  }

  DenseDesc desc_;
  Precision precision_;
  bool training_, mayMeasure_;
  int64_t biasAt_;  // in the group's slice
  bool biasAfter_ = false;
  HalfEdges edges_;
  KernelSizes sizes_;
  size_t halfInputAt_ = 0, linearAt_ = 0, biasPartsAt_ = 0, halfGradientAt_ = 0, productsAt_ = 0;
  std::unique_ptr<Matmul> forward_, inputGradient_, weightGradient_;
  Function<float*, const float*, int64_t, int64_t, int32_t> after_;
  Function<const float*, const float*, float*, int64_t, int32_t> activationGradient_;
  ColumnSums biasGradient_;
};

}  // namespace

std::unique_ptr<Kernel> makeDense(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<DenseKernel>(desc, device);
}

std::string refuseDense(const OpDesc& desc, const Device& device) { return refusePrecision(desc.attrs, device, false); }

// In half precision the weights are copied for the products, their rows padded.
std::unique_ptr<ParameterLayout> makeDenseLayout(const GroupDesc& group, const DeviceRef& device) {
  const Precision precision = precisionOf(group.attrs);
  if (!isHalf(precision) || group.params.empty() || group.params[0].shape.size() != 2) {
    return std::make_unique<PlacedLayout>(alignedPlaces(group));
  }
  const std::string why = refusePrecision(group.attrs, *device, false);
  if (!why.empty()) fail(code::kUnsupported, "group '", group.name, "': ", why);
  const std::vector<int64_t>& shape = group.params[0].shape;
  return std::make_unique<HalfLayout>(alignedPlaces(group), device, precision,
                                      Edge{shape[0], shape[1], alignHalf(shape[1])});
}

}  // namespace cugru::cuda
