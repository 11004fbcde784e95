// The rules of each operation that hold on every backend: what goes in, what comes out, which parameters it has.
// A new operation is one schema here and one kernel file per backend.
#pragma once

#include <string>
#include <vector>

#include "core/op_desc.h"

namespace cugru {

struct OpSchema {
  const char* op;
  // Checks inputs, outputs and attributes (CugruError naming the axes) and returns the parameters that the op needs.
  std::vector<ParamSpec> (*check)(const OpDesc& desc);
  bool identityInInference = false;  // left out when not training (dropout)
  bool isLoss = false;
  int64_t (*confusionClasses)(const OpDesc& desc) = nullptr;        // losses that count; 0 or null: no confusion matrix
  std::vector<ParamSpec> (*buffers)(const OpDesc& desc) = nullptr;  // what the operation keeps; null: nothing
  int picked = -1;  // the input whose rows are picked by number (a slab), by the next one's (indices), if there is that
  int lengths = -1;    // the input with the valid steps of input 0, bounded to 1 .. steps before a kernel reads it
  bool keeps = false;  // a node of it without outputs leaves something behind: it runs in all modes, after the others
};

// ERR_GRAPH for an unknown name, listing the known ones.
const OpSchema& findSchema(const std::string& op);

// Helpers for the schemas. All name the node and the axis in what they throw.
void expectCounts(const OpDesc& desc, size_t minInputs, size_t maxInputs, size_t outputs);
const TensorSpec& inputSpec(const OpDesc& desc, size_t index, const char* what);  // must be there
void expectSpec(const OpDesc& desc, const std::optional<TensorSpec>& got, const TensorSpec& wanted, const char* what);

}  // namespace cugru
