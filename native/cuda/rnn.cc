// The recurrent stack through cuDNN. The parameters' slice is cuDNN's weight space, so nothing is packed or copied for a step.
//
// Lengths come in two ways. Where the last valid states can be read from y, cuDNN runs all steps and kernels of ours cut off the
// rest: the host need not know the lengths, and the step can be recorded. Elsewhere cuDNN is told the lengths, which it takes from
// the host, so that the stream is waited for.
#include <vector>

#include "core/error.h"
#include "cuda/launch.h"
#include "cuda/registry.h"
#include "cuda/rnn_plan.h"

namespace cugru::cuda {

namespace {

constexpr size_t kAlign = 256;
constexpr size_t kNeedsDeviceLengths = 8901;  // cuDNN before it reads the lengths from the device as well

size_t take(size_t& total, size_t bytes) {
  const size_t at = total;
  total += (bytes + kAlign - 1) / kAlign * kAlign;
  return at;
}

enum class Lengths : uint8_t { none, cutOff, own };

Lengths lengthsOf(const RnnDesc& desc) {
  if (!desc.hasLengths) return Lengths::none;
  // A relu may grow without bound behind a row's end, and infinity times a gradient of zero is no number.
  const bool readable = desc.directions == 1 && (desc.layers == 1 || !(desc.wantsState || desc.givesStateGradient)) &&
                        !desc.wantsCell && !desc.givesCellGradient && desc.cell != Cell::rnnRelu;
  return readable ? Lengths::cutOff : Lengths::own;
}

class RnnKernel final : public Kernel {
 public:
  RnnKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(rnnDesc(desc)),
        device_(device),
        lengths_(lengthsOf(desc_)),
        plan_(device, desc_, precisionOf(desc.attrs)),
        xData_(device, desc_.steps, desc_.batch, desc_.inputSize),
        yData_(device, desc_.steps, desc_.batch, desc_.directions * desc_.hiddenSize),
        states_(device),
        hostLengths_(lengths_ == Lengths::own ? static_cast<size_t>(desc_.batch) : 0) {
    states_.set(desc_.layers * desc_.directions, desc_.batch, desc_.hiddenSize);
    if (lengths_ != Lengths::none) {
      endRows_ = {*device, "rnn.cu", "rnn_end_rows"};
      endRowsBackward_ = {*device, "rnn.cu", "rnn_end_rows_backward"};
      zeroTail_ = {*device, "rnn.cu", "rnn_zero_tail"};
    }
    planMemory();
  }

  KernelSizes sizes() const override { return sizes_; }
  std::string variant() const override {
    return text("cuda cudnn ", cellKind(desc_.cell).name, " standard",
                lengths_ == Lengths::own ? ", lengths from the host" : "");
  }

  std::string recordRefusal() const override {
    return lengths_ == Lengths::own ? "cuDNN takes the lengths of each batch from the host" : "";
  }

  void forward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    if (lengths_ == Lengths::own) readLengths(args, s);
    const bool cuts = lengths_ == Lengths::cutOff;
    const void* x = input(args);
    if (x != args.inputs[0]) {
      endRows_(s, flatGrid(inputElements()), kFlatBlock, static_cast<const float*>(args.inputs[0]),
               static_cast<float*>(const_cast<void*>(x)), nullptr, lengths(args), desc_.steps, desc_.batch,
               desc_.inputSize);
    }
    void* y = sequence(args);
    void* hy = desc_.wantsState && !cuts ? args.outputs[1] : nullptr;
    void* cy = desc_.wantsCell ? args.outputs[2] : nullptr;
    const cudnnForwardMode_t mode = desc_.training ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE;
    device_->check(device_->cudnn().cudnnRNNForward(
                       device_->cudnnHandle(s.handle()), plan_.descriptor(), mode, deviceLengths(args),
                       xData_.descriptor(), x, yData_.descriptor(), y, states_.descriptor(), firstState(args), hy,
                       states_.descriptor(), firstCell(args), cy, plan_.weightBytes(), args.params, workBytes_,
                       args.workspace, reserveBytes_, desc_.training ? args.saved : nullptr),
                   "run an RNN");
    if (!cuts) return;
    auto* last = static_cast<float*>(desc_.wantsState ? args.outputs[1] : nullptr);
    auto* out = static_cast<float*>(desc_.wantsSequence ? args.outputs[0] : nullptr);
    endRows_(s, flatGrid(sequenceElements()), kFlatBlock, static_cast<const float*>(y), out, last, lengths(args),
             desc_.steps, desc_.batch, desc_.hiddenSize);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    const void* dhy = desc_.givesStateGradient ? args.outputGradients[1] : nullptr;
    const void* dcy = desc_.givesCellGradient ? args.outputGradients[2] : nullptr;
    const void* given = desc_.givesSequenceGradient ? args.outputGradients[0] : nullptr;
    void* dhx = desc_.wantsStateGradient ? args.inputGradients[1] : nullptr;
    void* dcx = desc_.wantsCellGradient ? args.inputGradients[3] : nullptr;
    void* wanted = desc_.wantsInputGradient ? args.inputGradients[0] : nullptr;
    if (given == nullptr && dhy == nullptr && dcy == nullptr) return zeroGradients(wanted, dhx, dcx, s);
    const void* dy = sequenceGradient(args, given, dhy, s);
    void* dx = wanted != nullptr ? wanted : workspaceAt(args, dxAt_);
    const cudnnHandle_t handle = device_->cudnnHandle(s.handle());
    const CudnnApi& api = device_->cudnn();
    device_->check(api.cudnnRNNBackwardData_v8(handle, plan_.descriptor(), deviceLengths(args), yData_.descriptor(),
                                               sequence(args), dy, xData_.descriptor(), dx, states_.descriptor(),
                                               firstState(args), lengths_ == Lengths::cutOff ? nullptr : dhy, dhx,
                                               states_.descriptor(), firstCell(args), dcy, dcx, plan_.weightBytes(),
                                               args.params, workBytes_, args.workspace, reserveBytes_, args.saved),
                   "run an RNN back");
    if (wanted != nullptr && lengths_ == Lengths::own) {
      zeroTail_(s, flatGrid(inputElements()), kFlatBlock, static_cast<float*>(wanted), lengths(args), desc_.steps,
                desc_.batch, desc_.inputSize);
    }
    if (args.paramGradients == nullptr) return;
    device_->check(api.cudnnRNNBackwardWeights_v8(
                       handle, plan_.descriptor(), CUDNN_WGRAD_MODE_ADD, deviceLengths(args), xData_.descriptor(),
                       input(args), states_.descriptor(), firstState(args), yData_.descriptor(), sequence(args),
                       plan_.weightBytes(), args.paramGradients, workBytes_, args.workspace, reserveBytes_, args.saved),
                   "make an RNN's weight gradients");
  }

 private:
  int64_t inputElements() const { return desc_.steps * desc_.batch * desc_.inputSize; }
  int64_t sequenceElements() const { return desc_.steps * desc_.batch * desc_.directions * desc_.hiddenSize; }
  size_t stateBytes() const {
    return static_cast<size_t>(desc_.layers * desc_.directions * desc_.batch * desc_.hiddenSize) * sizeof(float);
  }

  // cuDNN's own parts come first in workspace and saved. It wants y, dy and dx even where nobody else does.
  void planMemory() {
    const cudnnForwardMode_t mode = desc_.training ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE;
    device_->check(device_->cudnn().cudnnGetRNNTempSpaceSizes(device_->cudnnHandle(), plan_.descriptor(), mode,
                                                              xData_.descriptor(), &workBytes_, &reserveBytes_),
                   "size an RNN's memory");
    if (!desc_.training) reserveBytes_ = 0;
    const size_t sequenceBytes = static_cast<size_t>(sequenceElements()) * sizeof(float);
    take(sizes_.workspace, workBytes_);
    take(sizes_.saved, reserveBytes_);
    if (ownSequence()) sequenceAt_ = take(desc_.training ? sizes_.saved : sizes_.workspace, sequenceBytes);
    if (!desc_.training) return;
    if (ownInput()) inputAt_ = take(sizes_.saved, static_cast<size_t>(inputElements()) * sizeof(float));
    if (lengths_ == Lengths::cutOff || !desc_.givesSequenceGradient) dyAt_ = take(sizes_.workspace, sequenceBytes);
    if (!desc_.wantsInputGradient) {
      dxAt_ = take(sizes_.workspace, static_cast<size_t>(inputElements()) * sizeof(float));
    }
  }

  static void* workspaceAt(const KernelArgs& args, size_t at) { return static_cast<char*>(args.workspace) + at; }

  // Whether cuDNN gets an x of which we have cut off the end, since it runs all steps: a gradient of zero times what may lie there, a
  // NaN for one, need not be zero.
  bool ownInput() const { return desc_.training && lengths_ == Lengths::cutOff; }
  const void* input(const KernelArgs& args) const {
    return ownInput() ? static_cast<char*>(args.saved) + inputAt_ : args.inputs[0];
  }

  // Whether cuDNN's y is not the caller's. On the way back it must be what cuDNN wrote, so it must not be the one with its end cut off.
  bool ownSequence() const { return !desc_.wantsSequence || lengths_ == Lengths::cutOff; }

  // Where cuDNN's y lies.
  void* sequence(const KernelArgs& args) const {
    if (!ownSequence()) return args.outputs[0];
    return static_cast<char*>(desc_.training ? args.saved : args.workspace) + sequenceAt_;
  }
  const void* firstState(const KernelArgs& args) const { return desc_.hasInitialState ? args.inputs[1] : nullptr; }
  const void* firstCell(const KernelArgs& args) const { return desc_.hasInitialCell ? args.inputs[3] : nullptr; }
  static const int32_t* lengths(const KernelArgs& args) { return static_cast<const int32_t*>(args.inputs[2]); }

  const int32_t* deviceLengths(const KernelArgs& args) const {
    if (device_->cudnnVersion() >= kNeedsDeviceLengths) return nullptr;
    if (lengths_ == Lengths::own) return lengths(args);
    fail(code::kUnsupported, "cuDNN 8.9.0 is not supported; use 8.9.1 or newer");
  }

  void readLengths(const KernelArgs& args, CudaStream& stream) {
    stream.download(hostLengths_.data(), args.inputs[2], hostLengths_.size() * sizeof(int32_t));
    xData_.setLengths(hostLengths_);
    yData_.setLengths(hostLengths_);
    size_t work = 0, reserve = 0;
    const cudnnForwardMode_t mode = desc_.training ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE;
    device_->check(device_->cudnn().cudnnGetRNNTempSpaceSizes(device_->cudnnHandle(), plan_.descriptor(), mode,
                                                              xData_.descriptor(), &work, &reserve),
                   "size an RNN's memory");
    if (work > workBytes_ || (desc_.training && reserve > reserveBytes_)) {
      fail(code::kInternal, "cuDNN wants more memory for these lengths (", work, " + ", reserve,
           ") than for full ones (", workBytes_, " + ", reserveBytes_, ")");
    }
  }

  const void* sequenceGradient(const KernelArgs& args, const void* given, const void* dhy, CudaStream& stream) const {
    auto* own = static_cast<float*>(workspaceAt(args, dyAt_));
    if (lengths_ == Lengths::cutOff) {
      endRowsBackward_(stream, flatGrid(sequenceElements()), kFlatBlock, static_cast<const float*>(given),
                       static_cast<const float*>(dhy), own, lengths(args), desc_.steps, desc_.batch, desc_.hiddenSize);
      return own;
    }
    if (given != nullptr) return given;
    // Given by the graph, but not in this call: there is no memory of our own then, and y's gradient is never missing there.
    if (desc_.givesSequenceGradient) fail(code::kInternal, "an RNN was promised the gradient of its sequence");
    stream.zero(own, static_cast<size_t>(sequenceElements()) * sizeof(float));
    return own;
  }

  void zeroGradients(void* dx, void* dhx, void* dcx, CudaStream& stream) const {
    if (dx != nullptr) stream.zero(dx, static_cast<size_t>(inputElements()) * sizeof(float));
    for (void* states : {dhx, dcx}) {
      if (states != nullptr) stream.zero(states, stateBytes());
    }
  }

  RnnDesc desc_;
  DeviceRef device_;
  Lengths lengths_;
  RnnPlan plan_;
  RnnData xData_, yData_;
  TensorDescriptor states_;
  std::vector<int32_t> hostLengths_;
  KernelSizes sizes_;
  size_t workBytes_ = 0, reserveBytes_ = 0;
  size_t inputAt_ = 0, sequenceAt_ = 0, dyAt_ = 0, dxAt_ = 0;
  Function<const float*, float*, float*, const int32_t*, int64_t, int64_t, int64_t> endRows_;
  Function<const float*, const float*, float*, const int32_t*, int64_t, int64_t, int64_t> endRowsBackward_;
  Function<float*, const int32_t*, int64_t, int64_t, int64_t> zeroTail_;
};

}  // namespace

std::unique_ptr<Kernel> makeRnn(const OpDesc& desc, const DeviceRef& device) {
  if (!hasCudnnCell(rnnDesc(desc))) return makeCells(desc, device);
  return std::make_unique<RnnKernel>(desc, device);
}

std::string refuseRnn(const OpDesc& desc) { return refusePrecision(desc.attrs); }

}  // namespace cugru::cuda
