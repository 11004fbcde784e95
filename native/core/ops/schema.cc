#include "core/ops/schema.h"

#include "core/error.h"
#include "core/ops/ops.h"
#include "core/ops/sequence.h"
#include "core/ops/vision.h"

namespace cugru {

namespace {
constexpr OpSchema kSchemas[] = {
    {"gather", checkGather, false, false, nullptr, nullptr, 0},
    {"rnn", checkRnn, false, false, nullptr, nullptr, -1, 2},
    {"lastState", checkLastState},
    {"dense", checkDense},
    {"softmax", checkSoftmax},
    {"dropout", checkDropout, true},
    {"augment", checkAugment, false, false, nullptr, nullptr, 0},
    {"add", checkAdd},
    {"multiply", checkMultiply},
    {"rearrange", checkRearrange},
    {"concat", checkConcat},
    {"reverse", checkReverse, false, false, nullptr, nullptr, -1, 1},
    {"reduceSteps", checkReduceSteps, false, false, nullptr, nullptr, -1, 1},
    {"conv2d", checkConv2d},
    {"maxPool2d", checkPool2d},
    {"avgPool2d", checkPool2d},
    {"layerNorm", checkLayerNorm},
    {"batchNorm", checkBatchNorm, false, false, nullptr, batchNormBuffers},
    {"attentionPool", checkAttentionPool, false, false, nullptr, nullptr, -1, 2},
    {"trailingLengths", checkTrailingLengths},
    {"addTable", checkAddTable},
    {"appendTable", checkAppendTable},
    {"activation", checkActivation},
    {"state", checkState, false, false, nullptr, stateBuffers, -1, -1, true},
    {"softmaxCrossEntropy", checkSoftmaxCrossEntropy, false, true, softmaxCrossEntropyClasses, nullptr, 1},
    {"meanSquaredError", checkMeanSquaredError, false, true, nullptr, nullptr, 1},
    {"squaredError", checkSquaredError, false, true, nullptr, nullptr, -1, 2},
};
}  // namespace

const OpSchema& findSchema(const std::string& op) {
  std::string known;
  for (const OpSchema& schema : kSchemas) {
    if (op == schema.op) return schema;
    known += (known.empty() ? "" : ", ") + std::string(schema.op);
  }
  fail(code::kGraph, "unknown operation '", op, "'; known are ", known);
}

void expectCounts(const OpDesc& desc, size_t minInputs, size_t maxInputs, size_t outputs) {
  if (desc.inputs.size() < minInputs || desc.inputs.size() > maxInputs) {
    fail(code::kGraph, desc.name, " (", desc.op, ") takes ", minInputs, " to ", maxInputs, " inputs, got ",
         desc.inputs.size());
  }
  if (desc.outputs.size() != outputs) {
    fail(code::kGraph, desc.name, " (", desc.op, ") has ", outputs, " outputs, got ", desc.outputs.size());
  }
}

const TensorSpec& inputSpec(const OpDesc& desc, size_t index, const char* what) {
  if (index >= desc.inputs.size() || !desc.inputs[index]) {
    fail(code::kGraph, desc.name, " (", desc.op, ") needs its input '", what, "'");
  }
  return *desc.inputs[index];
}

void expectSpec(const OpDesc& desc, const std::optional<TensorSpec>& got, const TensorSpec& wanted, const char* what) {
  if (got && !(*got == wanted)) {
    fail(code::kShape, desc.name, " (", desc.op, ") expects ", what, " ", wanted.describe(), ", got ", got->describe());
  }
}

}  // namespace cugru
