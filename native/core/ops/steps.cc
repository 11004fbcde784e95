// Operations that see a sequence step by step.
#include <algorithm>

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

std::vector<ParamSpec> checkReverse(const OpDesc& desc) { return reverseDesc(desc), std::vector<ParamSpec>{}; }
std::vector<ParamSpec> checkReduceSteps(const OpDesc& desc) { return reduceStepsDesc(desc), std::vector<ParamSpec>{}; }

}  // namespace cugru
