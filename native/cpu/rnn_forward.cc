// The recurrent stack: memory plan and the pass forward.
#include <algorithm>
#include <cstring>

#include "cpu/rnn.h"

namespace cugru::cpu {

namespace {
int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Every task streams all weights at every step, so few rows cost bandwidth; many rows leave threads without work.
int64_t rowsOfTask(int64_t batch) {
  const int64_t wished = batch >= 128 ? 16 : 8;
  return std::clamp(ceilDiv(ceilDiv(batch, wished), kRowGroup) * kRowGroup, kRowGroup, kMaxTaskRows);
}

constexpr int64_t kPointerFloats = 2;
static_assert(sizeof(void*) <= kPointerFloats * sizeof(float));

int64_t take(int64_t& total, int64_t floats) {
  const int64_t at = total;
  total += ceilDiv(floats, 16) * 16;
  return at;
}
}  // namespace

RnnKernel::RnnKernel(const OpDesc& desc, const Vectors& vectors)
    : desc_(rnnDesc(desc)), vectors_(vectors), table_(*vectors.table), offsets_(desc_, table_) {
  taskRows_ = rowsOfTask(desc_.batch);
  tasks_ = ceilDiv(desc_.batch, taskRows_);
  const int64_t rows = desc_.steps * desc_.batch, width = desc_.directions * desc_.hiddenSize;
  const int64_t cells = desc_.layers * desc_.directions;
  int64_t workspace = 0, saved = 0;
  if (desc_.training) {
    gates_ = take(saved, cells * rows * 4 * desc_.hiddenSize);
    sequences_ = take(saved, (desc_.layers - (desc_.wantsSequence ? 1 : 0)) * rows * width);
    carry_ = take(workspace, desc_.directions * desc_.batch * desc_.hiddenSize);
    layerGradient_ = take(workspace, desc_.layers > 1 ? rows * width : 0);
    biasParts_ = take(workspace, desc_.directions * ceilDiv(desc_.batch, kRowGroup) * 4 * desc_.hiddenSize);
    lists_ = take(workspace, desc_.directions * 4 * rows * kPointerFloats);
  } else {
    sequences_ = take(workspace, std::min<int64_t>(desc_.layers - 1, 2) * rows * width);
    rings_ = take(workspace, desc_.wantsSequence ? 0 : 2 * desc_.batch * width);
  }
  sizes_.workspace = static_cast<size_t>(workspace) * sizeof(float);
  sizes_.saved = static_cast<size_t>(saved) * sizeof(float);
}

std::string RnnKernel::variant() const { return "cpu fused gru " + vectors_.name; }

double RnnKernel::cellFlops(int64_t layer) const {
  return 6.0 * static_cast<double>(desc_.hiddenSize) * static_cast<double>(desc_.layerInput(layer) + desc_.hiddenSize) *
         static_cast<double>(desc_.steps) * static_cast<double>(desc_.batch);
}

// Where a layer's states lie: the caller's output, saved when a pass back follows, two buffers in turn when not.
float* RnnKernel::sequence(const KernelArgs& args, int64_t layer) const {
  const int64_t floats = desc_.steps * desc_.batch * desc_.directions * desc_.hiddenSize;
  const bool last = layer == desc_.layers - 1;
  if (last && desc_.wantsSequence) return static_cast<float*>(args.outputs[0]);
  if (desc_.training) return static_cast<float*>(args.saved) + sequences_ + layer * floats;
  return last ? nullptr : static_cast<float*>(args.workspace) + sequences_ + layer % 2 * floats;
}

CellPass RnnKernel::pass(const KernelArgs& args, int64_t layer, int64_t direction) const {
  const int64_t units = desc_.hiddenSize, width = desc_.directions * units;
  const int64_t cell = layer * desc_.directions + direction;
  CellPass pass;
  pass.offsets = &offsets_.cell(layer, direction);
  pass.reverse = direction == 1;
  pass.x = layer == 0 ? static_cast<const float*>(args.inputs[0]) : sequence(args, layer - 1);
  if (desc_.hasInitialState) {
    pass.initial = static_cast<const float*>(args.inputs[1]) + cell * desc_.batch * units;
  }
  if (desc_.hasLengths) pass.lengths = static_cast<const int32_t*>(args.inputs[2]);
  if (float* states = sequence(args, layer)) {
    pass.states = {states + direction * units, desc_.batch * width, width, false};
  } else {
    float* ring = static_cast<float*>(args.workspace) + rings_ + direction * 2 * desc_.batch * units;
    pass.states = {ring, desc_.batch * units, units, true};
  }
  if (desc_.training) {
    pass.gates = static_cast<float*>(args.saved) + gates_ + cell * desc_.steps * desc_.batch * 4 * units;
  }
  if (desc_.wantsState) pass.last = static_cast<float*>(args.outputs[1]) + cell * desc_.batch * units;
  return pass;
}

const float* RnnKernel::stateBefore(const CellPass& pass, const float* zeros, int64_t step, int64_t row) const {
  const bool first = step == (pass.reverse ? length(pass, row) - 1 : 0);
  if (!first) return pass.states.at(pass.reverse ? step + 1 : step - 1, row);
  return pass.initial != nullptr ? pass.initial + row * desc_.hiddenSize : zeros;
}

// One slice of the batch through all steps. Rows that have ended take no part.
void RnnKernel::forwardRows(const CellPass& pass, const float* prepared, int64_t first, int64_t rows) const {
  const int64_t units = desc_.hiddenSize, inputs = pass.offsets->inputs;
  const float* x[kMaxTaskRows];
  const float* state[kMaxTaskRows];
  float* out[kMaxTaskRows];
  float* gates[kMaxTaskRows];
  GruForwardStep step{prepared + pass.offsets->inputPanels, prepared + pass.offsets->statePanels,
                      prepared + pass.offsets->bias, inputs, units, 0, x, state, out, pass.gates ? gates : nullptr};
  for (int64_t s = 0; s < desc_.steps; ++s) {
    const int64_t t = pass.reverse ? desc_.steps - 1 - s : s;
    step.rows = 0;
    for (int64_t row = first; row < first + rows; ++row) {
      float* to = pass.states.at(t, row);
      if (t >= length(pass, row)) {
        if (!pass.states.ring) std::fill_n(to, units, 0.0f);
        continue;
      }
      const int64_t i = step.rows++, at = t * desc_.batch + row;
      x[i] = pass.x + at * inputs;
      state[i] = stateBefore(pass, prepared + offsets_.zeros, t, row);
      out[i] = to;
      if (pass.gates != nullptr) gates[i] = pass.gates + at * 4 * units;
    }
    if (step.rows > 0) table_.gruForward(step);
  }
  if (pass.last == nullptr) return;
  for (int64_t row = first; row < first + rows; ++row) {
    const float* from = pass.states.at(pass.reverse ? 0 : length(pass, row) - 1, row);
    std::memcpy(pass.last + row * units, from, static_cast<size_t>(units) * sizeof(float));
  }
}

void RnnKernel::forward(const KernelArgs& args, Stream& stream) {
  const float* prepared = static_cast<const float*>(args.prepared);
  for (int64_t layer = 0; layer < desc_.layers; ++layer) {
    eachSlice(layer, 1, cpu(stream), [&](int64_t direction, int64_t first, int64_t rows) {
      forwardRows(pass(args, layer, direction), prepared, first, rows);
    });
  }
}

std::unique_ptr<Kernel> makeRnn(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<RnnKernel>(desc, vectors);
}

}  // namespace cugru::cpu
