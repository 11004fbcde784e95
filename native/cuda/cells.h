// The kernel of the cells that cuDNN has not: forward and back through time in cells.cc, memory and pointers in cells_memory.cc.
#pragma once

#include <string>
#include <vector>

#include "cuda/cells_plan.h"
#include "cuda/column_sums.h"

namespace cugru::cuda {

constexpr int kMostDirections = 2;

// States of all steps in the order of time, or the last few of them in turn.
struct Slots {
  float* base = nullptr;
  int64_t floats = 0, ring = 0;  // of a slot; how many are kept (0: all)
  float* at(int64_t slot) const { return base == nullptr ? nullptr : base + (ring > 0 ? slot % ring : slot) * floats; }
};

// One layer in one direction, with the pointers of a call. "Memory" is the cell state c, or r * h of gru-reset-before. A state has a
// slot for each step and one for the initial state, which comes first, or last where time runs backwards: so the states before all
// steps are one matrix. r * h has one for each step.
struct CellPass {
  const float* params = nullptr;
  CellPlaces at;
  bool reverse = false;
  const float* x = nullptr;
  float* gates = nullptr;  // [steps][batch][gates * units]
  Slots states, memory;
  const float *initial = nullptr, *initialCell = nullptr;
  float *y = nullptr, *last = nullptr, *lastCell = nullptr;
  // back
  const float *dy = nullptr, *dLast = nullptr, *dLastCell = nullptr;
  float *dInitial = nullptr, *dInitialCell = nullptr, *carry = nullptr, *memoryCarry = nullptr;

  int64_t before(int64_t t) const { return reverse ? t + 1 : t; }
  int64_t after(int64_t t) const { return reverse ? t : t + 1; }
};

// These five as in kernels/cells.cu.
struct ForwardStep {
  float* gates;
  const float *biasInput, *biasState, *stateBefore;
  float* state;
  const float* memoryBefore;
  float *memory, *y, *last, *lastCell;
  int64_t step;
};
struct ForwardSteps {
  ForwardStep of[kMostDirections];
};
struct BackwardStep {
  float* gates;
  const float *stateBefore, *memoryBefore, *memory, *dy;
  float *carry, *memoryCarry;
  int64_t step;
};
struct BackwardSteps {
  BackwardStep of[kMostDirections];
};
struct StepShape {
  const int32_t* lengths;
  int64_t batch, units, gates, width;
};

using ForwardFunction = Function<ForwardSteps, StepShape>;
using BackwardFunction = Function<BackwardSteps, StepShape>;

class CellsKernel final : public Kernel {
 public:
  CellsKernel(const OpDesc& desc, const DeviceRef& device);
  KernelSizes sizes() const override { return sizes_; }
  std::string variant() const override;
  void forward(const KernelArgs& args, Stream& stream) override;
  void backward(const KernelArgs& args, Stream& stream) override;

 private:
  int64_t sums() const { return desc_.gates() * desc_.hiddenSize; }
  int64_t states() const { return desc_.batch * desc_.hiddenSize; }
  size_t stateBytes() const { return static_cast<size_t>(states()) * sizeof(float); }
  int64_t width() const { return desc_.directions * desc_.hiddenSize; }
  int64_t sequenceFloats() const { return desc_.steps * desc_.batch * width(); }
  bool hasCell() const { return cellKind(desc_.cell).hasCellState; }
  int64_t stepAt(const CellPass& pass, int64_t step) const { return pass.reverse ? desc_.steps - 1 - step : step; }
  float* gatesAt(const CellPass& p, int64_t t, int phase) const {
    return p.gates + t * desc_.batch * sums() + phases_.at[phase].firstGate * desc_.hiddenSize;
  }
  int64_t stateWeights(const CellPass& p, int phase) const {
    return p.at.weightState + phases_.at[phase].firstGate * desc_.hiddenSize * desc_.hiddenSize;
  }

  float* workspace(const KernelArgs& args, int64_t at) const { return static_cast<float*>(args.workspace) + at; }
  void* productSpace(const KernelArgs& args) const { return workspace(args, productSpace_); }
  StepShape shape(const KernelArgs& args) const {
    const auto* lengths = desc_.hasLengths ? static_cast<const int32_t*>(args.inputs[2]) : nullptr;
    return {lengths, desc_.batch, desc_.hiddenSize, desc_.gates(), width()};
  }
  Extent grid() const {
    Extent all = flatGrid(states());
    all.y = static_cast<unsigned>(desc_.directions);
    return all;
  }
  void copyOrZero(const float* from, float* to, CudaStream& stream) const;

  // Floats of one layer in one direction.
  int64_t gatesFloats() const;
  int64_t statesFloats() const;
  int64_t memoryFloats() const;
  float* kept(const KernelArgs& args) const {
    return static_cast<float*>(desc_.training ? args.saved : args.workspace);
  }
  void planMemory();
  float* sequence(const KernelArgs& args, int64_t layer) const;
  CellPass pass(const KernelArgs& args, int64_t layer, int64_t direction) const;
  CellPass backwardPass(const KernelArgs& args, int64_t layer, int64_t direction) const;
  void forwardPhase(const KernelArgs& args, const CellPass* passes, int64_t step, int phase, CudaStream& stream) const;
  void backwardPhase(const KernelArgs& args, const CellPass* passes, int64_t step, int phase, CudaStream& stream) const;
  void inputGradient(const KernelArgs& args, const CellPass* passes, int64_t layer, CudaStream& stream) const;
  void weightGradients(const KernelArgs& args, const CellPass* passes, int64_t layer, CudaStream& stream) const;

  RnnDesc desc_;
  GatePhases phases_;
  std::vector<CellPlaces> places_;
  CellProducts products_;
  KernelSizes sizes_;
  // Places in floats: what is kept, in saved when training and in workspace otherwise; and what is always in workspace.
  int64_t gates_ = 0, states_ = 0, memory_ = 0, sequences_ = 0;
  int64_t carry_ = 0, memoryCarry_ = 0, layerGradient_ = 0, biasParts_ = 0, endedInput_ = 0, productSpace_ = 0;
  ForwardFunction forward_[kMaxPhases];
  BackwardFunction backward_[kMaxPhases];
  ColumnSums biasGradients_;
  Function<const void*, float*, float*, const int32_t*, int64_t, int64_t, int64_t, int32_t> endRows_;
};

}  // namespace cugru::cuda
