#include "core/error.h"
#include "core/ops/ops.h"
#include "core/ops/schema.h"

namespace cugru {

namespace {
constexpr int64_t kMaxUnits = 1 << 20;
constexpr int64_t kMaxLayers = 256;

// In the order of Cell.
constexpr CellKind kCells[] = {
    {Cell::gru, "gru", "r, z, n", 3, 2, false},
    {Cell::gruResetBefore, "gru-reset-before", "r, z, n", 3, 1, false},
    {Cell::lstm, "lstm", "i, f, g, o", 4, 2, true},
    {Cell::cifgLstm, "cifg-lstm", "f, g, o", 3, 2, true},
    {Cell::rnnTanh, "rnn-tanh", "h", 1, 2, false},
    {Cell::rnnRelu, "rnn-relu", "h", 1, 2, false},
    {Cell::leakyCifg, "leaky-cifg", "z, r, c", 3, 1, true},
};

Cell cell(const std::string& name) {
  std::string known;
  for (const CellKind& kind : kCells) {
    if (name == kind.name) return kind.cell;
    known += (known.empty() ? "" : ", ") + std::string(kind.name);
  }
  fail(code::kValue, "unknown cell '", name, "'; known are ", known);
}

RnnShape shapeFrom(const Attributes& attrs, int64_t inputSize) {
  RnnShape shape;
  shape.cell = cell(attrs.string("cell"));
  shape.inputSize = inputSize;
  shape.hiddenSize = attrs.integer("units", 1, kMaxUnits);
  shape.layers = attrs.integerOr("layers", 1, 1, kMaxLayers);
  shape.directions = attrs.flagOr("bidirectional", false) ? 2 : 1;
  return shape;
}
}  // namespace

const CellKind& cellKind(Cell cell) { return kCells[static_cast<size_t>(cell)]; }

GatePhases::GatePhases(Cell cell) {
  const int64_t gates = cellKind(cell).gates;
  at[0] = {0, gates};
  if (cell != Cell::gruResetBefore) return;
  count = 2;
  at[0] = {0, gates - 1};
  at[1] = {gates - 1, 1};
}

std::vector<ParamSpec> rnnParams(const RnnShape& shape) {
  std::vector<ParamSpec> params;
  const int64_t rows = shape.gates() * shape.hiddenSize;
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    for (int64_t direction = 0; direction < shape.directions; ++direction) {
      const std::string suffix = text("_l", layer, direction == 1 ? "_reverse" : "");
      params.push_back({"weight_ih" + suffix, {rows, shape.layerInput(layer)}});
      params.push_back({"weight_hh" + suffix, {rows, shape.hiddenSize}});
      params.push_back({"bias_ih" + suffix, {rows}});
      if (cellKind(shape.cell).biases == 2) params.push_back({"bias_hh" + suffix, {rows}});
    }
  }
  return params;
}

RnnShape rnnShape(const GroupDesc& group) {
  if (group.params.empty() || group.params[0].shape.size() != 2) {
    fail(code::kGraph, "group '", group.name,
         "' of a recurrent layer must begin with weight_ih_l0 (gates * units, inputs)");
  }
  const int64_t inputSize = group.params[0].shape[1];
  if (inputSize < 1 || inputSize > kMaxUnits) {
    fail(code::kShape, "group '", group.name, "': the input size must be from 1 to ", kMaxUnits, ", got ", inputSize);
  }
  RnnShape shape = shapeFrom(group.attrs, inputSize);
  const std::vector<ParamSpec> wanted = rnnParams(shape);
  bool same = wanted.size() == group.params.size();
  for (size_t i = 0; same && i < wanted.size(); ++i) {
    same = wanted[i].name == group.params[i].name && wanted[i].shape == group.params[i].shape;
  }
  if (!same) {
    fail(code::kShape, "group '", group.name, "': its parameters are not those of ", shape.layers, " layer(s) x ",
         shape.directions, " direction(s) of ", shape.hiddenSize, " units on ", inputSize, " inputs, cell ",
         cellKind(shape.cell).name, " with gates ", cellKind(shape.cell).gateNames);
  }
  return shape;
}

RnnDesc rnnDesc(const OpDesc& desc) {
  const CellKind& kind = cellKind(cell(desc.attrs.string("cell")));
  expectCounts(desc, 1, kind.hasCellState ? 4 : 3, kind.hasCellState ? 3 : 2);
  const TensorSpec& x = inputSpec(desc, 0, "x");
  if (x.dtype != DType::f32 || x.steps < 1 || x.dims.size() != 1 || x.dims[0] < 1) {
    fail(code::kShape, desc.name, " expects x [batch, steps, features] f32, got ", x.describe());
  }
  RnnDesc rnn;
  static_cast<RnnShape&>(rnn) = shapeFrom(desc.attrs, x.dims[0]);
  rnn.steps = x.steps;
  rnn.batch = x.rowsOf(desc.batch);
  rnn.training = desc.training;
  const TensorSpec states{DType::f32, rnn.layers * rnn.directions, {rnn.hiddenSize}, x.rows};
  // What a training forward keeps: the gates of every step, row and layer. Kernels may multiply these without checks.
  const int64_t kept = checkedMul(8 * rnn.hiddenSize, rnn.layers * rnn.directions, desc.name.c_str());
  checkedMul(checkedMul(rnn.steps, rnn.batch, desc.name.c_str()), kept, desc.name.c_str());
  const auto given = [&](size_t i) { return i < desc.inputs.size() && desc.inputs[i].has_value(); };
  const auto wanted = [](const std::vector<bool>& flags, size_t i) { return i < flags.size() && flags[i]; };
  rnn.hasInitialState = given(1);
  rnn.hasLengths = given(2);
  rnn.hasInitialCell = given(3);
  if (given(1)) expectSpec(desc, desc.inputs[1], states, "h0");
  if (given(2)) expectSpec(desc, desc.inputs[2], TensorSpec{DType::i32, 0, {}, x.rows}, "lengths");
  if (given(3)) expectSpec(desc, desc.inputs[3], states, "c0");
  expectSpec(desc, desc.outputs[0], TensorSpec{DType::f32, x.steps, {rnn.directions * rnn.hiddenSize}, x.rows}, "y");
  expectSpec(desc, desc.outputs[1], states, "hN");
  if (kind.hasCellState) expectSpec(desc, desc.outputs[2], states, "cN");
  rnn.wantsSequence = desc.outputs[0].has_value();
  rnn.wantsState = desc.outputs[1].has_value();
  rnn.wantsCell = kind.hasCellState && desc.outputs[2].has_value();
  rnn.wantsInputGradient = wanted(desc.inputGradient, 0);
  rnn.wantsStateGradient = wanted(desc.inputGradient, 1);
  rnn.wantsCellGradient = wanted(desc.inputGradient, 3);
  rnn.givesSequenceGradient = wanted(desc.outputGradient, 0);
  rnn.givesStateGradient = wanted(desc.outputGradient, 1);
  rnn.givesCellGradient = wanted(desc.outputGradient, 2);
  return rnn;
}

std::vector<ParamSpec> checkRnn(const OpDesc& desc) { return rnnParams(rnnDesc(desc)); }

LastStateDesc lastStateDesc(const OpDesc& desc) {
  expectCounts(desc, 1, 1, 1);
  const TensorSpec& states = inputSpec(desc, 0, "hN");
  LastStateDesc last;
  last.directions = desc.attrs.integerOr("directions", 1, 1, 2);
  if (states.dtype != DType::f32 || states.dims.size() != 1 || states.steps < last.directions ||
      states.steps % last.directions != 0) {
    fail(code::kShape, desc.name, " expects states [layers * directions, batch, units] f32 for ", last.directions,
         " direction(s), got ", states.describe());
  }
  last.batch = states.rowsOf(desc.batch);
  last.units = states.dims[0];
  last.states = states.steps;
  expectSpec(desc, desc.outputs[0], TensorSpec{DType::f32, 0, {last.directions * last.units}, states.rows}, "output");
  return last;
}

std::vector<ParamSpec> checkLastState(const OpDesc& desc) {
  lastStateDesc(desc);
  return {};
}

}  // namespace cugru
