// The cells that cuDNN has not: where their parameters lie, and their products.
#pragma once

#include <memory>
#include <vector>

#include "core/ops/ops.h"
#include "cuda/matmul.h"
#include "cuda/registry.h"

namespace cugru::cuda {

// One layer in one direction: floats from the beginning of the group's slice.
struct CellPlaces {
  int64_t weightInput = 0, weightState = 0, biasInput = 0, biasState = -1;  // -1: one bias only
};
std::vector<CellPlaces> cellPlaces(const RnnShape& shape);  // [layer][direction]

// Products over all steps ("project", "input...", "weight...") and of one step ("state", "stateBack").
class CellProducts {
 public:
  CellProducts(const RnnDesc& desc, const DeviceRef& device, Precision precision, bool mayMeasure);

  size_t workspace() const { return workspace_; }  // bytes
  const Matmul& project(int64_t layer) const { return *project_[depth(layer)]; }
  const Matmul& inputGradient(int64_t layer, bool adds) const { return *inputGradient_[depth(layer)][adds ? 1 : 0]; }
  const Matmul& weightInput(int64_t layer) const { return *weightInput_[depth(layer)]; }
  const Matmul& state(int phase) const { return *state_[phase]; }
  const Matmul& stateBack(int phase) const { return *stateBack_[phase]; }
  const Matmul& weightState(int phase) const { return *weightState_[phase]; }

 private:
  static int depth(int64_t layer) {
    return layer == 0 ? 0 : 1;
  }  // layers differ by their inputs, all but the first do not
  void planInput(const RnnDesc& desc, int64_t layer);
  void planState(const RnnDesc& desc, int phase);
  std::unique_ptr<Matmul> make(MatmulShape shape);

  DeviceRef device_;
  Precision precision_;
  bool mayMeasure_;
  size_t workspace_ = 0;
  std::unique_ptr<Matmul> project_[2], inputGradient_[2][2], weightInput_[2];
  std::unique_ptr<Matmul> state_[kMaxPhases], stateBack_[kMaxPhases], weightState_[kMaxPhases];
};

}  // namespace cugru::cuda
