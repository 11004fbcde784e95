// Rows of a resident slab, picked by index, mapped to a sequence and normalised. A block has threads for features (x) and for
// rows (y); a row here is one step of one batch row.
#include "common.cuh"

// What a gather does that is the same for all types. `map` null: identity; `indices` null: the rows of the batch.
struct GatherShape {
  i64 source;    // elements of a slab's row
  i64 batch;     // rows of a step
  i64 rows;      // steps * batch
  i64 features;  // of a step
  i64 channels;
  i32 fill;
  i32 normalizes;
};

template <typename From, typename To, typename Value>
__device__ inline void gatherRows(To* out, const From* slab, const i32* indices, const StepControl* control,
                                  const i32* map, const GatherShape& s, To rest, To invalid, const Value& value) {
  const i64 row = (i64)blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= s.rows) return;
  const i64 step = row / s.batch, batchRow = row - step * s.batch;
  To* to = out + row * s.features;
  if (batchRow >= control->validRows) {
    for (i64 f = threadIdx.x; f < s.features; f += blockDim.x) to[f] = invalid;
    return;
  }
  const From* from = slab + (indices ? (i64)indices[control->firstRow + batchRow] : batchRow) * s.source;
  for (i64 f = threadIdx.x; f < s.features; f += blockDim.x) {
    const i64 entry = step * s.features + f, at = map ? map[entry] : entry;
    to[f] = at < 0 ? rest : value(from[at], s.channels == 1 ? 0 : at % s.channels);
  }
}

// `moments`: the means of all channels, then their deviations.
__device__ inline float normal(float value, i64 channel, const float* moments, const GatherShape& s) {
  return s.normalizes ? (value - moments[channel]) / moments[s.channels + channel] : value;
}

CUGRU_KERNEL gather_u8(float* out, const u8* slab, const i32* indices, const StepControl* control, const i32* map,
                       const float* moments, GatherShape s) {
  gatherRows(out, slab, indices, control, map, s, 0.0f, 0.0f,
             [&](u8 byte, i64 channel) { return normal((float)byte * (1.0f / 255.0f), channel, moments, s); });
}

CUGRU_KERNEL gather_f32(float* out, const float* slab, const i32* indices, const StepControl* control, const i32* map,
                        const float* moments, GatherShape s) {
  gatherRows(out, slab, indices, control, map, s, 0.0f, 0.0f,
             [&](float x, i64 channel) { return normal(x, channel, moments, s); });
}

// Padding rows get `fill`; a place that the map leaves out does not.
CUGRU_KERNEL gather_i32(i32* out, const i32* slab, const i32* indices, const StepControl* control, const i32* map,
                        GatherShape s) {
  gatherRows(out, slab, indices, control, map, s, 0, s.fill, [](i32 x, i64) { return x; });
}
