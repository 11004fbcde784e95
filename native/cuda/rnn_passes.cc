#include "cuda/rnn_passes.h"

#include <algorithm>

#include "core/error.h"

namespace cugru::cuda {

RnnPasses::RnnPasses(const std::shared_ptr<Device>& device, const RnnForm& form, int64_t steps, int64_t batch,
                     bool training, RnnAlgorithms algorithms)
    : device_(device),
      training_(training),
      forward_(device, form, algorithms.forward),
      other_(!training || algorithms.backward == algorithms.forward
                 ? nullptr
                 : std::make_unique<RnnPlan>(device, form, algorithms.backward)),
      backward_(other_ != nullptr ? *other_ : forward_),
      x_(device, form, steps, batch, form.width()),
      y_(device, form, steps, batch, form.shape.directions * form.shape.hiddenSize),
      states_(device) {
  states_.set(form.precision, form.shape.layers * form.shape.directions, batch, form.shape.hiddenSize);
  forward_.buildFor(batch);
  if (other_ != nullptr) other_->buildFor(batch);
  const Sizes needed = sizes();
  workBytes_ = needed.work;
  reserveBytes_ = needed.reserve;
  if (backward_.weightBytes() != forward_.weightBytes()) {
    fail(code::kUnsupported, "the algorithms of both ways want other weight spaces");
  }
}

// What either way wants at most: one reserve space serves both.
RnnPasses::Sizes RnnPasses::sizes() const {
  Sizes most;
  for (const RnnPlan* plan : {&forward_, static_cast<const RnnPlan*>(other_.get())}) {
    if (plan == nullptr) continue;
    Sizes one;
    const cudnnStatus_t status = device_->cudnn().cudnnGetRNNTempSpaceSizes(
        device_->cudnnHandle(), plan->descriptor(), mode(), x_.descriptor(), &one.work, &one.reserve);
    if (isRefusal(status)) {
      fail(code::kUnsupported, "cuDNN ", device_->libraries().cudnnReport.version,
           " does not run this recurrent layer by its algorithm ", static_cast<int>(plan->algorithm()), ": ",
           device_->describe(status));
    }
    device_->check(status, "size an RNN's memory");
    most.work = std::max(most.work, one.work);
    if (training_) most.reserve = std::max(most.reserve, one.reserve);
  }
  return most;
}

void RnnPasses::setLengths(const std::vector<int32_t>& lengths) {
  x_.setLengths(lengths);
  y_.setLengths(lengths);
  const Sizes needed = sizes();
  if (needed.work > workBytes_ || needed.reserve > reserveBytes_) {
    fail(code::kInternal, "cuDNN wants more memory for these lengths (", needed.work, " + ", needed.reserve,
         ") than for full ones (", workBytes_, " + ", reserveBytes_, ")");
  }
}

void RnnPasses::forward(const RnnForward& m, CudaStream& stream) {
  device_->check(device_->cudnn().cudnnRNNForward(
                     device_->cudnnHandle(stream.handle()), forward_.descriptor(), mode(), m.lengths, x_.descriptor(),
                     m.x, y_.descriptor(), m.y, states_.descriptor(), m.hx, m.hy, states_.descriptor(), m.cx, m.cy,
                     weightBytes(), m.weights, workBytes_, m.work, reserveBytes_, training_ ? m.reserve : nullptr),
                 "run an RNN");
}

void RnnPasses::backward(const RnnForward& m, const RnnBackward& g, CudaStream& stream) {
  const cudnnHandle_t handle = device_->cudnnHandle(stream.handle());
  const CudnnApi& api = device_->cudnn();
  device_->check(api.cudnnRNNBackwardData_v8(handle, backward_.descriptor(), m.lengths, y_.descriptor(), m.y, g.dy,
                                             x_.descriptor(), g.dx, states_.descriptor(), m.hx, g.dhy, g.dhx,
                                             states_.descriptor(), m.cx, g.dcy, g.dcx, weightBytes(), m.weights,
                                             workBytes_, m.work, reserveBytes_, m.reserve),
                 "run an RNN back");
  if (g.dweights == nullptr) return;
  device_->check(
      api.cudnnRNNBackwardWeights_v8(handle, backward_.descriptor(), CUDNN_WGRAD_MODE_ADD, m.lengths, x_.descriptor(),
                                     m.x, states_.descriptor(), m.hx, y_.descriptor(), m.y, weightBytes(), g.dweights,
                                     workBytes_, m.work, reserveBytes_, m.reserve),
      "make an RNN's weight gradients");
}

}  // namespace cugru::cuda
