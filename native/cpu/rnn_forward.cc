// The recurrent stack: memory plan and the pass forward.
#include <algorithm>
#include <cstring>

#include "cpu/layouts.h"
#include "cpu/rnn.h"

namespace cugru::cpu {

namespace {
constexpr double kCacheBytes = 1 << 20;  // weights up to here stay in a core's own cache
constexpr int64_t kSharedRows = 32;      // a larger batch is shared out by rows, however many threads there are
constexpr int64_t kUnitParts = 4;        // parts of a step for each thread

constexpr int64_t kPointerFloats = 2;
static_assert(sizeof(void*) <= kPointerFloats * sizeof(float));

}  // namespace

RnnKernel::RnnKernel(const OpDesc& desc, const Vectors& vectors)
    : desc_(rnnDesc(desc)), vectors_(vectors), table_(*vectors.table), offsets_(desc_, table_) {
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
  if (desc_.steps > 1 && desc_.batch < kSharedRows) {
    projections_ = take(workspace, rows * blocks() * 3 * table_.width);
  }
  sizes_.workspace = static_cast<size_t>(workspace) * sizeof(float);
  sizes_.saved = static_cast<size_t>(saved) * sizeof(float);
}

std::string RnnKernel::variant() const { return "cpu fused gru " + vectors_.name; }

double RnnKernel::cellFlops(int64_t layer) const {
  return 6.0 * static_cast<double>(desc_.hiddenSize) * static_cast<double>(desc_.layerInput(layer) + desc_.hiddenSize) *
         static_cast<double>(desc_.steps) * static_cast<double>(desc_.batch);
}

// Every task streams the weights at every step: the more rows it has, the less that costs. Where they stay in a core's own
// cache that matters little, and twice as many tasks as threads even out what the system takes away.
int64_t RnnKernel::taskRows(int threads) const {
  const double weights =
      12.0 * static_cast<double>(desc_.hiddenSize * (desc_.layerInput(desc_.layers - 1) + desc_.hiddenSize));
  const int64_t lanes = std::max<int64_t>(1, threads / desc_.directions);
  int64_t tasks = threads > 1 && weights < kCacheBytes ? 2 * lanes : lanes;
  while (ceilDiv(desc_.batch, tasks) > kMaxTaskRows) tasks += lanes;
  const int64_t unit = std::max<int64_t>(kRowGroup, table_.gruRows);
  return std::clamp(ceilDiv(ceilDiv(desc_.batch, tasks), unit) * unit, unit, kMaxTaskRows);
}

// With less than a tile of rows for each thread, the weights are what costs: each thread then reads a part of them.
bool RnnKernel::sharesUnits(int threads) const {
  return desc_.steps > 1 && desc_.batch < kSharedRows && desc_.batch < static_cast<int64_t>(threads) * table_.gruRows;
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

// One step of a slice. Rows that have ended take no part.
void RnnKernel::forwardStep(const CellPass& pass, const float* prepared, int64_t s, const Slice& slice) const {
  const int64_t units = desc_.hiddenSize, inputs = pass.offsets->inputs, projection = blocks() * 3 * table_.width;
  const float* x[kMaxTaskRows];
  const float* state[kMaxTaskRows];
  float* out[kMaxTaskRows];
  float* gates[kMaxTaskRows];
  const float* projected[kMaxTaskRows];
  GruForwardStep step{prepared + pass.offsets->inputPanels,
                      prepared + pass.offsets->statePanels,
                      prepared + pass.offsets->bias,
                      inputs,
                      units,
                      0,
                      x,
                      state,
                      out,
                      pass.gates ? gates : nullptr,
                      slice.firstBlock,
                      slice.lastBlock,
                      pass.projected ? projected : nullptr};
  const int64_t t = pass.reverse ? desc_.steps - 1 - s : s;
  const int64_t firstUnit = slice.firstBlock * table_.width, lastUnit = std::min(units, slice.lastBlock * table_.width);
  for (int64_t row = slice.firstRow; row < slice.firstRow + slice.rows; ++row) {
    float* to = pass.states.at(t, row);
    if (t >= length(pass, row)) {
      if (!pass.states.ring) std::fill(to + firstUnit, to + lastUnit, 0.0f);
      continue;
    }
    const int64_t i = step.rows++, at = t * desc_.batch + row;
    x[i] = pass.x + at * inputs;
    state[i] = stateBefore(pass, prepared + offsets_.zeros, t, row);
    out[i] = to;
    if (pass.gates != nullptr) gates[i] = pass.gates + at * 4 * units;
    if (pass.projected != nullptr) projected[i] = pass.projected + at * projection;
  }
  if (step.rows > 0) table_.gruForward(step);
}

void RnnKernel::keepLast(const CellPass& pass, int64_t first, int64_t rows) const {
  if (pass.last == nullptr) return;
  const int64_t units = desc_.hiddenSize;
  for (int64_t row = first; row < first + rows; ++row) {
    const float* from = pass.states.at(pass.reverse ? 0 : length(pass, row) - 1, row);
    std::memcpy(pass.last + row * units, from, static_cast<size_t>(units) * sizeof(float));
  }
}

// The input's part of all steps at once: its weights are then read once, and not in every step.
void RnnKernel::project(const CellPass& pass, const float* prepared, CpuStream& stream) const {
  const int64_t all = desc_.steps * desc_.batch, inputs = pass.offsets->inputs, width = blocks() * 3 * table_.width;
  const double operations = static_cast<double>(all) * static_cast<double>(inputs * width) / 8;
  stream.blocks(all, kMaxTaskRows, operations / static_cast<double>(all), [&](int64_t first, int64_t rows) {
    const float* x[kMaxTaskRows];
    float* out[kMaxTaskRows];
    for (int64_t i = 0; i < rows; ++i) {
      x[i] = pass.x + (first + i) * inputs;
      out[i] = pass.projected + (first + i) * width;
    }
    table_.gruProject({prepared + pass.offsets->inputPanels, inputs, rows, 0, blocks(), x, out});
  });
}

// Few rows: the threads share out the units of each step.
void RnnKernel::forwardUnits(const KernelArgs& args, int64_t layer, CpuStream& stream) const {
  const float* prepared = static_cast<const float*>(args.prepared);
  for (int64_t direction = 0; direction < desc_.directions; ++direction) {
    CellPass p = pass(args, layer, direction);
    p.projected = static_cast<float*>(args.workspace) + projections_;
    project(p, prepared, stream);
    const int64_t parts = std::min(blocks(), kUnitParts * stream.threads());
    stream.inOrder(desc_.steps, parts, cellFlops(layer) / 16, [&](int64_t step, int64_t part) {
      forwardStep(p, prepared, step, {0, desc_.batch, blocks() * part / parts, blocks() * (part + 1) / parts});
    });
    keepLast(p, 0, desc_.batch);
  }
}

void RnnKernel::forward(const KernelArgs& args, Stream& stream) {
  const float* prepared = static_cast<const float*>(args.prepared);
  for (int64_t layer = 0; layer < desc_.layers; ++layer) {
    if (sharesUnits(cpu(stream).threads())) {
      forwardUnits(args, layer, cpu(stream));
      continue;
    }
    eachSlice(layer, 1, cpu(stream), [&](int64_t direction, int64_t first, int64_t rows) {
      const CellPass p = pass(args, layer, direction);
      for (int64_t step = 0; step < desc_.steps; ++step) forwardStep(p, prepared, step, {first, rows, 0, blocks()});
      keepLast(p, first, rows);
    });
  }
}

std::unique_ptr<Kernel> makeRnn(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<RnnKernel>(desc, vectors);
}

}  // namespace cugru::cpu
