// The recurrent stack: the pass back through time, then one pass over all steps for the weights' gradients.
#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "cpu/rnn.h"

namespace cugru::cpu {

namespace {
constexpr int64_t kMaxDirections = 2;
}

// For each row of each valid step: gate gradients, input, state before. Rows whose state before is zero add nothing to the
// state weights' gradient and are left out of the second pair.
struct RnnKernel::Lists {
  const float** gates;
  const float** inputs;
  const float** stateGates;
  const float** states;
  int64_t count = 0, stateCount = 0;
};

CellPass RnnKernel::backwardPass(const KernelArgs& args, int64_t layer, int64_t direction) const {
  const int64_t units = desc_.hiddenSize, cell = layer * desc_.directions + direction;
  float* workspace = static_cast<float*>(args.workspace);
  CellPass p = pass(args, layer, direction);
  if (layer < desc_.layers - 1) {
    p.dy = workspace + layerGradient_ + direction * units;
  } else if (desc_.givesSequenceGradient && args.outputGradients[0] != nullptr) {
    p.dy = static_cast<const float*>(args.outputGradients[0]) + direction * units;
  }
  if (desc_.givesStateGradient && args.outputGradients[1] != nullptr) {
    p.dLast = static_cast<const float*>(args.outputGradients[1]) + cell * desc_.batch * units;
  }
  if (desc_.wantsStateGradient && args.inputGradients[1] != nullptr) {
    p.dInitial = static_cast<float*>(args.inputGradients[1]) + cell * desc_.batch * units;
  }
  p.carry = workspace + carry_ + direction * desc_.batch * units;
  p.biasParts = workspace + biasParts_ + direction * ((desc_.batch + kRowGroup - 1) / kRowGroup) * 4 * units;
  return p;
}

void RnnKernel::beginBackward(const CellPass& pass, int64_t first, int64_t rows) const {
  const int64_t units = desc_.hiddenSize, groups = (rows + kRowGroup - 1) / kRowGroup;
  float* carry = pass.carry + first * units;
  if (pass.dLast != nullptr) {
    std::memcpy(carry, pass.dLast + first * units, static_cast<size_t>(rows * units) * sizeof(float));
  } else {
    std::fill_n(carry, rows * units, 0.0f);
  }
  std::fill_n(pass.biasParts + first / kRowGroup * 4 * units, groups * 4 * units, 0.0f);
}

void RnnKernel::endBackward(const CellPass& pass, int64_t first, int64_t rows) const {
  const int64_t units = desc_.hiddenSize;
  if (pass.dInitial == nullptr) return;
  std::memcpy(pass.dInitial + first * units, pass.carry + first * units,
              static_cast<size_t>(rows * units) * sizeof(float));
}

// Turns the gates of one step into their gradients. Rows that had ended get zeros.
void RnnKernel::backwardGates(const CellPass& pass, const float* prepared, int64_t s, const Slice& slice) const {
  const int64_t units = desc_.hiddenSize, width = desc_.directions * units;
  const int64_t t = pass.reverse ? desc_.steps - 1 - s : s, end = slice.firstRow + slice.rows;
  const int64_t firstUnit = slice.firstBlock * table_.width, lastUnit = std::min(units, slice.lastBlock * table_.width);
  float* gates[kRowGroup];
  float* carry[kRowGroup];
  const float* state[kRowGroup];
  const float* dy[kRowGroup];
  for (int64_t group = slice.firstRow; group < end; group += kRowGroup) {
    GruBackwardStep step{units,
                         0,
                         firstUnit,
                         lastUnit,
                         gates,
                         state,
                         pass.dy ? dy : nullptr,
                         carry,
                         pass.biasParts + group / kRowGroup * 4 * units};
    for (int64_t row = group; row < std::min(group + kRowGroup, end); ++row) {
      const int64_t at = t * desc_.batch + row;
      float* gate = pass.gates + at * 4 * units;
      if (t >= length(pass, row)) {
        for (int64_t g = 0; g < 4; ++g) std::fill(gate + g * units + firstUnit, gate + g * units + lastUnit, 0.0f);
        continue;
      }
      const int64_t i = step.rows++;
      gates[i] = gate;
      carry[i] = pass.carry + row * units;
      state[i] = stateBefore(pass, prepared + offsets_.zeros, t, row);
      if (pass.dy != nullptr) dy[i] = pass.dy + at * width;
    }
    if (step.rows > 0) table_.gruBackward(step);
  }
}

// What the gates' gradients of one step mean for the state before it.
void RnnKernel::backwardState(const CellPass& pass, const float* prepared, int64_t s, const Slice& slice) const {
  if (s == 0 && pass.dInitial == nullptr) return;  // nobody asks what comes before
  const int64_t units = desc_.hiddenSize, t = pass.reverse ? desc_.steps - 1 - s : s;
  const float* gradients[kMaxTaskRows];  // [r | z | q]
  float* carry[kMaxTaskRows];
  PanelProduct product{prepared + pass.offsets->stateBackPanels,
                       3 * units,
                       0,
                       slice.firstBlock * table_.width,
                       std::min(units, slice.lastBlock * table_.width),
                       gradients,
                       carry,
                       true,
                       nullptr,
                       0};
  for (int64_t row = slice.firstRow; row < slice.firstRow + slice.rows; ++row) {
    if (t >= length(pass, row)) continue;
    gradients[product.rows] = pass.gates + (t * desc_.batch + row) * 4 * units + units;
    carry[product.rows++] = pass.carry + row * units;
  }
  if (product.rows > 0) table_.panelProduct(product);
}

// Few rows: the threads share out the units, first of the gates and then of the state.
void RnnKernel::backwardUnits(const CellPass* passes, const float* prepared, int64_t layer, CpuStream& stream) const {
  const int64_t panels = (blocks() + 1) / 2,
                parts = std::min<int64_t>(panels, 4 * stream.threads());  // a panel is two blocks
  for (int64_t d = 0; d < desc_.directions; ++d) {
    const CellPass& pass = passes[d];
    beginBackward(pass, 0, desc_.batch);
    stream.inOrder(2 * desc_.steps, parts, cellFlops(layer) / 16, [&](int64_t phase, int64_t part) {
      const int64_t s = desc_.steps - 1 - phase / 2;
      const Slice slice{0, desc_.batch, 2 * (panels * part / parts),
                        std::min(blocks(), 2 * (panels * (part + 1) / parts))};
      if (phase % 2 == 0) {
        backwardGates(pass, prepared, s, slice);
      } else {
        backwardState(pass, prepared, s, slice);
      }
    });
    endBackward(pass, 0, desc_.batch);
  }
}

// The gradient of the layer's input, both directions added in a fixed order. What it overwrites has been read by then.
void RnnKernel::inputGradients(const KernelArgs& args, const CellPass* passes, int64_t layer, CpuStream& stream) const {
  float* to = nullptr;
  if (layer > 0) {
    to = static_cast<float*>(args.workspace) + layerGradient_;
  } else if (desc_.wantsInputGradient) {
    to = static_cast<float*>(args.inputGradients[0]);
  }
  if (to == nullptr) return;
  const int64_t units = desc_.hiddenSize;
  const float* prepared = static_cast<const float*>(args.prepared);
  RowsProduct products[kMaxDirections];
  for (int64_t d = 0; d < desc_.directions; ++d) {
    RowsProduct& p = products[d];
    p.panels = prepared + passes[d].offsets->inputBackPanels;
    p.rows = desc_.steps * desc_.batch;
    p.depth = 3 * units;
    p.columns = passes[d].offsets->inputs;
    p.a = passes[d].gates;
    p.strideA = 4 * units;
    p.c = to;
    p.strideC = p.columns;
    p.accumulate = d > 0;
  }
  multiplyRows(table_, stream, products, static_cast<int>(desc_.directions));
}

void RnnKernel::weightGradients(const KernelArgs& args, const CellPass* passes, CpuStream& stream) const {
  const int64_t units = desc_.hiddenSize, all = desc_.steps * desc_.batch;
  const float* zeros = static_cast<const float*>(args.prepared) + offsets_.zeros;
  const float** memory = reinterpret_cast<const float**>(static_cast<float*>(args.workspace) + lists_);
  OuterProduct products[2 * kMaxDirections];
  for (int64_t d = 0; d < desc_.directions; ++d) {
    const CellPass& p = passes[d];
    Lists lists{memory, memory + all, memory + 2 * all, memory + 3 * all};
    memory += 4 * all;
    for (int64_t at = 0; at < all; ++at) {
      const int64_t t = at / desc_.batch, row = at % desc_.batch;
      if (t >= length(p, row)) continue;
      const float* gates = p.gates + at * 4 * units;
      lists.gates[lists.count] = gates;
      lists.inputs[lists.count++] = p.x + at * p.offsets->inputs;
      const float* before = stateBefore(p, zeros, t, row);
      if (before == zeros) continue;
      lists.stateGates[lists.stateCount] = gates + units;
      lists.states[lists.stateCount++] = before;
    }
    // Gate gradients lie as n, r, z; the weights' rows as r, z, n.
    products[2 * d] = {
        lists.gates, lists.inputs, nullptr,   nullptr,           0,
        0,           lists.count,  3 * units, p.offsets->inputs, args.paramGradients + p.offsets->weightInput,
        2 * units};
    products[2 * d + 1] = {lists.stateGates,
                           lists.states,
                           nullptr,
                           nullptr,
                           0,
                           0,
                           lists.stateCount,
                           3 * units,
                           units,
                           args.paramGradients + p.offsets->weightState,
                           0};
  }
  addOuterProducts(table_, stream, products, static_cast<int>(2 * desc_.directions));
}

void RnnKernel::biasGradients(const CellPass& p, float* gradients) const {
  const int64_t units = desc_.hiddenSize, groups = (desc_.batch + kRowGroup - 1) / kRowGroup;
  float* sum = p.biasParts;  // the first group's part takes the others
  table_.addRows(sum + 4 * units, 4 * units, groups - 1, sum, 4 * units);
  float* input = gradients + p.offsets->biasInput;
  float* state = gradients + p.offsets->biasState;
  table_.add(input + 2 * units, sum, input + 2 * units, units);
  table_.add(input, sum + units, input, 2 * units);
  table_.add(state, sum + units, state, 3 * units);
}

void RnnKernel::backward(const KernelArgs& args, Stream& stream) {
  if (!desc_.training) fail(code::kInternal, "a recurrent kernel made for inference has no backward");
  const float* prepared = static_cast<const float*>(args.prepared);
  for (int64_t layer = desc_.layers - 1; layer >= 0; --layer) {
    CellPass passes[kMaxDirections];
    for (int64_t d = 0; d < desc_.directions; ++d) passes[d] = backwardPass(args, layer, d);
    if (sharesUnits(cpu(stream).threads())) {
      backwardUnits(passes, prepared, layer, cpu(stream));
    } else {
      eachSlice(layer, 1, cpu(stream), [&](int64_t direction, int64_t first, int64_t rows) {
        const CellPass& p = passes[direction];
        const Slice slice{first, rows, 0, blocks()};
        beginBackward(p, first, rows);
        for (int64_t s = desc_.steps - 1; s >= 0; --s) {
          backwardGates(p, prepared, s, slice);
          backwardState(p, prepared, s, slice);
        }
        endBackward(p, first, rows);
      });
    }
    inputGradients(args, passes, layer, cpu(stream));
    if (args.paramGradients == nullptr) continue;
    weightGradients(args, passes, cpu(stream));
    for (int64_t d = 0; d < desc_.directions; ++d) biasGradients(passes[d], args.paramGradients);
  }
}

}  // namespace cugru::cpu
