// The edges of an operation that runs in half precision: float32 outside, 16-bit numbers inside.
#pragma once

#include "core/backend.h"
#include "cuda/launch.h"
#include "cuda/layouts.h"
#include "cuda/loss_scale.h"
#include "cuda/precision.h"

namespace cugru::cuda {

// 16-bit numbers in a row are as many as vector loads and tensor cores want.
constexpr int64_t kHalfUnit = 8;
inline int64_t alignHalf(int64_t count) { return (count + kHalfUnit - 1) / kHalfUnit * kHalfUnit; }

// A matrix on its way: `columns` of float32, `width` of 16 bits, zeros in between.
struct Edge {
  int64_t rows = 0, columns = 0, width = 0;
  int64_t elements() const { return rows * width; }
  size_t bytes() const { return static_cast<size_t>(elements()) * 2; }
};
inline Edge flatEdge(int64_t elements) { return {1, elements, elements}; }

class HalfEdges {
 public:
  HalfEdges() = default;
  HalfEdges(const std::shared_ptr<Device>& device, Precision precision);

  void narrow(const Edge& edge, const float* from, void* to, CudaStream& stream) const;
  void widen(const Edge& edge, const void* from, float* to, CudaStream& stream) const;
  // Gradients: with the loss scale, in float16.
  void narrowGradient(const Edge& edge, const float* from, void* to, CudaStream& stream) const;
  void widenGradient(const Edge& edge, const void* from, float* to, bool adds, CudaStream& stream) const;
  const LossScaleState* scale() const { return scale_; }  // null: none

 private:
  int32_t type_ = 0;
  const LossScaleState* scale_ = nullptr;
  Function<const float*, void*, const LossScaleState*, int64_t, int64_t, int64_t, int32_t> narrow_;
  Function<const void*, float*, const LossScaleState*, int64_t, int64_t, int64_t, int32_t, int32_t> widen_;
};

// Parameters as they are, and a 16-bit copy of one run of them, made once per update.
class HalfLayout final : public ParameterLayout {
 public:
  HalfLayout(ParamPlaces places, const std::shared_ptr<Device>& device, Precision precision, Edge copied);
  int64_t elements() const override { return placed_.elements(); }
  std::vector<ParamPlace> places() const override { return placed_.places(); }
  size_t preparedBytes() const override { return copied_.bytes(); }
  void fromCanonical(const float* canonical, float* params, Stream& stream) const override {
    placed_.fromCanonical(canonical, params, stream);
  }
  void toCanonical(const float* params, float* canonical, Stream& stream) const override {
    placed_.toCanonical(params, canonical, stream);
  }
  void prepare(const float* params, void* prepared, Stream& stream) const override;

 private:
  PlacedLayout placed_;
  HalfEdges edges_;
  Edge copied_;
};

}  // namespace cugru::cuda
