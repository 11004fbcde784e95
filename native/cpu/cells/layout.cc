#include "cpu/cells/layout.h"

#include <algorithm>

#include "cpu/gemm.h"
#include "cpu/layouts.h"

namespace cugru::cpu {

namespace {

class CellsLayout final : public PlainLayout {
 public:
  CellsLayout(const GroupDesc& group, const Vectors& vectors)
      : PlainLayout(group), shape_(rnnShape(group)), table_(*vectors.table), plan_(shape_, table_) {}

  size_t preparedBytes() const override { return static_cast<size_t>(plan_.preparedFloats) * sizeof(float); }

  void prepare(const float* params, void* prepared, Stream& stream) const override {
    float* to = static_cast<float*>(prepared);
    std::fill_n(to + plan_.zeros, shape_.hiddenSize, 0.0f);
    for (const CellsOffsets& cell : plan_.cells) prepareCell(cell, params, to, cpu(stream));
  }

 private:
  void prepareCell(const CellsOffsets& cell, const float* params, float* to, CpuStream& stream) const {
    const int64_t units = shape_.hiddenSize, sums = shape_.gates() * units;
    const float* input = params + cell.weightInput;
    pack({input, cell.inputs, sums, 1, cell.inputs}, to + cell.inputPanels, stream);
    pack({input, sums, cell.inputs, cell.inputs, 1}, to + cell.inputBackPanels, stream);
    for (int i = 0; i < plan_.phases.count; ++i) {
      const GatePhase& phase = plan_.phases.at[i];
      const float* state = params + cell.weightState + phase.firstGate * units * units;
      pack({state, units, phase.gates * units, 1, units}, to + cell.statePanels[i], stream);
      pack({state, phase.gates * units, units, units, 1}, to + cell.stateBackPanels[i], stream);
    }
    // Two biases only ever appear as a sum.
    std::copy_n(params + cell.biasInput, sums, to + cell.biasSum);
    if (cell.biasState >= 0) table_.add(to + cell.biasSum, params + cell.biasState, to + cell.biasSum, sums);
  }

  void pack(const PanelSource& source, float* panels, CpuStream& stream) const {
    const int64_t blocks = (source.columns + table_.panel - 1) / table_.panel;
    const double operations = static_cast<double>(source.depth) * static_cast<double>(source.columns);
    stream.parallel(blocks, operations,
                    [&](int64_t block) { packPanels(source, table_.panel, block, block + 1, panels); });
  }

  RnnShape shape_;
  const Table& table_;
  CellsPlan plan_;
};

}  // namespace

CellsPlan::CellsPlan(const RnnShape& shape, const Table& table) : directions(shape.directions), phases(shape.cell) {
  const int64_t units = shape.hiddenSize, sums = shape.gates() * units;
  const bool twoBiases = cellKind(shape.cell).biases == 2;
  int64_t params = 0;
  zeros = take(preparedFloats, units);
  for (int64_t i = 0; i < shape.layers * directions; ++i) {
    CellsOffsets cell;
    cell.inputs = shape.layerInput(i / directions);
    cell.weightInput = params;
    cell.weightState = cell.weightInput + sums * cell.inputs;
    cell.biasInput = cell.weightState + sums * units;
    if (twoBiases) cell.biasState = cell.biasInput + sums;
    params = cell.biasInput + (twoBiases ? 2 : 1) * sums;
    cell.inputPanels = take(preparedFloats, panelFloats(cell.inputs, sums, table.panel));
    cell.biasSum = take(preparedFloats, sums);
    cell.inputBackPanels = take(preparedFloats, panelFloats(sums, cell.inputs, table.panel));
    for (int p = 0; p < phases.count; ++p) {
      const int64_t columns = phases.at[p].gates * units;
      cell.statePanels[p] = take(preparedFloats, panelFloats(units, columns, table.panel));
      cell.stateBackPanels[p] = take(preparedFloats, panelFloats(columns, units, table.panel));
    }
    cells.push_back(cell);
  }
}

std::unique_ptr<ParameterLayout> makeCellsLayout(const GroupDesc& group, const Vectors& vectors) {
  return std::make_unique<CellsLayout>(group, vectors);
}

}  // namespace cugru::cpu
