#include "cpu/rnn_layout.h"

#include <algorithm>

#include "cpu/gemm.h"
#include "cpu/layouts.h"

namespace cugru::cpu {

namespace {

class RnnLayout final : public PlainLayout {
 public:
  RnnLayout(const GroupDesc& group, const Vectors& vectors)
      : PlainLayout(group), shape_(rnnShape(group)), table_(*vectors.table), offsets_(shape_, table_) {}

  size_t preparedBytes() const override { return static_cast<size_t>(offsets_.preparedFloats) * sizeof(float); }

  void prepare(const float* params, void* prepared, Stream& stream) const override {
    float* to = static_cast<float*>(prepared);
    std::fill_n(to + offsets_.zeros, shape_.hiddenSize, 0.0f);
    for (const CellOffsets& cell : offsets_.cells) prepareCell(cell, params, to, cpu(stream));
  }

 private:
  void prepareCell(const CellOffsets& cell, const float* params, float* to, CpuStream& stream) const {
    const int64_t units = shape_.hiddenSize, panel = table_.panel;
    const int64_t blocks = (units + table_.width - 1) / table_.width;
    const int64_t stateBlocks = (units + panel - 1) / panel, inputBlocks = (cell.inputs + panel - 1) / panel;
    const PanelSource state{params + cell.weightState, 3 * units, units, units, 1, 0};
    const PanelSource input{params + cell.weightInput, 3 * units, cell.inputs, cell.inputs, 1, 2 * units};
    const double operations = 6.0 * static_cast<double>(units) * static_cast<double>(units + cell.inputs);
    stream.parallel(blocks + stateBlocks + inputBlocks, operations, [&](int64_t task) {
      if (task < blocks) {
        packGates(params + cell.weightInput, cell.inputs, task, to + cell.inputPanels);
        packGates(params + cell.weightState, units, task, to + cell.statePanels);
        packBias(params + cell.biasInput, params + cell.biasState, task, to + cell.bias);
      } else if (task < blocks + stateBlocks) {
        packPanels(state, panel, task - blocks, task - blocks + 1, to + cell.stateBackPanels);
      } else {
        const int64_t block = task - blocks - stateBlocks;
        packPanels(input, panel, block, block + 1, to + cell.inputBackPanels);
      }
    });
  }

  // [block][k][gate][width] from rows of gates r, z, n.
  void packGates(const float* weight, int64_t depth, int64_t block, float* panels) const {
    const int64_t width = table_.width, units = shape_.hiddenSize;
    float* to = panels + block * depth * 3 * width;
    for (int64_t gate = 0; gate < 3; ++gate) {
      for (int64_t i = 0; i < width; ++i) {
        const int64_t unit = block * width + i;
        const float* from = weight + (gate * units + unit) * depth;
        float* at = to + gate * width + i;
        for (int64_t k = 0; k < depth; ++k) at[k * 3 * width] = unit < units ? from[k] : 0.0f;
      }
    }
  }

  // The biases of r and z only ever appear as a sum; the candidate's stay apart.
  void packBias(const float* input, const float* state, int64_t block, float* to) const {
    const int64_t width = table_.width, units = shape_.hiddenSize;
    for (int64_t i = 0; i < width; ++i) {
      const int64_t unit = block * width + i;
      float* at = to + block * 4 * width + i;
      const bool real = unit < units;
      at[0] = real ? input[unit] + state[unit] : 0.0f;
      at[width] = real ? input[units + unit] + state[units + unit] : 0.0f;
      at[2 * width] = real ? input[2 * units + unit] : 0.0f;
      at[3 * width] = real ? state[2 * units + unit] : 0.0f;
    }
  }

  RnnShape shape_;
  const Table& table_;
  RnnOffsets offsets_;
};

}  // namespace

RnnOffsets::RnnOffsets(const RnnShape& shape, const Table& table) : directions(shape.directions) {
  const int64_t units = shape.hiddenSize, blocks = (units + table.width - 1) / table.width;
  zeros = take(preparedFloats, units);
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    for (int64_t direction = 0; direction < directions; ++direction) {
      CellOffsets cell;
      cell.inputs = shape.layerInput(layer);
      cell.weightInput = paramFloats;
      cell.weightState = cell.weightInput + 3 * units * cell.inputs;
      cell.biasInput = cell.weightState + 3 * units * units;
      cell.biasState = cell.biasInput + 3 * units;
      paramFloats = cell.biasState + 3 * units;
      cell.inputPanels = take(preparedFloats, blocks * cell.inputs * 3 * table.width);
      cell.statePanels = take(preparedFloats, blocks * units * 3 * table.width);
      cell.bias = take(preparedFloats, blocks * 4 * table.width);
      cell.stateBackPanels = take(preparedFloats, panelFloats(3 * units, units, table.panel));
      cell.inputBackPanels = take(preparedFloats, panelFloats(3 * units, cell.inputs, table.panel));
      cells.push_back(cell);
    }
  }
}

std::unique_ptr<ParameterLayout> makeRnnLayout(const GroupDesc& group, const Vectors& vectors) {
  return std::make_unique<RnnLayout>(group, vectors);
}

}  // namespace cugru::cpu
