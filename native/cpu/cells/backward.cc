// A stack of cells: the pass back through time. The gates of each step are overwritten with their gradients.
#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "cpu/cells/cells.h"

namespace cugru::cpu {

namespace {
void copyOrZero(const float* from, float* to, int64_t first, int64_t count) {
  if (from != nullptr) {
    std::memcpy(to + first, from + first, static_cast<size_t>(count) * sizeof(float));
  } else {
    std::fill_n(to + first, count, 0.0f);
  }
}
}  // namespace

void CellsKernel::beginBackward(const CellsPass& pass, const Slice& slice) const {
  const int64_t first = slice.first * desc_.hiddenSize, count = slice.rows * desc_.hiddenSize;
  copyOrZero(pass.dLast, pass.carry, first, count);
  if (pass.memoryCarry != nullptr) copyOrZero(pass.dLastCell, pass.memoryCarry, first, count);
}

void CellsKernel::endBackward(const CellsPass& pass, const Slice& slice) const {
  const int64_t first = slice.first * desc_.hiddenSize, count = slice.rows * desc_.hiddenSize;
  if (pass.dInitial != nullptr) copyOrZero(pass.carry, pass.dInitial, first, count);
  if (pass.dInitialCell != nullptr) copyOrZero(pass.memoryCarry, pass.dInitialCell, first, count);
}

void CellsKernel::backwardStep(const CellsPass& pass, int64_t s, const Slice& slice) const {
  const int64_t units = desc_.hiddenSize, width = desc_.directions * units, t = stepAt(pass, s);
  const float* dy[kMaxCellRows];
  float* carry[kMaxCellRows];
  float* memoryCarry[kMaxCellRows];
  StepLists lists;
  int64_t active = 0;
  for (int64_t row = slice.first; row < slice.first + slice.rows; ++row) {
    if (t >= length(pass, row)) {  // the products over all steps read them
      std::fill_n(gatesAt(pass, s, row), sums(), 0.0f);
      continue;
    }
    if (pass.dy != nullptr) dy[active] = pass.dy + (t * desc_.batch + row) * width;
    if (pass.memoryCarry != nullptr) memoryCarry[active] = pass.memoryCarry + row * units;
    carry[active++] = pass.carry + row * units;
  }
  if (active == 0) return;
  listRows(pass, s, slice, lists);
  CellBackwardStep step{desc_.cell,
                        0,
                        units,
                        lists.rows,
                        lists.gates,
                        lists.state,
                        lists.memoryBefore,
                        lists.memory,
                        pass.dy != nullptr ? dy : nullptr,
                        carry,
                        memoryCarry};
  table_.cellBackward(step);
  if (plan_.phases.count > 1) {
    table_.panelProduct({pass.prepared + pass.offsets->stateBackPanels[1], plan_.phases.at[1].gates * units, lists.rows,
                         0, units, lists.candidate, memoryCarry, false, nullptr, 0});
    step.phase = 1;
    table_.cellBackward(step);
  }
  if (s == 0 && pass.dInitial == nullptr) return;  // nobody asks what comes before
  table_.panelProduct({pass.prepared + pass.offsets->stateBackPanels[0], plan_.phases.at[0].gates * units, lists.rows,
                       0, units, lists.gates, carry, true, nullptr, 0});
}

void CellsKernel::backward(const KernelArgs& args, Stream& stream) {
  if (!desc_.training) fail(code::kInternal, "a recurrent kernel made for inference has no backward");
  for (int64_t layer = desc_.layers - 1; layer >= 0; --layer) {
    CellsPass passes[2];
    for (int64_t d = 0; d < desc_.directions; ++d) passes[d] = backwardPass(args, layer, d);
    eachSlice(layer, cpu(stream), [&](int64_t direction, const Slice& slice) {
      const CellsPass& p = passes[direction];
      beginBackward(p, slice);
      for (int64_t s = desc_.steps - 1; s >= 0; --s) backwardStep(p, s, slice);
      endBackward(p, slice);
    });
    inputGradients(args, passes, layer, cpu(stream));
    if (args.paramGradients == nullptr) continue;
    weightGradients(args, passes, cpu(stream));
    for (int64_t d = 0; d < desc_.directions; ++d) biasGradients(args, passes[d], cpu(stream));
  }
}

}  // namespace cugru::cpu
