// Which file makes the kernel and the parameter layout of each operation.
#pragma once

#include <memory>
#include <string>

#include "core/backend.h"
#include "cuda/stream.h"

namespace cugru::cuda {

using DeviceRef = std::shared_ptr<Device>;

// An operation of this backend: why it cannot run here (empty: it can), and its kernel.
struct Operation {
  const char* op;
  std::unique_ptr<Kernel> (*make)(const OpDesc& desc, const DeviceRef& device);
  std::string (*refusal)(const OpDesc& desc, const Device& device);  // null: never
};
const Operation* findOperation(const std::string& op);  // null: none

std::unique_ptr<Kernel> makeGather(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeAugment(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeRnn(const OpDesc& desc, const DeviceRef& device);
std::string refuseRnn(const OpDesc& desc, const Device& device);
std::unique_ptr<Kernel> makeCells(const OpDesc& desc, const DeviceRef& device);  // of rnn, those that cuDNN has not
std::unique_ptr<Kernel> makeLastState(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeDense(const OpDesc& desc, const DeviceRef& device);
std::string refuseDense(const OpDesc& desc, const Device& device);
std::unique_ptr<Kernel> makeSoftmax(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeDropout(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeAdd(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeConv2d(const OpDesc& desc, const DeviceRef& device);
std::string refuseConv2d(const OpDesc& desc, const Device& device);
std::unique_ptr<Kernel> makePool2d(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeLayerNorm(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeBatchNorm(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeMultiply(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeRearrange(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeConcat(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeReverse(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeReduceSteps(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeAttentionPool(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeTrailingLengths(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeAddTable(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeAppendTable(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeActivation(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeState(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeSquaredError(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeSoftmaxCrossEntropy(const OpDesc& desc, const DeviceRef& device);
std::unique_ptr<Kernel> makeMeanSquaredError(const OpDesc& desc, const DeviceRef& device);

std::unique_ptr<ParameterLayout> makeLayout(const GroupDesc& group, const DeviceRef& device);
std::unique_ptr<ParameterLayout> makeRnnLayout(const GroupDesc& group, const DeviceRef& device);
std::unique_ptr<ParameterLayout> makeDenseLayout(const GroupDesc& group, const DeviceRef& device);
std::unique_ptr<ParameterLayout> makeConv2dLayout(const GroupDesc& group);
std::unique_ptr<ParameterLayout> makeCellsLayout(const GroupDesc& group);

std::unique_ptr<Optimizer> makeOptimizer(const OptimizerDesc& desc, int64_t elements, const DeviceRef& device);

}  // namespace cugru::cuda
