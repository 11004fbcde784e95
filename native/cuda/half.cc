#include "cuda/half.h"

namespace cugru::cuda {

HalfEdges::HalfEdges(const std::shared_ptr<Device>& device, Precision precision)
    : type_(kernelTypeOf(precision)),
      scale_(precision == Precision::fp16 ? device->lossScale() : nullptr),
      narrow_(*device, "half.cu", "narrow"),
      widen_(*device, "half.cu", "widen") {}

void HalfEdges::narrow(const Edge& edge, const float* from, void* to, CudaStream& stream) const {
  narrow_(stream, flatGrid(edge.elements()), kFlatBlock, from, to, nullptr, edge.rows, edge.columns, edge.width, type_);
}

void HalfEdges::widen(const Edge& edge, const void* from, float* to, CudaStream& stream) const {
  widen_(stream, flatGrid(edge.elements()), kFlatBlock, from, to, nullptr, edge.rows, edge.columns, edge.width, type_,
         0);
}

void HalfEdges::narrowGradient(const Edge& edge, const float* from, void* to, CudaStream& stream) const {
  narrow_(stream, flatGrid(edge.elements()), kFlatBlock, from, to, scale_, edge.rows, edge.columns, edge.width, type_);
}

void HalfEdges::widenGradient(const Edge& edge, const void* from, float* to, bool adds, CudaStream& stream) const {
  widen_(stream, flatGrid(edge.elements()), kFlatBlock, from, to, scale_, edge.rows, edge.columns, edge.width, type_,
         adds ? 1 : 0);
}

HalfLayout::HalfLayout(ParamPlaces places, const std::shared_ptr<Device>& device, Precision precision, Edge copied)
    : placed_(std::move(places)), edges_(device, precision), copied_(copied) {}

void HalfLayout::prepare(const float* params, void* prepared, Stream& stream) const {
  edges_.narrow(copied_, params, prepared, cuda(stream));
}

}  // namespace cugru::cuda
