// The memory of a stack of cells, and the pointers of a call.
#include <algorithm>

#include "cpu/cells/cells.h"
#include "cpu/cells/gradients.h"
#include "cpu/layouts.h"

namespace cugru::cpu {

namespace {}  // namespace

CellsKernel::CellsKernel(const OpDesc& desc, const Vectors& vectors)
    : desc_(rnnDesc(desc)), vectors_(vectors), table_(*vectors.table), plan_(desc_, table_) {
  const int64_t rows = desc_.steps * desc_.batch, width = desc_.directions * desc_.hiddenSize;
  const int64_t cells = desc_.layers * desc_.directions, states = desc_.batch * width;
  ahead_ = std::clamp<int64_t>(kMaxCellRows / desc_.batch, 1, desc_.steps);
  int64_t workspace = 0, saved = 0;
  if (desc_.training) {
    gates_ = take(saved, cells * rows * sums());
    memory_ = take(saved, hasMemory() ? cells * rows * desc_.hiddenSize : 0);
    sequences_ = take(saved, (desc_.layers - (desc_.wantsSequence ? 1 : 0)) * rows * width);
    carry_ = take(workspace, states);
    memoryCarry_ = take(workspace, hasMemory() ? states : 0);
    layerGradient_ = take(workspace, desc_.layers > 1 ? rows * width : 0);
    biasParts_ = take(workspace, biasParts(rows) * sums());
    lists_ = take(workspace, desc_.directions * kGradientLists * rows * kPointerFloats);
  } else {
    gates_ = take(workspace, desc_.directions * desc_.batch * ahead_ * sums());
    memory_ = take(workspace, hasMemory() ? states : 0);
    sequences_ = take(workspace, std::min<int64_t>(desc_.layers - 1, 2) * rows * width);
    rings_ = take(workspace, desc_.wantsSequence ? 0 : 2 * states);
  }
  sizes_.workspace = static_cast<size_t>(workspace) * sizeof(float);
  sizes_.saved = static_cast<size_t>(saved) * sizeof(float);
}

std::string CellsKernel::variant() const {
  return std::string("cpu ") + cellKind(desc_.cell).name + " " + vectors_.name;
}

// Where a layer's states lie: the caller's output, saved when a pass back follows, two buffers in turn when not.
float* CellsKernel::sequence(const KernelArgs& args, int64_t layer) const {
  const int64_t floats = desc_.steps * desc_.batch * desc_.directions * desc_.hiddenSize;
  const bool last = layer == desc_.layers - 1;
  if (last && desc_.wantsSequence) return static_cast<float*>(args.outputs[0]);
  if (desc_.training) return static_cast<float*>(args.saved) + sequences_ + layer * floats;
  return last ? nullptr : static_cast<float*>(args.workspace) + sequences_ + layer % 2 * floats;
}

CellsPass CellsKernel::pass(const KernelArgs& args, int64_t layer, int64_t direction) const {
  const int64_t units = desc_.hiddenSize, width = desc_.directions * units, states = desc_.batch * units;
  const int64_t cell = layer * desc_.directions + direction;
  float* workspace = static_cast<float*>(args.workspace);
  CellsPass p;
  p.offsets = &plan_.cell(layer, direction);
  p.prepared = static_cast<const float*>(args.prepared);
  p.reverse = direction == 1;
  p.x = layer == 0 ? static_cast<const float*>(args.inputs[0]) : sequence(args, layer - 1);
  if (desc_.hasLengths) p.lengths = static_cast<const int32_t*>(args.inputs[2]);
  if (desc_.hasInitialState) p.initial = static_cast<const float*>(args.inputs[1]) + cell * states;
  if (desc_.hasInitialCell) p.initialCell = static_cast<const float*>(args.inputs[3]) + cell * states;
  if (float* rows = sequence(args, layer)) {
    p.states = {rows + direction * units, desc_.batch * width, width, false};
  } else {
    p.states = {workspace + rings_ + direction * 2 * states, states, units, true};
  }
  if (desc_.training) {
    float* saved = static_cast<float*>(args.saved);
    p.gates = saved + gates_ + cell * desc_.steps * desc_.batch * sums();
    p.memory = {saved + memory_ + cell * desc_.steps * states, states, units, false};
  } else {
    p.gates = workspace + gates_ + direction * desc_.batch * ahead_ * sums();
    p.memory = {workspace + memory_ + direction * states, 0, units, false};
  }
  if (!hasMemory()) p.memory.base = nullptr;
  if (desc_.wantsState) p.last = static_cast<float*>(args.outputs[1]) + cell * states;
  if (desc_.wantsCell) p.lastCell = static_cast<float*>(args.outputs[2]) + cell * states;
  return p;
}

CellsPass CellsKernel::backwardPass(const KernelArgs& args, int64_t layer, int64_t direction) const {
  const int64_t units = desc_.hiddenSize, states = desc_.batch * units, cell = layer * desc_.directions + direction;
  float* workspace = static_cast<float*>(args.workspace);
  const auto given = [&](bool gives, int output) -> const float* {
    return gives ? static_cast<const float*>(args.outputGradients[output]) : nullptr;
  };
  const auto wanted = [&](bool wants, int input) -> float* {
    return wants ? static_cast<float*>(args.inputGradients[input]) : nullptr;
  };
  CellsPass p = pass(args, layer, direction);
  const float* dy = layer < desc_.layers - 1 ? workspace + layerGradient_ : given(desc_.givesSequenceGradient, 0);
  if (dy != nullptr) p.dy = dy + direction * units;
  if (const float* d = given(desc_.givesStateGradient, 1)) p.dLast = d + cell * states;
  if (const float* d = given(desc_.givesCellGradient, 2)) p.dLastCell = d + cell * states;
  if (float* d = wanted(desc_.wantsStateGradient, 1)) p.dInitial = d + cell * states;
  if (float* d = wanted(desc_.wantsCellGradient, 3)) p.dInitialCell = d + cell * states;
  p.carry = workspace + carry_ + direction * states;
  if (hasMemory()) p.memoryCarry = workspace + memoryCarry_ + direction * states;
  return p;
}

const float* CellsKernel::before(const CellsPass& pass, const StepRows& of, const float* initial, int64_t t,
                                 int64_t row) const {
  const bool first = t == (pass.reverse ? length(pass, row) - 1 : 0);
  if (!first) return of.at(pass.reverse ? t + 1 : t - 1, row);
  return initial != nullptr ? initial + row * desc_.hiddenSize : pass.prepared + plan_.zeros;
}

float* CellsKernel::gatesAt(const CellsPass& pass, int64_t s, int64_t row) const {
  const int64_t at = desc_.training ? stepAt(pass, s) * desc_.batch + row : row * ahead_ + s % ahead_;
  return pass.gates + at * sums();
}

// Rows that have ended take no part.
void CellsKernel::listRows(const CellsPass& pass, int64_t s, const Slice& slice, StepLists& lists) const {
  const int64_t t = stepAt(pass, s), candidate = plan_.phases.at[1].firstGate * desc_.hiddenSize;
  const bool hasCell = cellKind(desc_.cell).hasCellState;
  for (int64_t row = slice.first; row < slice.first + slice.rows; ++row) {
    if (t >= length(pass, row)) continue;
    const int64_t i = lists.rows++;
    lists.gates[i] = gatesAt(pass, s, row);
    lists.candidate[i] = lists.gates[i] + candidate;
    lists.state[i] = before(pass, pass.states, pass.initial, t, row);
    if (hasCell) lists.memoryBefore[i] = before(pass, pass.memory, pass.initialCell, t, row);
    if (pass.memory.base != nullptr) lists.memory[i] = pass.memory.at(t, row);
  }
}

std::unique_ptr<Kernel> makeCells(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<CellsKernel>(desc, vectors);
}

}  // namespace cugru::cpu
