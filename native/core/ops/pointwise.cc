#include "core/error.h"
#include "core/ops/ops.h"
#include "core/ops/schema.h"

namespace cugru {

namespace {
constexpr double kMaxScale = 1e30;

int64_t rowsOf(const OpDesc& desc, const TensorSpec& spec) {
  return checkedMul(spec.rowsOf(desc.batch), spec.steps > 0 ? spec.steps : 1, desc.name.c_str());
}

// An f32 tensor in, the same tensor out.
RowsDesc sameShape(const OpDesc& desc, size_t maxInputs) {
  expectCounts(desc, 1, maxInputs, 1);
  const TensorSpec& x = inputSpec(desc, 0, "x");
  if (x.dtype != DType::f32) fail(code::kType, desc.name, " (", desc.op, ") expects f32, got ", x.describe());
  expectSpec(desc, desc.outputs[0], x, "output");
  RowsDesc rows;
  rows.rows = rowsOf(desc, x);
  rows.features = x.features();
  rows.rowsOfStep = x.rowsOf(desc.batch);
  rows.opId = desc.id;
  return rows;
}
}  // namespace

Activation activation(const std::string& name) {
  if (name == "linear") return Activation::linear;
  if (name == "relu") return Activation::relu;
  if (name == "tanh") return Activation::tanh;
  if (name == "sigmoid") return Activation::sigmoid;
  fail(code::kValue, "unknown activation '", name, "'; known are linear, relu, tanh, sigmoid");
}

DenseDesc denseDesc(const OpDesc& desc) {
  expectCounts(desc, 1, 1, 1);
  const TensorSpec& x = inputSpec(desc, 0, "x");
  if (x.dtype != DType::f32 || x.dims.empty() || x.dims.back() < 1) {
    fail(code::kShape, desc.name, " expects [batch, ..., features] f32, got ", x.describe());
  }
  DenseDesc dense;
  dense.inputs = x.dims.back();
  dense.rows = checkedMul(rowsOf(desc, x), x.features() / dense.inputs, desc.name.c_str());
  dense.units = desc.attrs.integer("units", 1, 1 << 24);
  dense.activation = activation(desc.attrs.stringOr("activation", "linear"));
  dense.hasBias = desc.attrs.flagOr("useBias", true);
  TensorSpec out = x;
  out.dims.back() = dense.units;
  expectSpec(desc, desc.outputs[0], out, "output");
  return dense;
}

std::vector<ParamSpec> checkDense(const OpDesc& desc) {
  const DenseDesc dense = denseDesc(desc);
  std::vector<ParamSpec> params{{"weight", {dense.units, dense.inputs}}};
  if (dense.hasBias) params.push_back({"bias", {dense.units}});
  return params;
}

RowsDesc softmaxDesc(const OpDesc& desc) {
  RowsDesc rows = sameShape(desc, 1);
  const TensorSpec& x = *desc.inputs[0];
  if (x.dims.empty()) fail(code::kShape, desc.name, " (softmax) needs a class axis, got ", x.describe());
  const int64_t classes = x.dims.back();
  if (classes < 1) fail(code::kShape, desc.name, " (softmax) needs at least one class, got ", x.describe());
  rows.rows = checkedMul(rows.rows, rows.features / classes, "softmax");
  rows.features = classes;
  return rows;
}

RowsDesc dropoutDesc(const OpDesc& desc) {
  RowsDesc rows = sameShape(desc, 1);
  rows.rate = static_cast<float>(desc.attrs.number("rate", 0, 1));
  if (rows.rate >= 1) fail(code::kValue, desc.name, " (dropout): the rate must be below 1");
  const std::string scope = desc.attrs.stringOr("scope", "element");
  if (scope != "element" && scope != "row") {
    fail(code::kValue, desc.name, " (dropout): unknown scope '", scope, "'; known are element, row");
  }
  rows.wholeRows = scope == "row";
  return rows;
}

RowsDesc addDesc(const OpDesc& desc) {
  RowsDesc rows = sameShape(desc, 8);
  rows.terms = desc.inputs.size();
  if (rows.terms < 2) fail(code::kGraph, desc.name, " (add) needs at least two inputs");
  for (size_t i = 1; i < rows.terms; ++i) {
    inputSpec(desc, i, "term");
    expectSpec(desc, desc.inputs[i], *desc.inputs[0], "each term as the first,");
  }
  rows.scale = static_cast<float>(desc.attrs.numberOr("scale", 1, -kMaxScale, kMaxScale));
  return rows;
}

RowsDesc activationDesc(const OpDesc& desc) {
  RowsDesc rows = sameShape(desc, 1);
  const std::string& kind = desc.attrs.string("kind");
  if (kind == "gelu") {
    rows.activation = Activation::gelu;
  } else if (kind == "silu") {
    rows.activation = Activation::silu;
  } else if (kind == "relu" || kind == "tanh" || kind == "sigmoid") {
    rows.activation = activation(kind);
  } else {
    fail(code::kValue, desc.name, " (activation): unknown kind '", kind,
         "'; known are relu, tanh, sigmoid, gelu, silu");
  }
  return rows;
}

RowsDesc multiplyDesc(const OpDesc& desc) {
  RowsDesc rows = sameShape(desc, 2);
  inputSpec(desc, 1, "factor");
  expectSpec(desc, desc.inputs[1], *desc.inputs[0], "the second factor as the first,");
  return rows;
}

std::vector<ParamSpec> checkSoftmax(const OpDesc& desc) { return softmaxDesc(desc), std::vector<ParamSpec>{}; }
std::vector<ParamSpec> checkDropout(const OpDesc& desc) { return dropoutDesc(desc), std::vector<ParamSpec>{}; }
std::vector<ParamSpec> checkAdd(const OpDesc& desc) { return addDesc(desc), std::vector<ParamSpec>{}; }
std::vector<ParamSpec> checkActivation(const OpDesc& desc) { return activationDesc(desc), std::vector<ParamSpec>{}; }
std::vector<ParamSpec> checkMultiply(const OpDesc& desc) { return multiplyDesc(desc), std::vector<ParamSpec>{}; }

}  // namespace cugru
