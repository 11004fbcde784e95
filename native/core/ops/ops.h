// Each operation's description in typed form, read and checked once from an OpDesc; kernels use these, not attributes.
// Inputs and outputs are listed in order; "?" marks what may be left out.
//
// Shapes leave out the `rows` of a tensor (core/tensor.h): where it says batch, batch * rows is meant, and all tensors of a node have
// the same rows, unless said otherwise. Slabs, indices and losses have whole rows (rows 1).
#pragma once

#include <string>
#include <vector>

#include "core/augment.cuh"
#include "core/op_desc.h"
#include "core/ops/cell.h"

namespace cugru {

// ---- gather: rows of a slab, picked by index, mapped to a sequence and normalised.
//   in   slab [rows, source...] u8 | f32 | i32,  indices i32 (one per batch row, from control.firstRow on); or, without indices,
//        x [batch, source...] f32, which takes no gradient: what is otherwise a row of the slab is then a row of the batch
//   out  [steps?, batch, dims...] f32 (i32 from an i32 slab)
//   out[t][b][f] = (slab[indices[b]][map[t * features + f]] * scale - mean[c]) / std[c],  c = map[...] % channels;
//   scale is 1/255 for u8, else 1. map entry -1 gives 0 after normalisation. Rows >= validRows give `fill`.
//   attrs map? (absent: identity), channels? (default 1), fill? (integers only, default 0)
//   params (a buffer group, optional): mean [channels], std [channels]
struct GatherDesc {
  TensorSpec slab, out;             // slab: or x
  bool picks = true;                // by indices
  int64_t batch = 0, features = 0;  // features: of one step
  int64_t channels = 1;
  int32_t fill = 0;
  bool normalizes = false;
  IndexArray map;  // null: identity
};
GatherDesc gatherDesc(const OpDesc& desc);
std::vector<ParamSpec> checkGather(const OpDesc& desc);

// ---- augment: images of a slab, picked by index and changed at random, once for each sample and epoch. For training only.
//   in   slab [rows, source...] u8 | f32 (a row is height x width x channels),  indices i32,
//        samples? i32 [batch] (absent: the slab's row numbers)
//   out  image [batch, height, width, channels] f32: u8 scaled by 1/255, not normalised; 0 in rows >= validRows
//        partners? i32 [batch], lambda? f32 [batch]: image = lambda * own + (1 - lambda) * partner's, by mixup or cutmix. A partner is
//        the next valid row, the first one after the last; without mixing the row itself, with lambda 1
//   attrs height, width, channels, kinds Int32Array (of AugmentKind), values Float32Array (kAugmentValues for each kind),
//         fill? (0): what lies outside of the image
//   All shifts, flips, rotations and scalings, in their order, are one inverse map with bilinear interpolation, or a copy where it
//   takes whole pixels to whole pixels. Then come erase, brightness min(max(f x, 0), 1) and contrast min(max(m + f (x - m), 0), 1), m
//   the mean of all values, in their order; then one of the mixing steps. What is drawn, and how: core/augment.cuh.
struct AugmentDesc {
  AugmentPlan plan{};
  TensorSpec slab;
  int64_t batch = 0, elements = 0;  // elements: of an image
  bool hasSamples = false;
  uint32_t opId = 0;
};
AugmentDesc augmentDesc(const OpDesc& desc);
std::vector<ParamSpec> checkAugment(const OpDesc& desc);

// ---- rnn: a stack of recurrent layers, one or both directions, without dropout in between.
//   in   x [steps, batch, inputSize],  h0? [layers * directions, batch, units] (zeros),  lengths? i32 [batch] (full),
//        c0? as h0 (cells with a second state only)
//   out  y? [steps, batch, directions * units] of the last layer,  hN? [layers * directions, batch, units],
//        cN? as hN (cells with a second state, which have three outputs; the others have two)
//   attrs cell, units, layers? (1), bidirectional? (false)
//   params per layer k and direction: weight_ih_l{k}[_reverse] (G * H, in), weight_hh_l{k} (G * H, H), bias_ih_l{k} (G * H) and,
//   where the cell has two, bias_hh_l{k} (G * H). With a_g = W_g x + b_g + U_g h the sum of gate g, s the logistic function:
//     gru               r, z, n     n = tanh(W_n x + b_in + r * (U_n h + b_hn)),  h' = (1 - z) * n + z * h
//     gru-reset-before  r, z, n     n = tanh(W_n x + b_n + U_n (r * h)),          h' = (1 - z) * n + z * h
//     lstm              i, f, g, o  c' = f * c + i * g,  h' = o * tanh(c')        i, f, o = s(a), g = tanh(a)
//     cifg-lstm         f, g, o     lstm with i = 1 - f
//     leaky-cifg        z, r, c     c' = z * c + (1 - z) * tanh(a_c),  h' = (1 - r) * h + r * tanh(c')
//     rnn-tanh, rnn-relu            h' = tanh(a) or max(a, 0)
//   With lengths: y is 0 from a row's length on, hN and cN are its last valid states, the reverse direction starts at its end.
const CellKind& cellKind(Cell cell);
// A cell's gates fall into those that multiply h and, for gru-reset-before, the candidate that multiplies r * h.
constexpr int kMaxPhases = 2;
struct GatePhase {
  int64_t firstGate = 0, gates = 0;
};
struct GatePhases {
  explicit GatePhases(Cell cell);
  int count = 1;
  GatePhase at[kMaxPhases];
};
struct RnnShape {
  Cell cell = Cell::gru;
  int64_t inputSize = 0, hiddenSize = 0, layers = 1, directions = 1;
  int64_t gates() const { return cellKind(cell).gates; }
  int64_t layerInput(int64_t layer) const { return layer == 0 ? inputSize : hiddenSize * directions; }
};
struct RnnDesc : RnnShape {
  int64_t steps = 0, batch = 0;
  bool training = false;
  bool hasInitialState = false, hasLengths = false, hasInitialCell = false;
  bool wantsSequence = false, wantsState = false, wantsCell = false;
  bool wantsInputGradient = false, wantsStateGradient = false, wantsCellGradient = false;     // dx, dh0, dc0
  bool givesSequenceGradient = false, givesStateGradient = false, givesCellGradient = false;  // dy, dhN, dcN
};
std::vector<ParamSpec> rnnParams(const RnnShape& shape);
RnnShape rnnShape(const GroupDesc& group);  // refuses params that are not rnnParams
RnnDesc rnnDesc(const OpDesc& desc);
std::vector<ParamSpec> checkRnn(const OpDesc& desc);

// ---- lastState: the read-out of the last layer's final states.
//   in  hN [layers * directions, batch, units]   out [batch, directions * units], forward before reverse
//   attrs directions? (1)
struct LastStateDesc {
  int64_t batch = 0, units = 0, directions = 1, states = 1;  // states = layers * directions
};
LastStateDesc lastStateDesc(const OpDesc& desc);
std::vector<ParamSpec> checkLastState(const OpDesc& desc);

// ---- dense: activation(x W^T + b) on the last axis.
//   in  x [steps?, batch, ..., in]   out [steps?, batch, ..., units]   attrs units, activation? ('linear'), useBias? (true)
//   params weight (units, in), bias? (units)
enum class Activation : uint8_t { linear, relu, tanh, sigmoid, gelu, silu };
Activation activation(const std::string& name);  // those of dense: up to sigmoid; ERR_VALUE lists the known ones
struct DenseDesc {
  int64_t rows = 0;  // steps * batch * what lies between
  int64_t inputs = 0, units = 0;
  Activation activation = Activation::linear;
  bool hasBias = true;
};
DenseDesc denseDesc(const OpDesc& desc);
std::vector<ParamSpec> checkDense(const OpDesc& desc);

// ---- softmax: over the last axis. in, out [steps?, batch, classes]
// ---- dropout: inverted dropout. out = keep ? in / (1 - rate) : 0; kept when uniform01(Philox(seed, op id, step, element)) >= rate,
//      element = index in memory order. attrs rate in [0, 1), scope? element | row: one draw for all steps and features of a row,
//      element = its number among batch * rows
// ---- add: scale times the sum of two to eight tensors alike. in a, b, ...  out [steps?, batch, dims...]   attrs scale? (1)
// ---- activation: in x  out y   attrs kind: relu | tanh | sigmoid | gelu (x Phi(x), Phi the normal distribution) | silu (x s(x))
// ---- multiply: the product of two tensors alike, element by element. in a, b  out [steps?, batch, dims...]
struct RowsDesc {
  int64_t rows = 0;  // steps * batch
  int64_t features = 0;
  float rate = 0;    // dropout
  size_t terms = 0;  // add
  Activation activation = Activation::linear;
  float scale = 1;         // add
  int64_t rowsOfStep = 0;  // batch * rows
  bool wholeRows = false;  // dropout of scope row
  uint32_t opId = 0;
};
RowsDesc softmaxDesc(const OpDesc& desc);
RowsDesc dropoutDesc(const OpDesc& desc);
RowsDesc addDesc(const OpDesc& desc);
RowsDesc multiplyDesc(const OpDesc& desc);
RowsDesc activationDesc(const OpDesc& desc);
std::vector<ParamSpec> checkSoftmax(const OpDesc& desc);
std::vector<ParamSpec> checkDropout(const OpDesc& desc);
std::vector<ParamSpec> checkAdd(const OpDesc& desc);
std::vector<ParamSpec> checkMultiply(const OpDesc& desc);
std::vector<ParamSpec> checkActivation(const OpDesc& desc);

// ---- softmaxCrossEntropy: -sum_c target_c log softmax(logits)_c, summed over valid rows; gradient of its mean over valid rows.
//   in  logits [batch, classes],  labels slab i32 [] (class) or f32 [classes] (a distribution),  indices i32
//   out none; counts into metrics: loss, rows, correct (argmax of logits against argmax of the label), confusion
//   attrs labelSmoothing? in [0, 1): target = (1 - s) * label + s / classes
// ---- meanSquaredError: mean over a row's features, summed over valid rows; gradient of its mean over valid rows.
//   in  prediction [steps?, batch, dims...],  targets slab f32 (a row's elements in canonical order),  indices i32
// ---- squaredError: the same between two tensors of the graph; the mean over a row's valid elements. No gradient to the target.
//   in  prediction [steps?, batch, dims...],  target as prediction,  lengths? i32 [batch] (full)
//   of all rows (core/tensor.h) of a batch row together
struct LossDesc {
  int64_t batch = 0, steps = 1, features = 0;  // features: of one step; classes for cross entropy
  int64_t rows = 1;                            // of a batch row
  bool hasLengths = false;
  bool softLabels = false;
  bool mixes = false;  // partners and lambda
  float labelSmoothing = 0;
};
LossDesc softmaxCrossEntropyDesc(const OpDesc& desc);
LossDesc meanSquaredErrorDesc(const OpDesc& desc);
LossDesc squaredErrorDesc(const OpDesc& desc);
std::vector<ParamSpec> checkSoftmaxCrossEntropy(const OpDesc& desc);
std::vector<ParamSpec> checkMeanSquaredError(const OpDesc& desc);
std::vector<ParamSpec> checkSquaredError(const OpDesc& desc);
int64_t softmaxCrossEntropyClasses(const OpDesc& desc);

}  // namespace cugru
