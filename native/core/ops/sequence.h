// Descriptions of the operations that move elements about and read sequences out, as in ops.h: inputs and outputs in order, "?"
// marks what may be left out, `batch` stands for batch * rows, and all tensors are f32 and have the same rows unless said otherwise.
// Gradients go to every f32 input unless said otherwise.
#pragma once

#include <string>
#include <vector>

#include "core/op_desc.h"

namespace cugru {

// ---- rearrange: an index map inside of each batch row, whose canonical order is [steps?][rows][dims...].
//   in  x   out y, of any steps, rows and dims
//   attrs map? (one entry for each element of y's row: the place in x's row, -1: zero; absent: identity, as many in as out)
//   y[b][e] = x[b][map[e]]. The gradient of an element that is read several times is the sum, in the order of y's row.
struct RearrangeDesc {
  TensorSpec from, to;
  int64_t batch = 0;
  IndexArray map;                                                    // null: identity
  int64_t fromChunk() const { return from.features() * from.rows; }  // of one step of a batch row: neighbours in memory
  int64_t toChunk() const { return to.features() * to.rows; }
};
RearrangeDesc rearrangeDesc(const OpDesc& desc);
std::vector<ParamSpec> checkRearrange(const OpDesc& desc);

// A sequence as operations over steps see it: [steps, rows, features], rows = batch * rows.
struct SequenceDesc {
  int64_t steps = 0, rows = 0, features = 0;
  bool hasLengths = false;
  int64_t rowsOfBatch = 1;  // rows that belong to one batch row
  int64_t stepElements() const { return rows * features; }
  int64_t elements() const { return steps * rows * features; }
};

// ---- reverse: the valid steps from the last to the first; zero behind them.
//   in  x [steps, batch, dims...],  lengths? i32 [batch] (full)   out y as x
SequenceDesc reverseDesc(const OpDesc& desc);
std::vector<ParamSpec> checkReverse(const OpDesc& desc);

// ---- reduceSteps: one value of all valid steps.
//   in  x [steps, batch, dims...],  lengths? i32 [batch] (full)   out y [batch, dims...]
//   attrs kind: mean | max (NaN if there is one; the gradient goes to the first largest step) | first | last (the last valid step)
enum class Reduction : uint8_t { mean, max, first, last };
struct ReduceStepsDesc : SequenceDesc {
  Reduction kind = Reduction::mean;
  bool training = false;
};
ReduceStepsDesc reduceStepsDesc(const OpDesc& desc);
std::vector<ParamSpec> checkReduceSteps(const OpDesc& desc);

// ---- attentionPool: a mean of the valid steps, weighted by the softmax of a score for each.
//   in  x [steps, batch, dims...],  scores [steps, batch, 1],  lengths? i32 [batch] (full)
//   out y [batch, dims...] = sum over t of w_t x_t,  weights? [steps, batch, 1] (zero behind the end; no gradient comes back)
struct AttentionPoolDesc : SequenceDesc {
  bool training = false;
};
AttentionPoolDesc attentionPoolDesc(const OpDesc& desc);
std::vector<ParamSpec> checkAttentionPool(const OpDesc& desc);

// ---- concat: two to eight tensors side by side on the last axis. All other axes are the same.
struct ConcatDesc {
  int64_t positions = 0;  // everything but the last axis
  std::vector<int64_t> widths;
  int64_t width = 0;
};
constexpr size_t kMaxConcat = 8;
ConcatDesc concatDesc(const OpDesc& desc);
std::vector<ParamSpec> checkConcat(const OpDesc& desc);

// ---- addTable: y = x + table[step].
//   in  x [steps, batch, dims...]   out y as x   params table (steps, features)
SequenceDesc addTableDesc(const OpDesc& desc);
std::vector<ParamSpec> checkAddTable(const OpDesc& desc);

// ---- appendTable: y = concat(x, table[step]), with a table that is constant.
//   in  x [steps, batch, features]   out y [steps, batch, features + width]   attrs width, table (steps * width floats)
struct AppendTableDesc : SequenceDesc {
  int64_t width = 0;
  FloatArray table;
};
AppendTableDesc appendTableDesc(const OpDesc& desc);
std::vector<ParamSpec> checkAppendTable(const OpDesc& desc);

// ---- trailingLengths: how many steps there are before the padding at a row's end.
//   in  x [steps, batch, dims...]   out i32 [batch]: 1 + the last step with a feature that is not `value`, at least 1
//   attrs value? (0)   no gradient
struct TrailingLengthsDesc : SequenceDesc {
  float value = 0;
};
TrailingLengthsDesc trailingLengthsDesc(const OpDesc& desc);
std::vector<ParamSpec> checkTrailingLengths(const OpDesc& desc);

// ---- state: what one run leaves to the next. Truncated backpropagation: no gradient goes through it.
//   write false   in none   out [states, batch, dims...], as it was left (zeros at first)
//   write true    in x [states, batch, dims...]   out none; rows of the batch that are padding keep what they had
//   attrs write? (false)   buffers state (states, batch * rows, features)
// Writing comes after everything else that runs forward, so a state that is read in the same step is the one from before.
struct StateDesc : SequenceDesc {
  bool writes = false;
};
StateDesc stateDesc(const OpDesc& desc);
std::vector<ParamSpec> checkState(const OpDesc& desc);
std::vector<ParamSpec> stateBuffers(const OpDesc& desc);

}  // namespace cugru
