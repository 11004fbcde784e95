// The cells that cuDNN has not: what is kept in workspace and saved, and the pointers of a call.
#include <algorithm>

#include "cuda/cells.h"
#include "cuda/layouts.h"

namespace cugru::cuda {

namespace {
int64_t take(int64_t& total, int64_t floats) {
  const int64_t at = total;
  total += alignFloats(floats);
  return at;
}
constexpr int64_t kRing = 2;    // states that inference keeps: before and after a step
constexpr int64_t kInTurn = 2;  // sequences that inference keeps: a layer's input and output
}  // namespace

int64_t CellsKernel::gatesFloats() const { return alignFloats(desc_.steps * desc_.batch * sums()); }

int64_t CellsKernel::statesFloats() const { return alignFloats((desc_.training ? desc_.steps + 1 : kRing) * states()); }

int64_t CellsKernel::memoryFloats() const {
  if (hasCell()) return statesFloats();
  return phases_.count == 1 ? 0 : alignFloats((desc_.training ? desc_.steps : 1) * states());
}

// Training keeps gates and states of all layers and directions; inference those of a layer, for the next to take their place.
void CellsKernel::planMemory() {
  int64_t workspace = 0, saved = 0;
  int64_t& kept = desc_.training ? saved : workspace;
  const int64_t cells = desc_.training ? desc_.layers * desc_.directions : desc_.directions;
  gates_ = take(kept, cells * gatesFloats());
  states_ = take(kept, cells * statesFloats());
  memory_ = take(kept, cells * memoryFloats());
  const int64_t between = desc_.training ? desc_.layers - 1 : std::min(desc_.layers - 1, kInTurn);
  sequences_ = take(kept, between * alignFloats(sequenceFloats()));
  if (desc_.training) {
    carry_ = take(workspace, desc_.directions * alignFloats(states()));
    memoryCarry_ = take(workspace, memoryFloats() > 0 ? desc_.directions * alignFloats(states()) : 0);
    layerGradient_ = take(workspace, desc_.layers > 1 ? sequenceFloats() : 0);
    biasParts_ = take(workspace, biasGradients_.workspaceFloats());
    endedInput_ = take(workspace, desc_.hasLengths ? desc_.steps * desc_.batch * desc_.inputSize : 0);
  }
  productSpace_ = workspace;
  sizes_.workspace = static_cast<size_t>(workspace) * sizeof(float) + products_.workspace();
  sizes_.saved = static_cast<size_t>(saved) * sizeof(float);
}

// Where a layer's y lies: the caller's output, or ours where a layer above reads it. Null: nobody reads it.
float* CellsKernel::sequence(const KernelArgs& args, int64_t layer) const {
  if (layer == desc_.layers - 1) return static_cast<float*>(desc_.wantsSequence ? args.outputs[0] : nullptr);
  const int64_t place = desc_.training ? layer : layer % kInTurn;
  return kept(args) + sequences_ + place * alignFloats(sequenceFloats());
}

CellPass CellsKernel::pass(const KernelArgs& args, int64_t layer, int64_t direction) const {
  const int64_t cell = layer * desc_.directions + direction, place = desc_.training ? cell : direction;
  CellPass p;
  p.params = args.params;
  p.at = places_[static_cast<size_t>(cell)];
  p.reverse = direction == 1;
  p.x = layer == 0 ? static_cast<const float*>(args.inputs[0]) : sequence(args, layer - 1);
  p.gates = kept(args) + gates_ + place * gatesFloats();
  p.states = {kept(args) + states_ + place * statesFloats(), states(), desc_.training ? 0 : kRing};
  if (memoryFloats() > 0) {
    const int64_t ring = hasCell() ? kRing : 1;
    p.memory = {kept(args) + memory_ + place * memoryFloats(), states(), desc_.training ? 0 : ring};
  }
  if (desc_.hasInitialState) p.initial = static_cast<const float*>(args.inputs[1]) + cell * states();
  if (desc_.hasInitialCell) p.initialCell = static_cast<const float*>(args.inputs[3]) + cell * states();
  if (float* y = sequence(args, layer)) p.y = y + direction * desc_.hiddenSize;
  if (desc_.wantsState) p.last = static_cast<float*>(args.outputs[1]) + cell * states();
  if (desc_.wantsCell) p.lastCell = static_cast<float*>(args.outputs[2]) + cell * states();
  return p;
}

CellPass CellsKernel::backwardPass(const KernelArgs& args, int64_t layer, int64_t direction) const {
  const int64_t at = (layer * desc_.directions + direction) * states();
  const auto given = [&](bool gives, int output) {
    return static_cast<const float*>(gives ? args.outputGradients[output] : nullptr);
  };
  const auto wanted = [&](bool wants, int input) {
    return static_cast<float*>(wants ? args.inputGradients[input] : nullptr);
  };
  CellPass p = pass(args, layer, direction);
  const float* dy = layer < desc_.layers - 1 ? workspace(args, layerGradient_) : given(desc_.givesSequenceGradient, 0);
  if (dy != nullptr) p.dy = dy + direction * desc_.hiddenSize;
  if (const float* d = given(desc_.givesStateGradient, 1)) p.dLast = d + at;
  if (const float* d = given(desc_.givesCellGradient, 2)) p.dLastCell = d + at;
  if (float* d = wanted(desc_.wantsStateGradient, 1)) p.dInitial = d + at;
  if (float* d = wanted(desc_.wantsCellGradient, 3)) p.dInitialCell = d + at;
  p.carry = workspace(args, carry_ + direction * alignFloats(states()));
  if (memoryFloats() > 0) p.memoryCarry = workspace(args, memoryCarry_ + direction * alignFloats(states()));
  return p;
}

}  // namespace cugru::cuda
