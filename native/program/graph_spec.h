// The graph that TypeScript lowers a model to: plain data, checked here before anything is built from it.
#pragma once

#include <string>
#include <vector>

#include "core/op_desc.h"

namespace cugru {

struct NodeSpec {
  std::string name, op;
  Attributes attrs;
  std::vector<int32_t> inputs, outputs;  // tensor ids; -1: left out
  int32_t group = -1;                    // of the ParameterStore; several nodes may share one
  int32_t buffers = -1;                  // a group that is not optimised, which the operation keeps
};

enum class InputKind : uint8_t {
  slab,     // all rows of a dataset, in backend memory; kernels pick rows by index
  indices,  // the run's row numbers
  value,    // one batch from the host, canonical order
};

struct GraphInput {
  std::string name;
  int32_t tensor = -1;
  InputKind kind = InputKind::value;
  bool gradient = false;  // value inputs: the gradient can be asked for after a backward
};

struct GraphOutput {
  std::string name;
  int32_t tensor = -1;
  bool seeded = false;  // the caller gives its gradient (instead of a loss node)
};

struct GraphSpec {
  std::vector<TensorSpec> tensors;
  std::vector<NodeSpec> nodes;
  std::vector<GraphInput> inputs;
  std::vector<GraphOutput> outputs;
};

// Checks ids, that each tensor has one producer, that there is no cycle; returns the nodes in an order in which each
// comes after those it reads from (ties: as listed). ERR_GRAPH names the nodes at fault.
std::vector<int32_t> topologicalOrder(const GraphSpec& graph);

}  // namespace cugru
