// An operation with its shapes fixed: what a backend needs to make a kernel, and nothing of any backend.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/attributes.h"
#include "core/tensor.h"

namespace cugru {

// One parameter tensor in canonical form: PyTorch's name, order and shape, row-major.
struct ParamSpec {
  std::string name;
  std::vector<int64_t> shape;
  int64_t elements() const;
};

// The parameters that one layer owns. Nodes that name the same group share them.
struct GroupDesc {
  std::string name;  // the layer's name; a parameter's full name is "<group>.<param>"
  std::string op;
  Attributes attrs;
  std::vector<ParamSpec> params;
};

struct OpDesc {
  std::string name;  // of the node, for messages
  std::string op;
  Attributes attrs;
  uint32_t id = 0;  // place in the graph; keys the random numbers, so it is the same in every Program of a model
  int64_t batch = 0;
  bool training = false;  // dropout active, state saved, backward will be called
  bool planOnly = false;  // it will never run: nothing is measured for it

  // An input that the graph leaves out, and an output that nobody reads, are nullopt (their pointers will be null).
  std::vector<std::optional<TensorSpec>> inputs;
  std::vector<std::optional<TensorSpec>> outputs;
  std::vector<bool> inputGradient;   // wanted by backward
  std::vector<bool> outputGradient;  // given to backward (a null pointer otherwise: zero)
  std::vector<ParamSpec> params;
  std::vector<ParamSpec> buffers;  // of the group that is kept but not optimised (running statistics, states)
};

}  // namespace cugru
