// Convolution of images through cuDNN, channels last. Bias and activation are kernels of our own. cuDNN's padding is the same on both
// sides: an image whose margins differ gets them in the workspace.
#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/ops/vision.h"
#include "cuda/column_sums.h"
#include "cuda/convolution.h"
#include "cuda/launch.h"
#include "cuda/layouts.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

// As in kernels/pooling.cu.
struct Margin {
  int64_t images, height, width, channels, top, left, outHeight, outWidth;
};

bool needsMargin(const Window2d& w) { return w.padTop != w.padBottom || w.padLeft != w.padRight; }

ConvolutionShape shapeOf(const Conv2dDesc& conv, Precision precision) {
  const Window2d& w = conv.window;
  ConvolutionShape shape;
  shape.images = conv.images;
  shape.height = w.inHeight;
  shape.width = w.inWidth;
  shape.channels = conv.channels;
  shape.filters = conv.filters;
  shape.kernelHeight = w.height;
  shape.kernelWidth = w.width;
  shape.outHeight = w.outHeight;
  shape.outWidth = w.outWidth;
  shape.padY = w.padTop;
  shape.padX = w.padLeft;
  shape.strideY = w.strideY;
  shape.strideX = w.strideX;
  shape.dilationY = w.dilationY;
  shape.dilationX = w.dilationX;
  shape.precision = precision;
  if (needsMargin(w)) {
    shape.height += w.padTop + w.padBottom;
    shape.width += w.padLeft + w.padRight;
    shape.padY = shape.padX = 0;
  }
  return shape;
}

// The group's slice: weights as [filter][row][column][channel], which is cuDNN's order for channels last, then the bias.
class ConvLayout final : public ParameterLayout {
 public:
  explicit ConvLayout(const GroupDesc& group)
      : filters_(group.params[0].shape[0]),
        channels_(group.params[0].shape[1]),
        taps_(group.params[0].shape[2] * group.params[0].shape[3]),
        biases_(group.params.size() > 1 ? group.params[1].elements() : 0),
        biasAt_(alignFloats(weights())) {}

  int64_t elements() const override { return biases_ > 0 ? biasAt_ + biases_ : weights(); }
  std::vector<ParamPlace> places() const override {
    fail(code::kUnsupported, "the weights of a conv2d have no penalty and no bound");
  }
  size_t preparedBytes() const override { return 0; }
  void prepare(const float*, void*, Stream&) const override {}

  void fromCanonical(const float* canonical, float* params, Stream& stream) const override {
    std::vector<float> physical(static_cast<size_t>(elements()), 0.0f);
    eachWeight([&](size_t outside, size_t inside) { physical[inside] = canonical[outside]; });
    if (biases_ > 0) std::copy_n(canonical + weights(), biases_, physical.data() + biasAt_);
    cuda(stream).upload(params, physical.data(), physical.size() * sizeof(float));
  }
  void toCanonical(const float* params, float* canonical, Stream& stream) const override {
    std::vector<float> physical(static_cast<size_t>(elements()));
    cuda(stream).download(physical.data(), params, physical.size() * sizeof(float));
    eachWeight([&](size_t outside, size_t inside) { canonical[outside] = physical[inside]; });
    if (biases_ > 0) std::copy_n(physical.data() + biasAt_, biases_, canonical + weights());
  }

 private:
  int64_t weights() const { return filters_ * channels_ * taps_; }

  template <typename Body>
  void eachWeight(const Body& body) const {
    size_t outside = 0;
    for (int64_t f = 0; f < filters_; ++f) {
      for (int64_t c = 0; c < channels_; ++c) {
        for (int64_t tap = 0; tap < taps_; ++tap, ++outside) {
          body(outside, static_cast<size_t>((f * taps_ + tap) * channels_ + c));
        }
      }
    }
  }

  int64_t filters_, channels_, taps_, biases_, biasAt_;
};

class ConvKernel final : public Kernel {
 public:
  ConvKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(conv2dDesc(desc)),
        training_(desc.training),
        biasAt_(alignFloats(desc_.depth() * desc_.filters)),
        shape_(shapeOf(desc_, precisionOf(desc.attrs))),
        forward_(device, shape_, Convolution::Way::forward) {
    const Window2d& w = desc_.window;
    margin_ = {desc_.images, w.inHeight, w.inWidth, desc_.channels, w.padTop, w.padLeft, shape_.height, shape_.width};
    if (needsMargin(w)) {
      addMargin_ = {*device, "pooling.cu", "add_margin"};
      dropMargin_ = {*device, "pooling.cu", "drop_margin"};
    }
    if (desc_.hasBias || desc_.activation != Activation::linear) {
      after_ = {*device, "elementwise.cu", "bias_activation"};
    }
    if (training_) planBackward(desc, device);
    planWorkspace();
  }

  KernelSizes sizes() const override { return {workspace_, 0}; }
  std::string variant() const override { return needsMargin(desc_.window) ? "cuda cudnn + margin" : "cuda cudnn"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    auto* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    CudaStream& s = cuda(stream);
    forward_.run(padded(args, s), args.params, y, at(args, cudnnAt_), s);
    if (!after_.ready()) return;
    after_(s, flatGrid(outElements()), kFlatBlock, y, desc_.hasBias ? args.params + biasAt_ : nullptr,
           desc_.positions(), desc_.filters, static_cast<int32_t>(desc_.activation));
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    CudaStream& s = cuda(stream);
    if (args.outputGradients[0] == nullptr) {
      if (dx != nullptr) s.zero(dx, static_cast<size_t>(desc_.images * desc_.inElements()) * sizeof(float));
      return;
    }
    const float* dy = linearGradient(args, s);
    if (dx != nullptr) inputGradient(args, dy, dx, s);
    if (args.paramGradients == nullptr) return;
    weightGradient_->run(padded(args, s), dy, args.paramGradients, at(args, cudnnAt_), s);
    if (desc_.hasBias) biasSums_.add(dy, at(args, partsAt_), args.paramGradients + biasAt_, nullptr, s);
  }

 private:
  int64_t outElements() const { return desc_.positions() * desc_.filters; }
  float* at(const KernelArgs& args, size_t place) const {
    return reinterpret_cast<float*>(static_cast<char*>(args.workspace) + place);
  }

  void planBackward(const OpDesc& desc, const DeviceRef& device) {
    using Way = Convolution::Way;
    if (desc.inputGradient.empty() || desc.inputGradient[0]) {
      inputGradient_ = std::make_unique<Convolution>(device, shape_, Way::inputGradient);
    }
    weightGradient_ = std::make_unique<Convolution>(device, shape_, Way::weightGradient);
    activationGradient_ = {*device, "elementwise.cu", "activation_gradient"};
    biasSums_ = {*device, desc_.positions(), desc_.filters};
  }

  // The image with its margins, or its gradient; the gradient before the activation; sums of the bias; cuDNN's own.
  void planWorkspace() {
    const auto place = [&](int64_t floats) {
      const size_t begin = workspace_;
      workspace_ += static_cast<size_t>(alignFloats(floats)) * sizeof(float);
      return begin;
    };
    marginAt_ = place(needsMargin(desc_.window) ? shape_.images * shape_.height * shape_.width * shape_.channels : 0);
    if (training_) {
      gradientAt_ = place(desc_.activation == Activation::linear ? 0 : outElements());
      partsAt_ = place(desc_.hasBias ? biasSums_.workspaceFloats() : 0);
    }
    cudnnAt_ = workspace_;
    size_t most = forward_.workspace();
    for (const Convolution* one : {inputGradient_.get(), weightGradient_.get()}) {
      if (one != nullptr) most = std::max(most, one->workspace());
    }
    workspace_ += most;
  }

  const float* padded(const KernelArgs& args, CudaStream& stream) const {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    if (!addMargin_.ready()) return x;
    float* to = at(args, marginAt_);
    const int64_t elements = margin_.images * margin_.outHeight * margin_.outWidth * margin_.channels;
    addMargin_(stream, flatGrid(elements), kFlatBlock, x, to, margin_);
    return to;
  }

  void inputGradient(const KernelArgs& args, const float* dy, float* dx, CudaStream& stream) const {
    float* to = dropMargin_.ready() ? at(args, marginAt_) : dx;
    inputGradient_->run(args.params, dy, to, at(args, cudnnAt_), stream);
    if (!dropMargin_.ready()) return;
    dropMargin_(stream, flatGrid(desc_.images * desc_.inElements()), kFlatBlock, to, dx, margin_);
  }

  // The gradient before the activation.
  const float* linearGradient(const KernelArgs& args, CudaStream& stream) const {
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    if (desc_.activation == Activation::linear) return dy;
    float* to = at(args, gradientAt_);
    activationGradient_(stream, flatGrid(outElements()), kFlatBlock, static_cast<const float*>(args.outputs[0]), dy, to,
                        outElements(), static_cast<int32_t>(desc_.activation));
    return to;
  }

  Conv2dDesc desc_;
  bool training_;
  int64_t biasAt_;  // in the group's slice
  ConvolutionShape shape_;
  Convolution forward_;
  std::unique_ptr<Convolution> inputGradient_, weightGradient_;
  Margin margin_{};
  size_t workspace_ = 0, marginAt_ = 0, gradientAt_ = 0, partsAt_ = 0, cudnnAt_ = 0;
  Function<const float*, float*, Margin> addMargin_, dropMargin_;
  Function<float*, const float*, int64_t, int64_t, int32_t> after_;
  Function<const float*, const float*, float*, int64_t, int32_t> activationGradient_;
  ColumnSums biasSums_;
};

}  // namespace

std::unique_ptr<Kernel> makeConv2d(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<ConvKernel>(desc, device);
}

std::string refuseConv2d(const OpDesc& desc, const Device&) {
  const std::string why = refuseHalf(desc.attrs, "convolution");
  if (!why.empty()) return why;
  return refuseConvolution(shapeOf(conv2dDesc(desc), Precision::fp32));
}

std::unique_ptr<ParameterLayout> makeConv2dLayout(const GroupDesc& group) {
  if (group.params.empty() || group.params[0].shape.size() != 4) {
    fail(code::kGraph, "group '", group.name,
         "' of a convolution must begin with weight (filters, channels, height, width)");
  }
  return std::make_unique<ConvLayout>(group);
}

}  // namespace cugru::cuda
