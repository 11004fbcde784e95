// The recurrent stack through cuDNN. In float32 the parameters' slice is cuDNN's weight space, so nothing is packed or copied for a
// step. In half precision cuDNN sees 16-bit copies: of the weights, made once per update, and of x, y, states and their gradients.
//
// Lengths come in two ways. Where the last valid states can be read from y, cuDNN runs all steps and kernels of ours cut off the
// rest: the host need not know the lengths, and the step can be recorded. Elsewhere cuDNN is told the lengths, which it takes from
// the host, so that the stream is waited for.
#include <vector>

#include "core/error.h"
#include "cuda/half.h"
#include "cuda/launch.h"
#include "cuda/registry.h"
#include "cuda/rnn_choice.h"

namespace cugru::cuda {

namespace {

constexpr size_t kNeedsDeviceLengths = 8901;  // cuDNN before it reads the lengths from the device as well

enum class Lengths : uint8_t { none, cutOff, own };

Lengths lengthsOf(const RnnDesc& desc) {
  if (!desc.hasLengths) return Lengths::none;
  // A relu may grow without bound behind a row's end, and infinity times a gradient of zero is no number.
  const bool readable = desc.directions == 1 && (desc.layers == 1 || !(desc.wantsState || desc.givesStateGradient)) &&
                        !desc.wantsCell && !desc.givesCellGradient && desc.cell != Cell::rnnRelu;
  return readable ? Lengths::cutOff : Lengths::own;
}

// Places in saved (until the way back; without one, in the workspace) and in the workspace.
struct RnnPlaces {
  size_t reserve = 0, x = 0, y = 0, hx = 0, cx = 0;  // saved
  size_t work = 0, hy = 0, cy = 0, dy = 0, dx = 0, dhy = 0, dcy = 0, dhx = 0, dcx = 0, dweights = 0;
};

class RnnKernel final : public Kernel {
 public:
  RnnKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(rnnDesc(desc)),
        device_(device),
        lengths_(lengthsOf(desc_)),
        form_{desc_, precisionOf(desc.attrs)},
        half_(isHalf(form_.precision)),
        algorithms_(choose(desc.planOnly)),
        passes_(device, form_, desc_.steps, desc_.batch, desc_.training, algorithms_),
        hostLengths_(lengths_ == Lengths::own ? static_cast<size_t>(desc_.batch) : 0) {
    if (half_) edges_ = HalfEdges(device, form_.precision);
    if (lengths_ != Lengths::none) {
      endRows_ = {*device, "rnn.cu", "rnn_end_rows"};
      endRowsBackward_ = {*device, "rnn.cu", "rnn_end_rows_backward"};
      zeroTail_ = {*device, "rnn.cu", "rnn_zero_tail"};
    }
    planMemory();
  }

  KernelSizes sizes() const override { return sizes_; }
  std::string variant() const override {
    return text("cuda cudnn ", cellKind(desc_.cell).name, " ", wordsFor(algorithms_), half_ ? " " : "",
                half_ ? wordFor(form_.precision) : "", lengths_ == Lengths::own ? ", lengths from the host" : "");
  }

  std::string recordRefusal() const override {
    return lengths_ == Lengths::own ? "cuDNN takes the lengths of each batch from the host" : "";
  }

  void forward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    if (lengths_ == Lengths::own) readLengths(args, s);
    if (half_) narrowInputs(args, s);
    if (ownInput()) endInput(args, s);
    RnnForward m = memory(args);
    const bool cuts = lengths_ == Lengths::cutOff;
    if (desc_.wantsState && !cuts) m.hy = half_ ? workspaceAt(args, at_.hy) : args.outputs[1];
    if (desc_.wantsCell) m.cy = half_ ? workspaceAt(args, at_.cy) : args.outputs[2];
    passes_.forward(m, s);
    auto* out = static_cast<float*>(desc_.wantsSequence ? args.outputs[0] : nullptr);
    auto* last = static_cast<float*>(desc_.wantsState ? args.outputs[1] : nullptr);
    if (cuts) {
      endRows_(s, flatGrid(sequence().elements()), kFlatBlock, m.y, out, last, lengths(args), desc_.steps, desc_.batch,
               desc_.hiddenSize, kernelTypeOf(form_.precision));
    } else if (half_) {
      if (out != nullptr) edges_.widen(sequence(), m.y, out, s);
      if (last != nullptr) edges_.widen(states(), m.hy, last, s);
    }
    if (half_ && desc_.wantsCell) edges_.widen(states(), m.cy, static_cast<float*>(args.outputs[2]), s);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    const auto* dhy = static_cast<const float*>(desc_.givesStateGradient ? args.outputGradients[1] : nullptr);
    const auto* dcy = static_cast<const float*>(desc_.givesCellGradient ? args.outputGradients[2] : nullptr);
    const auto* given = static_cast<const float*>(desc_.givesSequenceGradient ? args.outputGradients[0] : nullptr);
    auto* dhx = static_cast<float*>(desc_.wantsStateGradient ? args.inputGradients[1] : nullptr);
    auto* dcx = static_cast<float*>(desc_.wantsCellGradient ? args.inputGradients[3] : nullptr);
    auto* dx = static_cast<float*>(desc_.wantsInputGradient ? args.inputGradients[0] : nullptr);
    if (given == nullptr && dhy == nullptr && dcy == nullptr) return zeroGradients(dx, dhx, dcx, s);
    RnnBackward g;
    g.dy = sequenceGradient(args, given, dhy, s);
    g.dx = dx != nullptr && !half_ ? dx : workspaceAt(args, at_.dx);
    g.dhy = stateGradient(args, lengths_ == Lengths::cutOff ? nullptr : dhy, at_.dhy, s);
    g.dcy = stateGradient(args, dcy, at_.dcy, s);
    g.dhx = dhx != nullptr && half_ ? workspaceAt(args, at_.dhx) : dhx;
    g.dcx = dcx != nullptr && half_ ? workspaceAt(args, at_.dcx) : dcx;
    if (args.paramGradients != nullptr) g.dweights = half_ ? workspaceAt(args, at_.dweights) : args.paramGradients;
    if (half_ && g.dweights != nullptr) s.zero(g.dweights, passes_.weightBytes());
    passes_.backward(memory(args), g, s);
    if (half_) {
      if (dx != nullptr) edges_.widenGradient(input(), g.dx, dx, false, s);
      if (dhx != nullptr) edges_.widenGradient(states(), g.dhx, dhx, false, s);
      if (dcx != nullptr) edges_.widenGradient(states(), g.dcx, dcx, false, s);
      if (g.dweights != nullptr) edges_.widenGradient(weights(), g.dweights, args.paramGradients, true, s);
    }
    if (dx != nullptr && lengths_ == Lengths::own) {
      zeroTail_(s, flatGrid(input().rows * input().columns), kFlatBlock, dx, lengths(args), desc_.steps, desc_.batch,
                desc_.inputSize, 0);
    }
  }

 private:
  // The others take no lengths.
  RnnAlgorithms choose(bool planOnly) const {
    if (lengths_ == Lengths::own) return {};
    return chooseRnn(device_, {form_, desc_.steps, desc_.batch, desc_.training}, !planOnly);
  }

  Edge input() const { return {desc_.steps * desc_.batch, desc_.inputSize, form_.width()}; }
  Edge sequence() const { return flatEdge(desc_.steps * desc_.batch * desc_.directions * desc_.hiddenSize); }
  Edge states() const { return flatEdge(desc_.layers * desc_.directions * desc_.batch * desc_.hiddenSize); }
  Edge weights() const { return flatEdge(static_cast<int64_t>(passes_.weightBytes() / bytesOf(form_.precision))); }
  size_t bytes(const Edge& edge) const { return static_cast<size_t>(edge.elements()) * bytesOf(form_.precision); }

  // cuDNN wants y, dy and dx even where nobody else does.
  void planMemory() {
    size_t& kept = desc_.training ? sizes_.saved : sizes_.workspace;
    at_.work = take(sizes_.workspace, passes_.workBytes());
    if (desc_.training) at_.reserve = take(sizes_.saved, passes_.reserveBytes());
    if (ownSequence()) at_.y = take(kept, bytes(sequence()));
    if (half_ || ownInput()) at_.x = take(kept, bytes(input()));
    if (half_) planHalf(kept);
    if (!desc_.training) return;
    if (half_ || lengths_ == Lengths::cutOff || !desc_.givesSequenceGradient) {
      at_.dy = take(sizes_.workspace, bytes(sequence()));
    }
    if (half_ || !desc_.wantsInputGradient) at_.dx = take(sizes_.workspace, bytes(input()));
  }

  void planHalf(size_t& kept) {
    if (desc_.hasInitialState) at_.hx = take(kept, bytes(states()));
    if (desc_.hasInitialCell) at_.cx = take(kept, bytes(states()));
    if (desc_.wantsState) at_.hy = take(sizes_.workspace, bytes(states()));
    if (desc_.wantsCell) at_.cy = take(sizes_.workspace, bytes(states()));
    if (!desc_.training) return;
    if (desc_.givesStateGradient) at_.dhy = take(sizes_.workspace, bytes(states()));
    if (desc_.givesCellGradient) at_.dcy = take(sizes_.workspace, bytes(states()));
    if (desc_.wantsStateGradient) at_.dhx = take(sizes_.workspace, bytes(states()));
    if (desc_.wantsCellGradient) at_.dcx = take(sizes_.workspace, bytes(states()));
    at_.dweights = take(sizes_.workspace, passes_.weightBytes());
  }

  static void* workspaceAt(const KernelArgs& args, size_t at) { return static_cast<char*>(args.workspace) + at; }
  void* keptAt(const KernelArgs& args, size_t at) const {
    return static_cast<char*>(desc_.training ? args.saved : args.workspace) + at;
  }

  // Whether cuDNN gets an x of which we have cut off the end, since it runs all steps: a gradient of zero times what may lie there, a
  // NaN for one, need not be zero.
  bool ownInput() const { return desc_.training && lengths_ == Lengths::cutOff; }
  void endInput(const KernelArgs& args, CudaStream& stream) const {
    void* own = keptAt(args, at_.x);
    if (half_) {
      zeroTail_(stream, flatGrid(input().elements()), kFlatBlock, own, lengths(args), desc_.steps, desc_.batch,
                form_.width(), kernelTypeOf(form_.precision));
    } else {
      endRows_(stream, flatGrid(input().elements()), kFlatBlock, args.inputs[0], static_cast<float*>(own), nullptr,
               lengths(args), desc_.steps, desc_.batch, desc_.inputSize, 0);
    }
  }

  // Whether cuDNN's y is not the caller's. On the way back it must be what cuDNN wrote, so it must not be the one with its end cut off.
  bool ownSequence() const { return half_ || !desc_.wantsSequence || lengths_ == Lengths::cutOff; }

  // What both ways see, as cuDNN has it.
  RnnForward memory(const KernelArgs& args) const {
    RnnForward m;
    m.x = half_ || ownInput() ? keptAt(args, at_.x) : args.inputs[0];
    if (desc_.hasInitialState) m.hx = half_ ? keptAt(args, at_.hx) : args.inputs[1];
    if (desc_.hasInitialCell) m.cx = half_ ? keptAt(args, at_.cx) : args.inputs[3];
    m.weights = half_ ? args.prepared : args.params;
    m.y = ownSequence() ? keptAt(args, at_.y) : args.outputs[0];
    m.work = workspaceAt(args, at_.work);
    m.reserve = keptAt(args, at_.reserve);
    m.lengths = deviceLengths(args);
    return m;
  }

  void narrowInputs(const KernelArgs& args, CudaStream& stream) const {
    edges_.narrow(input(), static_cast<const float*>(args.inputs[0]), keptAt(args, at_.x), stream);
    if (desc_.hasInitialState) {
      edges_.narrow(states(), static_cast<const float*>(args.inputs[1]), keptAt(args, at_.hx), stream);
    }
    if (desc_.hasInitialCell) {
      edges_.narrow(states(), static_cast<const float*>(args.inputs[3]), keptAt(args, at_.cx), stream);
    }
  }

  static const int32_t* lengths(const KernelArgs& args) { return static_cast<const int32_t*>(args.inputs[2]); }

  const int32_t* deviceLengths(const KernelArgs& args) const {
    if (device_->cudnnVersion() >= kNeedsDeviceLengths) return nullptr;
    if (lengths_ == Lengths::own) return lengths(args);
    fail(code::kUnsupported, "cuDNN 8.9.0 is not supported; use 8.9.1 or newer");
  }

  void readLengths(const KernelArgs& args, CudaStream& stream) {
    stream.download(hostLengths_.data(), args.inputs[2], hostLengths_.size() * sizeof(int32_t));
    passes_.setLengths(hostLengths_);
  }

  const void* sequenceGradient(const KernelArgs& args, const float* given, const float* dhy, CudaStream& stream) const {
    void* own = workspaceAt(args, at_.dy);
    if (lengths_ == Lengths::cutOff) {
      endRowsBackward_(stream, flatGrid(sequence().elements()), kFlatBlock, given, dhy, own, lengths(args),
                       edges_.scale(), desc_.steps, desc_.batch, desc_.hiddenSize, kernelTypeOf(form_.precision));
      return own;
    }
    if (given != nullptr && !half_) return given;
    if (given != nullptr) {
      edges_.narrowGradient(sequence(), given, own, stream);
      return own;
    }
    // Given by the graph, but not in this call: there is no memory of our own then, and y's gradient is never missing there.
    if (desc_.givesSequenceGradient && !half_) {
      fail(code::kInternal, "an RNN was promised the gradient of its sequence");
    }
    stream.zero(own, bytes(sequence()));
    return own;
  }

  const void* stateGradient(const KernelArgs& args, const float* given, size_t at, CudaStream& stream) const {
    if (given == nullptr || !half_) return given;
    edges_.narrowGradient(states(), given, workspaceAt(args, at), stream);
    return workspaceAt(args, at);
  }

  void zeroGradients(float* dx, float* dhx, float* dcx, CudaStream& stream) const {
    if (dx != nullptr) stream.zero(dx, static_cast<size_t>(input().rows * input().columns) * sizeof(float));
    for (float* one : {dhx, dcx}) {
      if (one != nullptr) stream.zero(one, static_cast<size_t>(states().elements()) * sizeof(float));
    }
  }

  RnnDesc desc_;
  DeviceRef device_;
  Lengths lengths_;
  RnnForm form_;
  bool half_;
  RnnAlgorithms algorithms_;
  RnnPasses passes_;
  HalfEdges edges_;
  std::vector<int32_t> hostLengths_;
  KernelSizes sizes_;
  RnnPlaces at_;
  Function<const void*, float*, float*, const int32_t*, int64_t, int64_t, int64_t, int32_t> endRows_;
  Function<const float*, const float*, void*, const int32_t*, const LossScaleState*, int64_t, int64_t, int64_t, int32_t>
      endRowsBackward_;
  Function<void*, const int32_t*, int64_t, int64_t, int64_t, int32_t> zeroTail_;
};

}  // namespace

std::unique_ptr<Kernel> makeRnn(const OpDesc& desc, const DeviceRef& device) {
  if (!hasCudnnCell(rnnDesc(desc))) return makeCells(desc, device);
  return std::make_unique<RnnKernel>(desc, device);
}

std::string refuseRnn(const OpDesc& desc, const Device& device) {
  const RnnDesc rnn = rnnDesc(desc);
  if (hasCudnnCell(rnn)) return refusePrecision(desc.attrs, device, true);
  return refuseHalf(desc.attrs, text("the cell ", cellKind(rnn.cell).name));
}

}  // namespace cugru::cuda
