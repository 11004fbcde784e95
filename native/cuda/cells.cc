// The cells that cuDNN has not: gru-reset-before, cifg-lstm and leaky-cifg. The input's product of all steps is one of cuBLASLt's, then
// each step is the state's product and one pointwise kernel (kernels/cells.cu); back likewise, and the gates' gradients of all steps
// then make one product for each weight matrix. Lengths are read on the device, so nothing waits and the launches are always the same.
//
// The floor in launches, with D directions and T steps, for each layer:
//   cifg-lstm, leaky-cifg   T (D + 1) forward, T (D + 1) back: a product for each direction, one pointwise kernel for all
//   gru-reset-before        T (2 D + 2) forward, T (2 D + 2) back: r * h, the candidate's product and its pointwise kernel in between
// and, beside the steps, for each direction: one product and a copy or fill for each state forward; back a copy or fill for each
// state and its gradient, one product for dx, two for the weights (three for gru-reset-before), two or three kernels for biases, and with
// lengths one kernel for x. test/cuda/cells_launches.test.ts counts them.
#include "cuda/cells.h"

#include "core/error.h"

namespace cugru::cuda {

namespace {

// By phase of a step.
struct CellNames {
  const char *forward[kMaxPhases], *backward[kMaxPhases];
};
CellNames namesOf(Cell cell) {
  switch (cell) {
    case Cell::cifgLstm: return {{"cifg_forward"}, {"cifg_backward"}};
    case Cell::leakyCifg: return {{"leaky_forward"}, {"leaky_backward"}};
    case Cell::gruResetBefore:
      return {{"reset_gates_forward", "reset_candidate_forward"}, {"reset_gates_backward", "reset_candidate_backward"}};
    default: fail(code::kInternal, "the cell ", cellKind(cell).name, " is cuDNN's");
  }
}

}  // namespace

CellsKernel::CellsKernel(const OpDesc& desc, const DeviceRef& device)
    : desc_(rnnDesc(desc)),
      phases_(desc_.cell),
      places_(cellPlaces(desc_)),
      products_(desc_, device, precisionOf(desc.attrs), !desc.planOnly) {
  const CellNames names = namesOf(desc_.cell);
  for (int phase = 0; phase < phases_.count; ++phase) {
    forward_[phase] = {*device, "cells.cu", names.forward[phase]};
    if (desc_.training) backward_[phase] = {*device, "cells.cu", names.backward[phase]};
  }
  if (desc_.training) {
    biasGradients_ = {*device, desc_.steps * desc_.batch, sums()};
    if (desc_.hasLengths) endRows_ = {*device, "rnn.cu", "rnn_end_rows"};
  }
  planMemory();
}

std::string CellsKernel::variant() const { return text("cuda cublasLt ", cellKind(desc_.cell).name); }

void CellsKernel::copyOrZero(const float* from, float* to, CudaStream& stream) const {
  if (from != nullptr) {
    stream.copy(to, from, stateBytes());
  } else {
    stream.zero(to, stateBytes());
  }
}

void CellsKernel::forward(const KernelArgs& args, Stream& stream) {
  CudaStream& s = cuda(stream);
  for (int64_t layer = 0; layer < desc_.layers; ++layer) {
    CellPass passes[kMostDirections];
    for (int64_t d = 0; d < desc_.directions; ++d) {
      const CellPass& p = passes[d] = pass(args, layer, d);
      const int64_t first = p.reverse ? desc_.steps : 0;
      copyOrZero(p.initial, p.states.at(first), s);
      if (hasCell()) copyOrZero(p.initialCell, p.memory.at(first), s);
      products_.project(layer).run(p.x, p.params + p.at.weightInput, p.gates, nullptr, productSpace(args), s);
    }
    for (int64_t step = 0; step < desc_.steps; ++step) {
      for (int phase = 0; phase < phases_.count; ++phase) forwardPhase(args, passes, step, phase, s);
    }
  }
}

void CellsKernel::forwardPhase(const KernelArgs& args, const CellPass* passes, int64_t step, int phase,
                               CudaStream& stream) const {
  const bool ends = step == desc_.steps - 1;
  ForwardSteps steps{};
  for (int64_t d = 0; d < desc_.directions; ++d) {
    const CellPass& p = passes[d];
    const int64_t t = stepAt(p, step);
    const float* state = p.states.at(p.before(t));
    float* memory = p.memory.at(hasCell() ? p.after(t) : t);
    products_.state(phase).run(phase == 0 ? state : memory, p.params + stateWeights(p, phase), gatesAt(p, t, phase),
                               nullptr, productSpace(args), stream);
    ForwardStep& one = steps.of[d];
    one.gates = gatesAt(p, t, 0);
    one.biasInput = p.params + p.at.biasInput;
    if (p.at.biasState >= 0) one.biasState = p.params + p.at.biasState;
    one.stateBefore = state;
    one.state = p.states.at(p.after(t));
    if (hasCell()) one.memoryBefore = p.memory.at(p.before(t));
    one.memory = memory;
    if (p.y != nullptr) one.y = p.y + t * desc_.batch * width();
    if (ends) one.last = p.last;
    if (ends) one.lastCell = p.lastCell;
    one.step = t;
  }
  forward_[phase](stream, grid(), kFlatBlock, steps, shape(args));
}

void CellsKernel::backward(const KernelArgs& args, Stream& stream) {
  if (!desc_.training) fail(code::kInternal, "a recurrent kernel made for inference has no backward");
  CudaStream& s = cuda(stream);
  for (int64_t layer = desc_.layers - 1; layer >= 0; --layer) {
    CellPass passes[kMostDirections];
    for (int64_t d = 0; d < desc_.directions; ++d) {
      const CellPass& p = passes[d] = backwardPass(args, layer, d);
      copyOrZero(p.dLast, p.carry, s);
      if (hasCell()) copyOrZero(p.dLastCell, p.memoryCarry, s);
    }
    for (int64_t step = desc_.steps - 1; step >= 0; --step) {
      for (int phase = phases_.count - 1; phase >= 0; --phase) backwardPhase(args, passes, step, phase, s);
    }
    for (int64_t d = 0; d < desc_.directions; ++d) {
      const CellPass& p = passes[d];
      if (p.dInitial != nullptr) s.copy(p.dInitial, p.carry, stateBytes());
      if (p.dInitialCell != nullptr) s.copy(p.dInitialCell, p.memoryCarry, stateBytes());
    }
    inputGradient(args, passes, layer, s);
    if (args.paramGradients != nullptr) weightGradients(args, passes, layer, s);
  }
}

void CellsKernel::backwardPhase(const KernelArgs& args, const CellPass* passes, int64_t step, int phase,
                                CudaStream& stream) const {
  BackwardSteps steps{};
  for (int64_t d = 0; d < desc_.directions; ++d) {
    const CellPass& p = passes[d];
    const int64_t t = stepAt(p, step);
    BackwardStep& one = steps.of[d];
    one.gates = gatesAt(p, t, 0);
    one.stateBefore = p.states.at(p.before(t));
    if (hasCell()) one.memoryBefore = p.memory.at(p.before(t));
    if (hasCell()) one.memory = p.memory.at(p.after(t));
    if (p.dy != nullptr) one.dy = p.dy + t * desc_.batch * width();
    one.carry = p.carry;
    one.memoryCarry = p.memoryCarry;
    one.step = t;
  }
  backward_[phase](stream, grid(), kFlatBlock, steps, shape(args));
  for (int64_t d = 0; d < desc_.directions; ++d) {
    const CellPass& p = passes[d];
    if (step == 0 && phase == 0 && p.dInitial == nullptr) continue;  // nobody asks what comes before
    products_.stateBack(phase).run(gatesAt(p, stepAt(p, step), phase), p.params + stateWeights(p, phase),
                                   phase == 0 ? p.carry : p.memoryCarry, nullptr, productSpace(args), stream);
  }
}

// Both directions added in a fixed order. What it overwrites, the gradient of this layer's y, has been read by then.
void CellsKernel::inputGradient(const KernelArgs& args, const CellPass* passes, int64_t layer,
                                CudaStream& stream) const {
  float* to = layer > 0                  ? workspace(args, layerGradient_)
              : desc_.wantsInputGradient ? static_cast<float*>(args.inputGradients[0])
                                         : nullptr;
  if (to == nullptr) return;
  for (int64_t d = 0; d < desc_.directions; ++d) {
    const CellPass& p = passes[d];
    products_.inputGradient(layer, d > 0)
        .run(p.gates, p.params + p.at.weightInput, to, nullptr, productSpace(args), stream);
  }
}

// The gates' gradients of rows that have ended are zero, and so must be what is multiplied with them: zero times a NaN is none.
void CellsKernel::weightGradients(const KernelArgs& args, const CellPass* passes, int64_t layer,
                                  CudaStream& stream) const {
  const float* x = passes[0].x;
  if (layer == 0 && desc_.hasLengths) {
    float* ended = workspace(args, endedInput_);
    endRows_(stream, flatGrid(desc_.steps * desc_.batch * desc_.inputSize), kFlatBlock, x, ended, nullptr,
             shape(args).lengths, desc_.steps, desc_.batch, desc_.inputSize, 0);
    x = ended;
  }
  for (int64_t d = 0; d < desc_.directions; ++d) {
    const CellPass& p = passes[d];
    float* to = args.paramGradients;
    products_.weightInput(layer).run(p.gates, x, to + p.at.weightInput, nullptr, productSpace(args), stream);
    for (int phase = 0; phase < phases_.count; ++phase) {
      const float* states = phase == 0 ? p.states.at(p.before(0)) : p.memory.at(0);
      products_.weightState(phase).run(gatesAt(p, 0, phase), states, to + stateWeights(p, phase), nullptr,
                                       productSpace(args), stream);
    }
    float* biasState = p.at.biasState >= 0 ? to + p.at.biasState : nullptr;
    biasGradients_.add(p.gates, workspace(args, biasParts_), to + p.at.biasInput, biasState, stream);
  }
}

std::unique_ptr<Kernel> makeCells(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<CellsKernel>(desc, device);
}

}  // namespace cugru::cuda
