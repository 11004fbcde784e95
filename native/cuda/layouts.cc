#include "cuda/layouts.h"

#include <algorithm>

#include "cuda/stream.h"

namespace cugru::cuda {

namespace {
ParamPlaces placesOf(const GroupDesc& group, int64_t unit) {
  ParamPlaces out;
  for (const ParamSpec& param : group.params) {
    out.physical = (out.physical + unit - 1) / unit * unit;
    out.places.push_back({out.canonical, out.physical, param.elements()});
    out.canonical += param.elements();
    out.physical += param.elements();
  }
  return out;
}
}  // namespace

ParamPlaces packedPlaces(const GroupDesc& group) { return placesOf(group, 1); }
ParamPlaces alignedPlaces(const GroupDesc& group) { return placesOf(group, kAlignedFloats); }

void PlacedLayout::fromCanonical(const float* canonical, float* params, Stream& stream) const {
  std::vector<float> physical(static_cast<size_t>(places_.physical), 0.0f);
  for (const ParamPlace& place : places_.places) {
    std::copy_n(canonical + place.canonical, place.count, physical.data() + place.physical);
  }
  cuda(stream).upload(params, physical.data(), physical.size() * sizeof(float));
}

void PlacedLayout::toCanonical(const float* params, float* canonical, Stream& stream) const {
  std::vector<float> physical(static_cast<size_t>(places_.physical));
  cuda(stream).download(physical.data(), params, physical.size() * sizeof(float));
  for (const ParamPlace& place : places_.places) {
    std::copy_n(physical.data() + place.physical, place.count, canonical + place.canonical);
  }
}

}  // namespace cugru::cuda
