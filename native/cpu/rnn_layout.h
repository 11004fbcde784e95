// Where the parameters of a recurrent stack lie, and the panels that its kernels read.
#pragma once

#include <vector>

#include "core/ops/ops.h"
#include "cpu/registry.h"

namespace cugru::cpu {

// One layer in one direction. Offsets in floats: `weight...` and `bias...` into params, the others into prepared.
struct CellOffsets {
  int64_t inputs = 0;
  int64_t weightInput = 0, weightState = 0, biasInput = 0, biasState = 0;
  int64_t inputPanels = 0, statePanels = 0, bias = 0;  // forward, see GruForwardStep
  int64_t inputBackPanels = 0, stateBackPanels = 0;    // depth in the order of the gate gradients: n, r, z and r, z, q
};

struct RnnOffsets {
  RnnOffsets(const RnnShape& shape, const Table& table);
  const CellOffsets& cell(int64_t layer, int64_t direction) const {
    return cells[static_cast<size_t>(layer * directions + direction)];
  }
  int64_t directions;
  std::vector<CellOffsets> cells;  // [layer][direction]
  int64_t paramFloats = 0, preparedFloats = 0;
  int64_t zeros = 0;  // in prepared: a row of zeros, the state before the first step
};

}  // namespace cugru::cpu
