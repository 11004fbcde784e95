#include "cuda/cells_plan.h"

#include <algorithm>

#include "cuda/layouts.h"

namespace cugru::cuda {

namespace {

// Bytes to which pointers are aligned that lie a multiple of each of these floats from aligned ones; no more than 16.
uint32_t alignmentOf(std::initializer_list<int64_t> floats) {
  uint32_t aligned = 4;
  for (int64_t one : floats) {
    while (aligned > 1 && one % aligned != 0) aligned /= 2;
  }
  return aligned * static_cast<uint32_t>(sizeof(float));
}

}  // namespace

std::vector<CellPlaces> cellPlaces(const RnnShape& shape) {
  GroupDesc group;
  group.params = rnnParams(shape);
  const ParamPlaces params = alignedPlaces(group);
  const bool twoBiases = cellKind(shape.cell).biases == 2;
  std::vector<CellPlaces> out;
  for (size_t at = 0; at < params.places.size();) {
    const auto next = [&] { return params.places[at++].physical; };
    CellPlaces cell;
    cell.weightInput = next();
    cell.weightState = next();
    cell.biasInput = next();
    if (twoBiases) cell.biasState = next();
    out.push_back(cell);
  }
  return out;
}

CellProducts::CellProducts(const RnnDesc& desc, const DeviceRef& device, Precision precision, bool mayMeasure)
    : device_(device), precision_(precision), mayMeasure_(mayMeasure) {
  for (int64_t layer = 0; layer < std::min<int64_t>(desc.layers, 2); ++layer) planInput(desc, layer);
  for (int phase = 0; phase < GatePhases(desc.cell).count; ++phase) planState(desc, phase);
}

std::unique_ptr<Matmul> CellProducts::make(MatmulShape shape) {
  shape.precision = precision_;
  shape.mayMeasure = mayMeasure_;
  std::unique_ptr<Matmul> made = Matmul::create(device_, shape);
  workspace_ = std::max(workspace_, made->workspace());
  return made;
}

// Gates [steps * batch][sums] = x W^T, and back. All pointers are where something begins.
void CellProducts::planInput(const RnnDesc& desc, int64_t layer) {
  const int64_t rows = desc.steps * desc.batch, sums = desc.gates() * desc.hiddenSize;
  const int64_t inputs = desc.layerInput(layer);
  const int at = depth(layer);
  MatmulShape project{rows, sums, inputs};
  project.transposeB = true;
  project_[at] = make(project);
  if (!desc.training) return;
  MatmulShape weight{sums, inputs, rows};
  weight.transposeA = weight.adds = true;
  weightInput_[at] = make(weight);
  if (layer == 0 && !desc.wantsInputGradient) return;
  for (int d = 0; d < desc.directions; ++d) {
    MatmulShape input{rows, inputs, sums};
    input.adds = d > 0;
    inputGradient_[at][d] = make(input);
  }
}

// One step's gates of a phase += state U^T, and back; the gates of all phases lie side by side.
void CellProducts::planState(const RnnDesc& desc, int phase) {
  const int64_t units = desc.hiddenSize, sums = desc.gates() * units;
  const GatePhase gates = GatePhases(desc.cell).at[phase];
  const int64_t first = gates.firstGate * units, columns = gates.gates * units;
  const int64_t state = desc.batch * units, gate = desc.batch * sums, weight = first * units;
  MatmulShape forward{desc.batch, columns, units};
  forward.transposeB = forward.adds = true;
  forward.strideC = sums;
  forward.alignment = alignmentOf({state, gate, first, weight});
  state_[phase] = make(forward);
  if (!desc.training) return;
  MatmulShape back{desc.batch, units, columns};
  back.adds = phase == 0;  // to what the pointwise part carries; the gradient of r * h is the product alone
  back.strideA = sums;
  back.alignment = alignmentOf({gate, first, weight});
  stateBack_[phase] = make(back);
  MatmulShape weights{columns, units, desc.steps * desc.batch};
  weights.transposeA = weights.adds = true;
  weights.strideA = sums;
  weights.alignment = alignmentOf({state, first, weight});
  weightState_[phase] = make(weights);
}

std::unique_ptr<ParameterLayout> makeCellsLayout(const GroupDesc& group) {
  return std::make_unique<PlacedLayout>(alignedPlaces(group));
}

}  // namespace cugru::cuda
