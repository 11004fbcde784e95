#include "cuda/registry.h"

#include "cuda/layouts.h"

namespace cugru::cuda {

namespace {
constexpr Operation kOperations[] = {
    {"gather", makeGather, nullptr},
    {"augment", makeAugment, nullptr},
    {"rnn", makeRnn, refuseRnn},
    {"lastState", makeLastState, nullptr},
    {"dense", makeDense, refuseDense},
    {"softmax", makeSoftmax, nullptr},
    {"dropout", makeDropout, nullptr},
    {"add", makeAdd, nullptr},
    {"conv2d", makeConv2d, refuseConv2d},
    {"maxPool2d", makePool2d, nullptr},
    {"avgPool2d", makePool2d, nullptr},
    {"layerNorm", makeLayerNorm, nullptr},
    {"batchNorm", makeBatchNorm, nullptr},
    {"multiply", makeMultiply, nullptr},
    {"rearrange", makeRearrange, nullptr},
    {"concat", makeConcat, nullptr},
    {"reverse", makeReverse, nullptr},
    {"reduceSteps", makeReduceSteps, nullptr},
    {"attentionPool", makeAttentionPool, nullptr},
    {"trailingLengths", makeTrailingLengths, nullptr},
    {"addTable", makeAddTable, nullptr},
    {"appendTable", makeAppendTable, nullptr},
    {"activation", makeActivation, nullptr},
    {"state", makeState, nullptr},
    {"softmaxCrossEntropy", makeSoftmaxCrossEntropy, nullptr},
    {"meanSquaredError", makeMeanSquaredError, nullptr},
    {"squaredError", makeSquaredError, nullptr},
};
}  // namespace

const Operation* findOperation(const std::string& op) {
  for (const Operation& operation : kOperations) {
    if (op == operation.op) return &operation;
  }
  return nullptr;
}

std::unique_ptr<ParameterLayout> makeLayout(const GroupDesc& group, const DeviceRef& device) {
  if (group.op == "rnn") return makeRnnLayout(group, device);
  if (group.op == "conv2d") return makeConv2dLayout(group);
  if (group.op == "dense") return makeDenseLayout(group, device);
  return std::make_unique<PlacedLayout>(packedPlaces(group));
}

}  // namespace cugru::cuda
