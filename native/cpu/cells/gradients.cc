// A stack of cells: what the gates' gradients of all steps mean for the input, the weights and the biases.
#include "cpu/cells/gradients.h"

#include <algorithm>

#include "cpu/cells/cells.h"
#include "cpu/gemm.h"

namespace cugru::cpu {

// For each row of each valid step: gate gradients, input; and where the state before is not zero: gate gradients and state, for
// gru-reset-before also the candidate's gradients and r * h.
struct CellsKernel::GradientLists {
  const float **gates, **inputs, **stateGates, **states, **candidates, **products;
  int64_t count = 0, stateCount = 0;
};

// The gradient of the layer's input, both directions added in a fixed order. What it overwrites has been read by then.
void CellsKernel::inputGradients(const KernelArgs& args, const CellsPass* passes, int64_t layer,
                                 CpuStream& stream) const {
  float* to = nullptr;
  if (layer > 0) {
    to = static_cast<float*>(args.workspace) + layerGradient_;
  } else if (desc_.wantsInputGradient) {
    to = static_cast<float*>(args.inputGradients[0]);
  }
  if (to == nullptr) return;
  RowsProduct products[2];
  for (int64_t d = 0; d < desc_.directions; ++d) {
    RowsProduct& p = products[d];
    p.panels = passes[d].prepared + passes[d].offsets->inputBackPanels;
    p.rows = desc_.steps * desc_.batch;
    p.depth = p.strideA = sums();
    p.columns = p.strideC = passes[d].offsets->inputs;
    p.a = passes[d].gates;
    p.c = to;
    p.accumulate = d > 0;
  }
  multiplyRows(table_, stream, products, static_cast<int>(desc_.directions));
}

void CellsKernel::weightGradients(const KernelArgs& args, const CellsPass* passes, CpuStream& stream) const {
  const int64_t units = desc_.hiddenSize, all = desc_.steps * desc_.batch;
  const float* zeros = passes[0].prepared + plan_.zeros;
  const float** memory = reinterpret_cast<const float**>(static_cast<float*>(args.workspace) + lists_);
  const GatePhase& phase = plan_.phases.at[0];
  const GatePhase& second = plan_.phases.at[1];
  const auto product = [](const float** a, const float** b, int64_t depth, int64_t height, int64_t columns, float* c) {
    return OuterProduct{a, b, nullptr, nullptr, 0, 0, depth, height, columns, c, 0};
  };
  OuterProduct products[2 * 3];
  int count = 0;
  for (int64_t d = 0; d < desc_.directions; ++d) {
    const CellsPass& p = passes[d];
    GradientLists lists{memory, memory + all, memory + 2 * all, memory + 3 * all, memory + 4 * all, memory + 5 * all};
    memory += kGradientLists * all;
    for (int64_t at = 0; at < all; ++at) {
      const int64_t t = at / desc_.batch, row = at % desc_.batch;
      if (t >= length(p, row)) continue;
      const float* gates = p.gates + at * sums();
      lists.gates[lists.count] = gates;
      lists.inputs[lists.count++] = p.x + at * p.offsets->inputs;
      const float* state = before(p, p.states, p.initial, t, row);
      if (state == zeros) continue;
      lists.stateGates[lists.stateCount] = gates;
      lists.candidates[lists.stateCount] = gates + second.firstGate * units;
      lists.products[lists.stateCount] = p.memory.base != nullptr ? p.memory.at(t, row) : nullptr;
      lists.states[lists.stateCount++] = state;
    }
    float* state = args.paramGradients + p.offsets->weightState;
    products[count++] = product(lists.gates, lists.inputs, lists.count, sums(), p.offsets->inputs,
                                args.paramGradients + p.offsets->weightInput);
    products[count++] = product(lists.stateGates, lists.states, lists.stateCount, phase.gates * units, units, state);
    if (second.gates == 0) continue;
    products[count++] = product(lists.candidates, lists.products, lists.stateCount, second.gates * units, units,
                                state + second.firstGate * units * units);
  }
  addOuterProducts(table_, stream, products, count);
}

// Sums over fixed blocks of rows, then over the blocks. Rows that had ended hold zeros.
void CellsKernel::biasGradients(const KernelArgs& args, const CellsPass& p, CpuStream& stream) const {
  const int64_t rows = desc_.steps * desc_.batch, columns = sums(), parts = biasParts(rows);
  float* sum = static_cast<float*>(args.workspace) + biasParts_;
  stream.parallel(parts, static_cast<double>(rows * columns) / 4, [&](int64_t part) {
    const int64_t first = part * kBiasRows;
    float* to = sum + part * columns;
    std::fill_n(to, columns, 0.0f);
    table_.addRows(p.gates + first * columns, columns, std::min(kBiasRows, rows - first), to, columns);
  });
  table_.addRows(sum + columns, columns, parts - 1, sum, columns);
  for (const int64_t bias : {p.offsets->biasInput, p.offsets->biasState}) {
    if (bias >= 0) table_.add(args.paramGradients + bias, sum, args.paramGradients + bias, columns);
  }
}

}  // namespace cugru::cpu
