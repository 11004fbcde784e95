#include "cuda/registry.h"

#include "cuda/layouts.h"

namespace cugru::cuda {

namespace {
constexpr Operation kOperations[] = {
    {"gather", makeGather, nullptr},
    {"rnn", makeRnn, refuseRnn},
    {"lastState", makeLastState, nullptr},
    {"dense", makeDense, refuseDense},
    {"softmax", makeSoftmax, nullptr},
    {"dropout", makeDropout, nullptr},
    {"add", makeAdd, nullptr},
    {"softmaxCrossEntropy", makeSoftmaxCrossEntropy, nullptr},
    {"meanSquaredError", makeMeanSquaredError, nullptr},
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
  if (group.op == "dense") return makeDenseLayout(group, device);
  return std::make_unique<PlacedLayout>(packedPlaces(group));
}

}  // namespace cugru::cuda
