// Where the parameters of a group lie in its slice of the flat buffer. What is between them is zero and stays so.
#pragma once

#include <vector>

#include "core/backend.h"

namespace cugru::cuda {

struct ParamPlaces {
  std::vector<ParamPlace> places;
  int64_t canonical = 0, physical = 0;  // floats of both forms
};

ParamPlaces packedPlaces(const GroupDesc& group);
// Each parameter begins where cuBLASLt's vector loads may: a multiple of kAlignedFloats.
ParamPlaces alignedPlaces(const GroupDesc& group);
constexpr int64_t kAlignedFloats = 16;
inline int64_t alignFloats(int64_t floats) { return (floats + kAlignedFloats - 1) / kAlignedFloats * kAlignedFloats; }

// Kernels read parameters as they are: there is nothing to prepare.
class PlacedLayout final : public ParameterLayout {
 public:
  explicit PlacedLayout(ParamPlaces places) : places_(std::move(places)) {}
  int64_t elements() const override { return places_.physical; }
  std::vector<ParamPlace> places() const override { return places_.places; }
  size_t preparedBytes() const override { return 0; }
  void fromCanonical(const float* canonical, float* params, Stream& stream) const override;
  void toCanonical(const float* params, float* canonical, Stream& stream) const override;
  void prepare(const float*, void*, Stream&) const override {}

 private:
  ParamPlaces places_;
};

}  // namespace cugru::cuda
