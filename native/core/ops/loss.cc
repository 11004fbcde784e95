#include "core/error.h"
#include "core/ops/ops.h"
#include "core/ops/schema.h"

namespace cugru {

namespace {
const TensorSpec kIndices{DType::i32, 0, {}};

// Both or none; neither takes a gradient.
bool mixesLabels(const OpDesc& desc) {
  const auto given = [&](size_t i) { return i < desc.inputs.size() && desc.inputs[i].has_value(); };
  if (given(3) != given(4)) fail(code::kGraph, desc.name, " takes partners and lambda together, got one of them");
  if (!given(3)) return false;
  expectSpec(desc, desc.inputs[3], kIndices, "partners");
  expectSpec(desc, desc.inputs[4], TensorSpec{DType::f32, 0, {}}, "lambda");
  if (desc.inputGradient.size() > 4 && desc.inputGradient[4]) {
    fail(code::kGraph, desc.name, " gives no gradient to lambda");
  }
  return true;
}
}  // namespace

LossDesc softmaxCrossEntropyDesc(const OpDesc& desc) {
  expectCounts(desc, 3, 5, 0);
  const TensorSpec& logits = inputSpec(desc, 0, "logits");
  const TensorSpec& labels = inputSpec(desc, 1, "labels");
  expectSpec(desc, inputSpec(desc, 2, "indices"), kIndices, "indices");
  if (logits.dtype != DType::f32 || logits.steps != 0 || logits.rows != 1 || logits.dims.size() != 1 ||
      logits.dims[0] < 1) {
    fail(code::kShape, desc.name, " expects logits [batch, classes] f32, got ", logits.describe());
  }
  LossDesc loss;
  loss.batch = desc.batch;
  loss.features = logits.dims[0];
  if (loss.features > 1 << 15) fail(code::kRange, desc.name, ": at most 32768 classes, got ", loss.features);
  loss.softLabels = labels.dtype == DType::f32;
  const TensorSpec wanted =
      loss.softLabels ? TensorSpec{DType::f32, 0, {loss.features}} : TensorSpec{DType::i32, 0, {}};
  expectSpec(desc, desc.inputs[1], wanted, "labels");
  loss.labelSmoothing = static_cast<float>(desc.attrs.numberOr("labelSmoothing", 0, 0, 1));
  if (loss.labelSmoothing >= 1) fail(code::kValue, desc.name, ": labelSmoothing must be below 1");
  loss.mixes = mixesLabels(desc);
  return loss;
}

LossDesc meanSquaredErrorDesc(const OpDesc& desc) {
  expectCounts(desc, 3, 3, 0);
  const TensorSpec& prediction = inputSpec(desc, 0, "prediction");
  expectSpec(desc, inputSpec(desc, 2, "indices"), kIndices, "indices");
  if (prediction.dtype != DType::f32) fail(code::kType, desc.name, " expects f32, got ", prediction.describe());
  if (prediction.rows != 1) fail(code::kShape, desc.name, " expects whole rows, got ", prediction.describe());
  LossDesc loss;
  loss.batch = desc.batch;
  loss.steps = prediction.steps > 0 ? prediction.steps : 1;
  loss.features = prediction.features();
  loss.softLabels = true;
  const TensorSpec& targets = inputSpec(desc, 1, "targets");
  if (targets.dtype != DType::f32 || targets.steps != 0 || targets.rowElements() != prediction.rowElements()) {
    fail(code::kShape, desc.name, " expects targets f32 of ", prediction.rowElements(), " elements a row, got ",
         targets.describe());
  }
  return loss;
}

LossDesc squaredErrorDesc(const OpDesc& desc) {
  expectCounts(desc, 2, 3, 0);
  const TensorSpec& prediction = inputSpec(desc, 0, "prediction");
  if (prediction.dtype != DType::f32) fail(code::kType, desc.name, " expects f32, got ", prediction.describe());
  inputSpec(desc, 1, "target");
  expectSpec(desc, desc.inputs[1], prediction, "target as prediction,");
  LossDesc loss;
  loss.batch = desc.batch;
  loss.rows = prediction.rows;
  loss.steps = prediction.steps > 0 ? prediction.steps : 1;
  loss.features = prediction.features();
  loss.hasLengths = desc.inputs.size() > 2 && desc.inputs[2].has_value();
  if (!loss.hasLengths) return loss;
  if (prediction.steps < 1) {
    fail(code::kShape, desc.name, " (squaredError): lengths are for sequences, the prediction is ",
         prediction.describe());
  }
  expectSpec(desc, desc.inputs[2], TensorSpec{DType::i32, 0, {}, prediction.rows}, "lengths");
  return loss;
}

int64_t softmaxCrossEntropyClasses(const OpDesc& desc) { return softmaxCrossEntropyDesc(desc).features; }

std::vector<ParamSpec> checkSoftmaxCrossEntropy(const OpDesc& desc) {
  return softmaxCrossEntropyDesc(desc), std::vector<ParamSpec>{};
}
std::vector<ParamSpec> checkSquaredError(const OpDesc& desc) {
  return squaredErrorDesc(desc), std::vector<ParamSpec>{};
}
std::vector<ParamSpec> checkMeanSquaredError(const OpDesc& desc) {
  return meanSquaredErrorDesc(desc), std::vector<ParamSpec>{};
}

}  // namespace cugru
