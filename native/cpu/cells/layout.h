// Where the parameters of a stack of cells other than the GRU lie, and the panels that its kernels read.
#pragma once

#include <vector>

#include "core/ops/ops.h"
#include "cpu/registry.h"

namespace cugru::cpu {

// One layer in one direction. Offsets in floats: `weight...` and `bias...` into params, the others into prepared.
struct CellsOffsets {
  int64_t inputs = 0;
  int64_t weightInput = 0, weightState = 0, biasInput = 0, biasState = -1;  // -1: one bias only
  int64_t inputPanels = 0, biasSum = 0, inputBackPanels = 0;
  int64_t statePanels[kMaxPhases] = {}, stateBackPanels[kMaxPhases] = {};
};

struct CellsPlan {
  CellsPlan(const RnnShape& shape, const Table& table);
  const CellsOffsets& cell(int64_t layer, int64_t direction) const {
    return cells[static_cast<size_t>(layer * directions + direction)];
  }
  int64_t directions;
  GatePhases phases;
  std::vector<CellsOffsets> cells;  // [layer][direction]
  int64_t preparedFloats = 0;
  int64_t zeros = 0;  // in prepared: a row of zeros, the states before the first step
};

}  // namespace cugru::cpu
