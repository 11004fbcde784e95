// Operations that see a sequence step by step.
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/ops/schema.h"
#include "core/ops/sequence.h"

namespace cugru {

namespace {

// x [steps, batch, dims...] f32 as the input 0.
SequenceDesc sequence(const OpDesc& desc) {
  const TensorSpec& x = inputSpec(desc, 0, "x");
  if (x.dtype != DType::f32 || x.steps < 1) {
    fail(code::kShape, desc.name, " (", desc.op, ") expects x [batch, steps, ...] f32, got ", x.describe());
  }
  SequenceDesc out;
  out.steps = x.steps;
  out.rows = x.rowsOf(desc.batch);
  out.rowsOfBatch = x.rows;
  out.features = x.features();
  checkedMul(out.steps, checkedMul(out.rows, out.features, desc.name.c_str()), desc.name.c_str());
  return out;
}

void takeLengths(const OpDesc& desc, size_t index, SequenceDesc& out) {
  out.hasLengths = index < desc.inputs.size() && desc.inputs[index].has_value();
  if (!out.hasLengths) return;
  expectSpec(desc, desc.inputs[index], TensorSpec{DType::i32, 0, {}, out.rowsOfBatch}, "lengths");
}

TensorSpec oneStep(TensorSpec spec) {
  spec.steps = 0;
  return spec;
}

Reduction reduction(const OpDesc& desc) {
  const std::string& name = desc.attrs.string("kind");
  if (name == "mean") return Reduction::mean;
  if (name == "max") return Reduction::max;
  if (name == "first") return Reduction::first;
  if (name == "last") return Reduction::last;
  fail(code::kValue, desc.name, " (reduceSteps): unknown kind '", name, "'; known are mean, max, first, last");
}

constexpr double kLargest = 3.4028234663852886e38;  // of a float

}  // namespace

SequenceDesc reverseDesc(const OpDesc& desc) {
  expectCounts(desc, 1, 2, 1);
  SequenceDesc out = sequence(desc);
  takeLengths(desc, 1, out);
  expectSpec(desc, desc.outputs[0], *desc.inputs[0], "output");
  return out;
}

ReduceStepsDesc reduceStepsDesc(const OpDesc& desc) {
  expectCounts(desc, 1, 2, 1);
  ReduceStepsDesc out;
  static_cast<SequenceDesc&>(out) = sequence(desc);
  takeLengths(desc, 1, out);
  out.kind = reduction(desc);
  out.training = desc.training;
  expectSpec(desc, desc.outputs[0], oneStep(*desc.inputs[0]), "output");
  return out;
}

AttentionPoolDesc attentionPoolDesc(const OpDesc& desc) {
  expectCounts(desc, 2, 3, 2);
  AttentionPoolDesc out;
  static_cast<SequenceDesc&>(out) = sequence(desc);
  takeLengths(desc, 2, out);
  out.training = desc.training;
  TensorSpec scores = *desc.inputs[0];
  scores.dims = {1};
  inputSpec(desc, 1, "scores");
  expectSpec(desc, desc.inputs[1], scores, "scores");
  expectSpec(desc, desc.outputs[0], oneStep(*desc.inputs[0]), "output");
  expectSpec(desc, desc.outputs[1], scores, "weights");
  if (desc.outputGradient.size() > 1 && desc.outputGradient[1]) {
    fail(code::kGraph, desc.name, " (attentionPool): no gradient comes back through its weights");
  }
  return out;
}

SequenceDesc addTableDesc(const OpDesc& desc) {
  expectCounts(desc, 1, 1, 1);
  expectSpec(desc, desc.outputs[0], inputSpec(desc, 0, "x"), "output");
  return sequence(desc);
}

AppendTableDesc appendTableDesc(const OpDesc& desc) {
  expectCounts(desc, 1, 1, 1);
  AppendTableDesc out;
  static_cast<SequenceDesc&>(out) = sequence(desc);
  TensorSpec wider = *desc.inputs[0];
  if (wider.dims.size() != 1) {
    fail(code::kShape, desc.name, " (appendTable) expects [batch, steps, features], got ", wider.describe());
  }
  out.width = desc.attrs.integer("width", 1, 1 << 20);
  out.table = desc.attrs.floatsOrNull("table");
  const int64_t wanted = checkedMul(out.steps, out.width, desc.name.c_str());
  const int64_t given = out.table ? static_cast<int64_t>(out.table->size()) : 0;
  if (given != wanted) {
    fail(code::kShape, desc.name, " (appendTable): the table has ", given, " floats, ", out.steps, " steps x ",
         out.width, " need ", wanted);
  }
  for (float value : *out.table) {
    if (!std::isfinite(value)) fail(code::kNotFinite, desc.name, " (appendTable): the table holds ", value);
  }
  wider.dims[0] += out.width;
  wider.elements(desc.batch);
  expectSpec(desc, desc.outputs[0], wider, "output");
  return out;
}

TrailingLengthsDesc trailingLengthsDesc(const OpDesc& desc) {
  expectCounts(desc, 1, 1, 1);
  TrailingLengthsDesc out;
  static_cast<SequenceDesc&>(out) = sequence(desc);
  if (out.steps > INT32_MAX) fail(code::kRange, desc.name, " (trailingLengths): too many steps, ", out.steps);
  out.value = static_cast<float>(desc.attrs.numberOr("value", 0, -kLargest, kLargest));
  expectSpec(desc, desc.outputs[0], TensorSpec{DType::i32, 0, {}, out.rowsOfBatch}, "lengths");
  return out;
}

StateDesc stateDesc(const OpDesc& desc) {
  StateDesc out;
  out.writes = desc.attrs.flagOr("write", false);
  expectCounts(desc, out.writes ? 1 : 0, out.writes ? 1 : 0, out.writes ? 0 : 1);
  if (!out.writes && !desc.outputs[0]) fail(code::kGraph, desc.name, " (state): its output is not used");
  const TensorSpec& x = out.writes ? inputSpec(desc, 0, "x") : *desc.outputs[0];
  if (x.dtype != DType::f32 || x.steps < 1) {
    fail(code::kShape, desc.name, " (state) is [states, batch, ...] f32, got ", x.describe());
  }
  out.steps = x.steps;
  out.rows = x.rowsOf(desc.batch);
  out.rowsOfBatch = x.rows;
  out.features = x.features();
  return out;
}

std::vector<ParamSpec> stateBuffers(const OpDesc& desc) {
  const StateDesc state = stateDesc(desc);
  return {{"state", {state.steps, state.rows, state.features}}};
}

std::vector<ParamSpec> checkAddTable(const OpDesc& desc) {
  const SequenceDesc x = addTableDesc(desc);
  return {{"table", {x.steps, x.features}}};
}
std::vector<ParamSpec> checkAttentionPool(const OpDesc& desc) {
  return attentionPoolDesc(desc), std::vector<ParamSpec>{};
}
std::vector<ParamSpec> checkAppendTable(const OpDesc& desc) { return appendTableDesc(desc), std::vector<ParamSpec>{}; }
std::vector<ParamSpec> checkTrailingLengths(const OpDesc& desc) {
  return trailingLengthsDesc(desc), std::vector<ParamSpec>{};
}
std::vector<ParamSpec> checkState(const OpDesc& desc) { return stateDesc(desc), std::vector<ParamSpec>{}; }
std::vector<ParamSpec> checkReverse(const OpDesc& desc) { return reverseDesc(desc), std::vector<ParamSpec>{}; }
std::vector<ParamSpec> checkReduceSteps(const OpDesc& desc) { return reduceStepsDesc(desc), std::vector<ParamSpec>{}; }

}  // namespace cugru
