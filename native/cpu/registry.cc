#include "cpu/registry.h"

#include "core/ops/ops.h"
#include "cpu/layouts.h"

namespace cugru::cpu {

namespace {
struct Entry {
  const char* op;
  MakeKernel make;
};

std::unique_ptr<Kernel> makeRecurrent(const OpDesc& desc, const Vectors& vectors) {
  return rnnDesc(desc).cell == Cell::gru ? makeRnn(desc, vectors) : makeCells(desc, vectors);
}

constexpr Entry kEntries[] = {
    {"gather", makeGather},
    {"augment", makeAugment},
    {"rnn", makeRecurrent},
    {"lastState", makeLastState},
    {"dense", makeDense},
    {"softmax", makeSoftmax},
    {"dropout", makeDropout},
    {"add", makeAdd},
    {"multiply", makeMultiply},
    {"rearrange", makeRearrange},
    {"concat", makeConcat},
    {"reverse", makeReverse},
    {"reduceSteps", makeReduceSteps},
    {"conv2d", makeConv2d},
    {"maxPool2d", makePool2d},
    {"avgPool2d", makePool2d},
    {"layerNorm", makeLayerNorm},
    {"batchNorm", makeBatchNorm},
    {"activation", makeActivation},
    {"attentionPool", makeAttentionPool},
    {"trailingLengths", makeTrailingLengths},
    {"addTable", makeAddTable},
    {"appendTable", makeAppendTable},
    {"state", makeState},
    {"softmaxCrossEntropy", makeSoftmaxCrossEntropy},
    {"meanSquaredError", makeMeanSquaredError},
    {"squaredError", makeSquaredError},
};
}  // namespace

MakeKernel findKernel(const std::string& op) {
  for (const Entry& entry : kEntries) {
    if (op == entry.op) return entry.make;
  }
  return nullptr;
}

std::unique_ptr<ParameterLayout> makeLayout(const GroupDesc& group, const Vectors& vectors) {
  if (group.op == "rnn") {
    return rnnShape(group).cell == Cell::gru ? makeRnnLayout(group, vectors) : makeCellsLayout(group, vectors);
  }
  if (group.op == "dense") return makeDenseLayout(group, vectors);
  if (group.op == "conv2d") return makeConv2dLayout(group, vectors);
  return std::make_unique<PlainLayout>(group);
}

}  // namespace cugru::cpu
