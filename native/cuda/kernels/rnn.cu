// Lengths, around a recurrent pass over all steps.
#include "common.cuh"

// last[row] = y[length - 1][row]; out is y, with zeros from the length on. Either may be null. y is of `type`.
CUGRU_KERNEL rnn_end_rows(const void* y, float* out, float* last, const i32* lengths, i64 steps, i64 batch, i64 units,
                          i32 type) {
  const i64 elements = steps * batch * units;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 step = i / (batch * units), at = i - step * batch * units, length = lengths[at / units];
    const float value = step < length ? loadAs(y, i, type) : 0.0f;
    if (out) out[i] = value;
    if (last && step == length - 1) last[at] = value;
  }
}

// The gradient of all steps, times scale, from those of the valid steps and of the last valid state; either may be null.
CUGRU_KERNEL rnn_end_rows_backward(const float* dy, const float* dLast, void* out, const i32* lengths,
                                   const LossScaleState* scale, i64 steps, i64 batch, i64 units, i32 type) {
  const float factor = scale ? scale->scale : 1.0f;
  const i64 elements = steps * batch * units;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 step = i / (batch * units), at = i - step * batch * units, length = lengths[at / units];
    float gradient = dy && step < length ? dy[i] : 0.0f;
    if (dLast && step == length - 1) gradient += dLast[at];
    storeAs(out, i, type, gradient * factor);
  }
}

// Zeros from each row's length on, of [steps][batch][features] of `type`.
CUGRU_KERNEL rnn_zero_tail(void* x, const i32* lengths, i64 steps, i64 batch, i64 features, i32 type) {
  const i64 elements = steps * batch * features;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 step = i / (batch * features), row = i / features - step * batch;
    if (step >= lengths[row]) storeAs(x, i, type, 0.0f);
  }
}
