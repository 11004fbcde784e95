// Lengths, around a recurrent pass over all steps.
#include "common.cuh"

// last[row] = y[length - 1][row]; out is y, with zeros from the length on. Either may be null.
CUGRU_KERNEL rnn_end_rows(const float* y, float* out, float* last, const i32* lengths, i64 steps, i64 batch,
                          i64 units) {
  const i64 elements = steps * batch * units;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 step = i / (batch * units), at = i - step * batch * units, length = lengths[at / units];
    if (out) out[i] = step < length ? y[i] : 0.0f;
    if (last && step == length - 1) last[at] = y[i];
  }
}

// The gradient of all steps from those of the valid steps and of the last valid state; either may be null.
CUGRU_KERNEL rnn_end_rows_backward(const float* dy, const float* dLast, float* out, const i32* lengths, i64 steps,
                                   i64 batch, i64 units) {
  const i64 elements = steps * batch * units;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 step = i / (batch * units), at = i - step * batch * units, length = lengths[at / units];
    float gradient = dy && step < length ? dy[i] : 0.0f;
    if (dLast && step == length - 1) gradient += dLast[at];
    out[i] = gradient;
  }
}

// Zeros from each row's length on, of [steps][batch][features].
CUGRU_KERNEL rnn_zero_tail(float* x, const i32* lengths, i64 steps, i64 batch, i64 features) {
  const i64 elements = steps * batch * features;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 step = i / (batch * features), row = i / features - step * batch;
    if (step >= lengths[row]) x[i] = 0.0f;
  }
}
