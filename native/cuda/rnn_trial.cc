#include "cuda/rnn_trial.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "core/error.h"

namespace cugru::cuda {

namespace {

constexpr int64_t kMostPartBlocks = 256, kPartElements = 4096;

// Relative distances that rounding may make. What a wrong kernel gives is as far off as the result is large.
double limitFor(Precision precision) {
  switch (precision) {
    case Precision::fp32: return 1e-3;
    case Precision::bf16: return 5e-2;
    default: return 1e-2;
  }
}

}  // namespace

RnnTrial::Run::Run(const RnnTrial& trial, RnnAlgorithms algorithms)
    : passes(trial.device_, trial.call_.form, trial.call_.steps, trial.call_.batch, trial.call_.training, algorithms),
      work(trial.buffer(passes.workBytes())),
      reserve(trial.buffer(passes.reserveBytes())) {}

size_t RnnTrial::bytes(const RnnPasses& standard, const RnnCall& call) {
  const auto rows = static_cast<size_t>(call.steps * call.batch);
  const auto numbers =
      static_cast<size_t>(4 * call.form.width() + 3 * call.form.shape.directions * call.form.shape.hiddenSize);
  return 2 * (standard.workBytes() + standard.reserveBytes()) + rows * numbers * bytesOf(call.form.precision) +
         4 * standard.weightBytes();
}

RnnTrial::RnnTrial(const std::shared_ptr<Device>& device, const RnnCall& call, CudaStream& stream)
    : device_(device),
      call_(call),
      stream_(stream),
      noise_(*device, "trial.cu", "trial_noise"),
      distance_(*device, "trial.cu", "trial_distance") {
  Run standard(*this, {});
  weightBytes_ = standard.passes.weightBytes();
  parts_ = buffer(2 * kMostPartBlocks * sizeof(double));
  x_ = noise(inputs(), 1, 1.0f);
  dy_ = noise(outputs(), 2, 1.0f);
  weights_ = weights();
  standard_ = results();
  tried_ = results();
  runAll(standard, standard_);
}

RnnTrial::Buffer RnnTrial::noise(int64_t elements, uint64_t seed, float size) const {
  Buffer out = buffer(static_cast<size_t>(elements) * bytesOf(call_.form.precision));
  noise_(stream_, flatGrid(elements), kFlatBlock, out->data(), elements, kernelTypeOf(call_.form.precision), seed,
         size);
  return out;
}

// As large as a layer begins with, so that long sequences do not run away; zero where no parameter is.
RnnTrial::Buffer RnnTrial::weights() const {
  const RnnPlan plan(device_, call_.form, CUDNN_RNN_ALGO_STANDARD);
  const ParamPlaces places = plan.places();
  const float limit = 1 / std::sqrt(static_cast<float>(call_.form.shape.hiddenSize));
  std::mt19937 random(3);
  std::vector<float> canonical(static_cast<size_t>(places.canonical));
  for (float& one : canonical) one = limit * (static_cast<float>(random()) * 0x1p-31f - 1.0f);
  const Edge all = flatEdge(places.physical);
  Buffer out = buffer(weightBytes_);
  const PlacedLayout layout(places);
  if (!isHalf(call_.form.precision)) {
    layout.fromCanonical(canonical.data(), static_cast<float*>(out->data()), stream_);
    return out;
  }
  const Buffer wide = buffer(static_cast<size_t>(all.elements()) * sizeof(float));
  layout.fromCanonical(canonical.data(), static_cast<float*>(wide->data()), stream_);
  HalfEdges(device_, call_.form.precision).narrow(all, static_cast<const float*>(wide->data()), out->data(), stream_);
  stream_.synchronize();
  return out;
}

RnnTrial::Results RnnTrial::results() const {
  const size_t each = bytesOf(call_.form.precision);
  Results made;
  made.y = buffer(static_cast<size_t>(outputs()) * each);
  if (!call_.training) return made;
  made.dx = buffer(static_cast<size_t>(inputs()) * each);
  made.dweights = buffer(weightBytes_);
  return made;
}

RnnForward RnnTrial::forwardOf(const Run& run, const Results& to) const {
  RnnForward m;
  m.x = x_->data();
  m.weights = weights_->data();
  m.y = to.y->data();
  m.work = run.work->data();
  m.reserve = run.reserve->data();
  return m;
}

RnnBackward RnnTrial::backwardOf(const Results& to) const {
  RnnBackward g;
  g.dy = dy_->data();
  g.dx = to.dx->data();
  g.dweights = to.dweights->data();
  return g;
}

void RnnTrial::runAll(Run& run, Results& to) {
  const RnnForward m = forwardOf(run, to);
  run.passes.forward(m, stream_);
  if (call_.training) {
    stream_.zero(to.dweights->data(), weightBytes_);
    run.passes.backward(m, backwardOf(to), stream_);
  }
  stream_.synchronize();
}

double RnnTrial::distance(const DeviceMemory& got, const DeviceMemory& wanted, int64_t elements) {
  auto* parts = static_cast<double*>(parts_->data());
  const auto blocks = static_cast<unsigned>(std::clamp<int64_t>(ceilDiv(elements, kPartElements), 1, kMostPartBlocks));
  distance_(stream_, Extent{blocks}, kFlatBlock, got.data(), wanted.data(), elements,
            kernelTypeOf(call_.form.precision), parts);
  std::vector<double> all(2 * size_t{blocks});
  stream_.download(all.data(), parts, all.size() * sizeof(double));
  double far = 0, size = 0;
  for (unsigned i = 0; i < blocks; ++i) {
    far += all[i];
    size += all[blocks + i];
  }
  const double relative = std::sqrt(far / std::max(size, 1e-30));
  return std::isfinite(relative) ? relative : std::numeric_limits<double>::infinity();
}

std::string RnnTrial::compare(RnnAlgorithms algorithms) {
  Run run(*this, algorithms);
  if (run.passes.weightBytes() != weightBytes_) return "it places weights elsewhere";
  runAll(run, tried_);
  const auto weightCount = static_cast<int64_t>(weightBytes_ / bytesOf(call_.form.precision));
  struct One {
    const char* name;
    const Buffer &got, &wanted;
    int64_t elements;
  };
  const One all[] = {{"y", tried_.y, standard_.y, outputs()},
                     {"dx", tried_.dx, standard_.dx, inputs()},
                     {"the weights' gradient", tried_.dweights, standard_.dweights, weightCount}};
  for (const One& one : all) {
    if (one.got == nullptr) continue;
    const double off = distance(*one.got, *one.wanted, one.elements);
    if (!(off <= limitFor(call_.form.precision))) {
      return text(one.name, " is off by ", off, " of its size at ", call_.steps, " steps");
    }
  }
  return "";
}

// The way back may run over one forward pass more than once only by itself, so both ways are timed together, and forward alone.
RnnTimes RnnTrial::time(RnnAlgorithms algorithms) {
  Run run(*this, algorithms);
  const RnnForward m = forwardOf(run, tried_);
  const Taken forward = timeOf(stream_, [&] { run.passes.forward(m, stream_); });
  if (!call_.training) return {forward.milliseconds, 0, forward.recorded};
  const RnnBackward g = backwardOf(tried_);
  const Taken both = timeOf(stream_, [&] {
    run.passes.forward(m, stream_);
    run.passes.backward(m, g, stream_);
  });
  return {forward.milliseconds, std::max(0.0, both.milliseconds - forward.milliseconds),
          forward.recorded && both.recorded};
}

}  // namespace cugru::cuda
