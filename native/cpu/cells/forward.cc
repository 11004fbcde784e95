// A stack of cells: the pass forward.
#include <algorithm>
#include <cstring>

#include "cpu/cells/cells.h"

namespace cugru::cpu {

// The input's part of some steps at once, and the biases: with few rows, the weights are then read once for many of them.
void CellsKernel::project(const CellsPass& pass, int64_t firstStep, int64_t steps, const Slice& slice) const {
  const float* x[kMaxCellRows];
  float* gates[kMaxCellRows];
  const float* panels = pass.prepared + pass.offsets->inputPanels;
  PanelProduct product{
      panels, pass.offsets->inputs, 0, 0, sums(), x, gates, false, pass.prepared + pass.offsets->biasSum, 0};
  for (int64_t s = firstStep; s < firstStep + steps; ++s) {
    const int64_t t = stepAt(pass, s);
    for (int64_t row = slice.first; row < slice.first + slice.rows; ++row) {
      if (t >= length(pass, row)) continue;
      x[product.rows] = pass.x + (t * desc_.batch + row) * pass.offsets->inputs;
      gates[product.rows++] = gatesAt(pass, s, row);
    }
  }
  if (product.rows > 0) table_.panelProduct(product);
}

void CellsKernel::forwardStep(const CellsPass& pass, int64_t s, const Slice& slice) const {
  const int64_t units = desc_.hiddenSize, t = stepAt(pass, s);
  float* out[kMaxCellRows];
  StepLists lists;
  int64_t active = 0;
  for (int64_t row = slice.first; row < slice.first + slice.rows; ++row) {
    float* to = pass.states.at(t, row);
    if (t < length(pass, row)) {
      out[active++] = to;
    } else if (!pass.states.ring) {
      std::fill_n(to, units, 0.0f);
    }
  }
  if (active == 0) return;
  listRows(pass, s, slice, lists);
  for (int phase = 0; phase < plan_.phases.count; ++phase) {
    table_.panelProduct({pass.prepared + pass.offsets->statePanels[phase], units, lists.rows, 0,
                         plan_.phases.at[phase].gates * units, phase == 0 ? lists.state : lists.memory,
                         phase == 0 ? lists.gates : lists.candidate, true, nullptr, 0});
    table_.cellForward(
        {desc_.cell, phase, units, lists.rows, lists.gates, lists.state, lists.memoryBefore, lists.memory, out});
  }
}

void CellsKernel::keepLast(const CellsPass& pass, const Slice& slice) const {
  const size_t bytes = static_cast<size_t>(desc_.hiddenSize) * sizeof(float);
  for (int64_t row = slice.first; row < slice.first + slice.rows; ++row) {
    const int64_t t = pass.reverse ? 0 : length(pass, row) - 1, to = row * desc_.hiddenSize;
    if (pass.last != nullptr) std::memcpy(pass.last + to, pass.states.at(t, row), bytes);
    if (pass.lastCell != nullptr) std::memcpy(pass.lastCell + to, pass.memory.at(t, row), bytes);
  }
}

void CellsKernel::forward(const KernelArgs& args, Stream& stream) {
  for (int64_t layer = 0; layer < desc_.layers; ++layer) {
    eachSlice(layer, cpu(stream), [&](int64_t direction, const Slice& slice) {
      const CellsPass p = pass(args, layer, direction);
      for (int64_t s = 0; s < desc_.steps; ++s) {
        if (s % ahead_ == 0) project(p, s, std::min(ahead_, desc_.steps - s), slice);
        forwardStep(p, s, slice);
      }
      keepLast(p, slice);
    });
  }
}

}  // namespace cugru::cpu
