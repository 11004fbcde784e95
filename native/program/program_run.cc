// Running: everything that comes from outside was checked first (program_check.cc); nothing can fail between two batches.
#include <algorithm>
#include <chrono>

#include "program/edge_layout.h"
#include "program/program.h"

namespace cugru {

namespace {

int64_t batchesOf(int64_t rows, int64_t batch) { return (rows + batch - 1) / batch; }

}  // namespace

void Program::bindSlabs(const RunRequest& request) {
  for (Step& step : steps_) {
    for (size_t slot = 0; slot < step.flow.inputs.size(); ++slot) {
      const int32_t t = step.flow.inputs[slot];
      if (t < 0 || !external_[t]) continue;
      for (const SlabBinding& binding : request.slabs) {
        if (graph_.inputs[binding.index].tensor == t) step.inputs[slot] = binding.slab->data();
      }
      for (const GraphInput& input : graph_.inputs) {
        if (input.tensor == t && input.kind == InputKind::indices) step.inputs[slot] = indices_->data();
      }
    }
  }
}

void Program::uploadIndices(const RunRequest& request, Stream& stream) {
  const size_t bytes = static_cast<size_t>(request.rows) * sizeof(int32_t);
  if (!indices_ || indices_->bytes() < bytes) {
    size_t room = 4096;
    while (room < bytes) room *= 2;
    recorder_.forget();
    indices_ = backend_.allocate(room);
  }
  if (!request.indices.empty()) {
    backend_.upload(indices_->data(), request.indices.data(), bytes, stream);
    return;
  }
  std::vector<int32_t> identity(static_cast<size_t>(request.rows));
  for (size_t i = 0; i < identity.size(); ++i) identity[i] = static_cast<int32_t>(i);
  backend_.upload(indices_->data(), identity.data(), bytes, stream);
}

void Program::uploadValue(int32_t tensor, const char* canonical, int64_t rows, Stream& stream, void* to) {
  const TensorSpec& spec = graph_.tensors[tensor];
  void* host = staging_ ? staging_->data() : to;
  toPhysical(spec, batch_, rows, canonical, host);
  if (spec.dtype == DType::i32 && bounds_[tensor].low > 0) {  // padding rows must be in range as well
    int32_t* values = static_cast<int32_t*>(host);
    for (int64_t i = spec.elements(rows); i < spec.elements(batch_); ++i) values[i] = bounds_[tensor].low;
  }
  if (!staging_) return;
  backend_.upload(to, host, spec.bytes(batch_), stream);
  stream.synchronize();
}

void Program::downloadValue(int32_t tensor, char* canonical, int64_t rows, Stream& stream, const void* from) {
  const TensorSpec& spec = graph_.tensors[tensor];
  if (staging_) {
    backend_.download(staging_->data(), from, spec.bytes(batch_), stream);
    stream.synchronize();
    from = staging_->data();
  }
  toCanonical(spec, batch_, rows, from, canonical);
}

template <typename Work>
void Program::timed(double& seconds, Stream& stream, const Work& work) {
  if (!profiling_) return work();
  const auto begin = std::chrono::steady_clock::now();
  work();
  stream.synchronize();
  seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void Program::forward(bool losses, Stream& stream) {
  for (Step& step : steps_) {
    if (step.flow.schema->isLoss != losses) continue;
    timed(step.forwardSeconds, stream, [&] { step.kernel->forward(step.args, stream); });
  }
}

void Program::backward(Stream& stream) {
  for (size_t i = steps_.size(); i-- > 0;) {
    Step& step = steps_[i];
    if (!step.flow.differentiated) continue;
    timed(step.backwardSeconds, stream, [&] {
      step.kernel->backward(step.args, stream);
      for (const Addition& a : step.additions) backend_.accumulate(a.sum, a.term, a.elements, stream);
    });
  }
}

void Program::bindOnce(const std::vector<SlabBinding>& slabs, Stream& stream) {
  RunRequest request;
  request.rows = 1;
  request.slabs = slabs;
  check(request);
  uploadIndices(request, stream);
  bindSlabs(request);
}

void Program::forwardOnce(const StepControl& control, Stream& stream) {
  controls_->set(control, stream);
  forward(false, stream);
}

StepControl Program::controlOf(const RunRequest& request, int64_t index) const {
  const bool updates = (request.segments & kUpdate) != 0;
  StepControl control;
  control.seed = request.seed;
  control.step = runStep_ + static_cast<uint64_t>(updates ? index : 0);
  control.epoch = request.epoch;
  control.firstRow = index * batch_;
  control.validRows = static_cast<int32_t>(std::min(batch_, request.rows - control.firstRow));
  control.learningRate = request.learningRates.empty() ? 0 : request.learningRates[static_cast<size_t>(index)];
  control.gradientScale = request.gradientScale;
  return control;
}

// Gradients that come from the host between two passes of one step keep it from being one piece of work.
bool Program::records(const RunRequest& request) const {
  const bool backward = (request.segments & kBackward) != 0;
  const bool between = backward && !request.seeds.empty() && (request.segments & (kForward | kLoss)) != 0;
  return backend_.recordsSteps() && eager_.empty() && !request.profile && !between;
}

// All that a recording of this run's steps fixes.
void Program::identify(const RunRequest& request) {
  recordedWith_ = {request.segments, store_->configuration()};
  for (const auto& [index, slab] : request.slabs) {
    recordedWith_.insert(recordedWith_.end(), {static_cast<uint64_t>(index), slab->id()});
  }
  for (const HostBinding& seed : request.seeds) recordedWith_.push_back(~static_cast<uint64_t>(seed.index));
}

void Program::uploadSeeds(const RunRequest& request, int64_t first, int64_t rows, Stream& stream) {
  for (const HostBinding& binding : request.seeds) {
    const int32_t t = flow_.outputTensors[binding.index];
    const char* from = binding.buffer->data() + graph_.tensors[t].bytes(first);
    if (gradient_[t] != nullptr) uploadValue(t, from, rows, stream, gradient_[t]);
  }
}

// The work of one batch. Without seeds in between it only queues, and looks at nothing that differs between the batches of a run.
void Program::queueStep(const RunRequest& request, int64_t first, int64_t rows, Stream& stream) {
  controls_->take(stream);
  if (request.segments & kForward) forward(false, stream);
  if (request.segments & kLoss) forward(true, stream);
  if (request.segments & kZeroGradients) store_->zeroGradients(stream);
  if (request.segments & kBackward) {
    for (size_t o = 0; o < graph_.outputs.size(); ++o) {
      const int32_t t = flow_.outputTensors[o];
      if (t < 0 || !graph_.outputs[o].seeded || gradient_[t] == nullptr) continue;
      const auto isThis = [&](const HostBinding& seed) { return seed.index == static_cast<int32_t>(o); };
      if (std::any_of(request.seeds.begin(), request.seeds.end(), isThis)) continue;
      backend_.zero(gradient_[t], graph_.tensors[t].bytes(batch_), stream);
    }
    if (request.segments & (kForward | kLoss)) uploadSeeds(request, first, rows, stream);
    backward(stream);
  }
  if (request.segments & kUpdate) store_->update(controls_->control(), stream);
}

void Program::runBatch(const RunRequest& request, int64_t index, RunResult& result, Stream& stream) {
  const int64_t first = index * batch_, rows = std::min(batch_, request.rows - first);
  const auto at = [&](const HostBinding& binding, int32_t tensor) {
    return binding.buffer->data() + graph_.tensors[tensor].bytes(first);
  };
  for (const HostBinding& binding : request.inputs) {
    const int32_t t = graph_.inputs[binding.index].tensor;
    if (data_[t] != nullptr) uploadValue(t, at(binding, t), rows, stream, data_[t]);
  }
  if ((request.segments & (kForward | kLoss | kBackward)) == kBackward) uploadSeeds(request, first, rows, stream);
  const auto work = [&] { queueStep(request, first, rows, stream); };
  if (!records(request)) {
    work();
  } else if (recorder_.run(recordedWith_, stream, work, clock_)) {
    ++result.replayed;
  }
  if (request.segments & kUpdate) store_->countUpdate();
  if (request.segments & kForward) forwarded_ = true;
  if (request.segments & kBackward) forwarded_ = false;
  // Outputs and gradients of inputs stay in the arena until the end of a step.
  for (const HostBinding& binding : request.outputs) {
    const int32_t t = flow_.outputTensors[binding.index];
    downloadValue(t, at(binding, t), rows, stream, data_[t]);
  }
  if ((request.segments & kBackward) == 0) return;
  for (const HostBinding& binding : request.gradients) {
    const int32_t t = graph_.inputs[binding.index].tensor;
    downloadValue(t, at(binding, t), rows, stream, gradient_[t]);
  }
}

void Program::collect(RunResult& result, Stream& stream) {
  for (Step& step : steps_) {
    if (!step.metrics) continue;
    LossMetrics counts;
    const char* device = static_cast<const char*>(step.metrics->data());
    backend_.download(&counts, device, sizeof counts, stream);
    LossResult loss;
    loss.classes = step.classes;
    loss.confusion.resize(static_cast<size_t>(step.classes * step.classes));
    if (!loss.confusion.empty()) {
      backend_.download(loss.confusion.data(), device + sizeof counts, loss.confusion.size() * sizeof(int64_t), stream);
    }
    stream.synchronize();
    loss.lossSum = counts.lossSum;
    loss.rows = counts.rows;
    loss.correct = counts.correct;
    result.losses.push_back(std::move(loss));
  }
  stream.synchronize();  // a run that counted nothing ends here as well: its time and its errors are its own
  if (keepsBuffers_) store_->buffersChanged();
  result.step = store_->step();
}

RunResult Program::run(const RunRequest& request, Stream& stream) {
  check(request);
  checkOrder(request);
  const auto begin = std::chrono::steady_clock::now();
  const StreamRun scope(stream);
  uploadIndices(request, stream);
  bindSlabs(request);
  for (Step& step : steps_) {
    if (step.metrics) backend_.zero(step.metrics->data(), step.metrics->bytes(), stream);
  }
  profiling_ = request.profile;
  clock_ = request.timeReplays ? stream.spanClock() : nullptr;
  for (Step& step : steps_) step.forwardSeconds = step.backwardSeconds = 0;
  const bool updates = (request.segments & kUpdate) != 0;
  if (updates) store_->beginUpdates(stream);
  runStep_ = store_->step();
  identify(request);
  RunResult result;
  const int64_t batches = batchesOf(request.rows, batch_);
  for (; result.batches < batches; ++result.batches) {
    if ((request.cancel && request.cancel->load(std::memory_order_relaxed)) ||
        (request.stop != nullptr && request.stop->load(std::memory_order_relaxed))) {
      result.cancelled = true;
      break;
    }
    const auto controlOfBatch = [&](int64_t index) { return controlOf(request, index); };
    controls_->provide(result.batches, batches, controlOfBatch, stream);
    runBatch(request, result.batches, result, stream);
  }
  if (updates) {
    const UpdateReport report = store_->endUpdates(stream);
    result.gradientNorm = report.gradientNorm;
    result.skipped = report.skipped;
    result.overflowed = report.overflowed;
  }
  collect(result, stream);
  if (clock_ != nullptr) result.replaySeconds = clock_->seconds();
  if (request.profile) {
    for (const Step& step : steps_) {
      result.nodes.push_back(
          {step.desc.name, step.desc.op, step.kernel->variant(), step.forwardSeconds, step.backwardSeconds});
    }
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace cugru
