// Which nodes of a graph run in a mode, and where gradients flow: decided once, on plain data.
#pragma once

#include <vector>

#include "core/ops/schema.h"
#include "program/graph_spec.h"

namespace cugru {

enum class Mode : uint8_t {
  train,     // losses (or seeded outputs), with gradients
  evaluate,  // losses, without gradients
  predict,   // outputs
};

struct FlowNode {
  int32_t node = -1;  // in the graph
  const OpSchema* schema = nullptr;
  std::vector<int32_t> inputs, outputs;  // tensor ids after identities were left out; -1: left out or not read
  std::vector<bool> inputGradient, outputGradient;
  bool differentiated = false;  // backward is called
};

struct Flow {
  std::vector<FlowNode> nodes;         // in execution order
  std::vector<int32_t> outputTensors;  // of graph.outputs; -1 when this mode does not compute it
  std::vector<bool> receivesGradient;  // by tensor
};

// `optimized[group]`: the group takes gradients.
Flow analyze(const GraphSpec& graph, Mode mode, const std::vector<bool>& optimized);

}  // namespace cugru
