// One element, one thread: sums, activations and their gradients, dropout, the read-out of states.
#include "common.cuh"

constexpr int kMaxTerms = 8;
struct Terms {
  const float* term[kMaxTerms];
};

CUGRU_KERNEL add_terms(float* out, Terms terms, i32 count, float scale, i64 elements) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    float sum = terms.term[0][i];
    for (i32 t = 1; t < count; ++t) sum += terms.term[t][i];
    out[i] = sum * scale;
  }
}

CUGRU_KERNEL accumulate(float* sum, const float* term, i64 elements) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) sum[i] += term[i];
}

CUGRU_KERNEL scale_elements(const float* x, float factor, float* out, i64 elements) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) out[i] = x[i] * factor;
}

CUGRU_KERNEL multiply_elements(const float* a, const float* b, float* out, i64 elements) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) out[i] = a[i] * b[i];
}

__device__ inline float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }
__device__ inline float normalProbability(float x) { return 0.5f * erfcf(x * -0.70710678118654752f); }

// 0 linear, 1 relu, 2 tanh, 3 sigmoid, 4 gelu, 5 silu: as core/ops/ops.h counts them.
__device__ inline float activate(float x, i32 activation) {
  if (activation == 1) return x > 0.0f ? x : (x == x ? 0.0f : x);
  if (activation == 2) return tanhf(x);
  if (activation == 3) return logistic(x);
  if (activation == 4) return x * normalProbability(x);
  if (activation == 5) return x * logistic(x);
  return x;
}

CUGRU_KERNEL activation_forward(const float* x, float* y, i64 elements, i32 activation) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) y[i] = activate(x[i], activation);
}

// From the activation's argument. gelu: Phi(x) + x phi(x); silu: s + x s (1 - s).
CUGRU_KERNEL activation_input_gradient(const float* x, const float* dy, float* dx, i64 elements, i32 activation) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const float v = x[i], s = logistic(v);
    const float slope = activation == 4 ? normalProbability(v) + v * (0.39894228040143268f * expf(-0.5f * v * v))
                                        : s + v * s * (1.0f - s);
    dx[i] = dy[i] * slope;
  }
}

// In place, after a product that has not added the bias (null: none, or added).
CUGRU_KERNEL bias_activation(float* y, const float* bias, i64 rows, i64 units, i32 activation) {
  const i64 elements = rows * units;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    y[i] = activate(bias ? y[i] + bias[i % units] : y[i], activation);
  }
}

// From the activation's value alone: relu y > 0, tanh 1 - y^2, sigmoid y (1 - y).
CUGRU_KERNEL activation_gradient(const float* y, const float* dy, float* dx, i64 elements, i32 activation) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const float v = y[i], d = dy[i];
    float result = d;
    if (activation == 1) result = v > 0.0f ? d : 0.0f;
    if (activation == 2) result = d * ((1.0f - v) * (1.0f + v));
    if (activation == 3) result = d * (v * (1.0f - v));
    dx[i] = result;
  }
}

// Eight elements, two blocks of Philox and one byte of what was kept for each thread.
CUGRU_KERNEL dropout_forward(const float* x, float* y, u8* kept, const StepControl* control, u32 opId, float rate,
                             i64 elements) {
  const float keep = 1.0f - rate;
  const i64 bytes = (elements + 7) / 8;
  for (i64 byte = gridIndex(); byte < bytes; byte += gridStride()) {
    u32 bits = 0;
    for (int half = 0; half < 2; ++half) {
      const Philox4 random = philoxBlock(control->seed, opId, control->step, (u64)(2 * byte + half));
      for (int j = 0; j < 4; ++j) {
        const i64 i = 8 * byte + 4 * half + j;
        if (i >= elements) break;
        const bool stays = uniform01(random.v[j]) >= rate;
        y[i] = stays ? x[i] / keep : 0.0f;
        bits |= stays ? 1u << (4 * half + j) : 0u;
      }
    }
    kept[byte] = (u8)bits;
  }
}

CUGRU_KERNEL dropout_backward(const float* dy, float* dx, const u8* kept, float rate, i64 elements) {
  const float keep = 1.0f - rate;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    dx[i] = (kept[i / 8] >> (i % 8)) & 1 ? dy[i] / keep : 0.0f;
  }
}

// One draw for each row, all steps and features of it: four rows for each thread.
CUGRU_KERNEL dropout_rows_draw(float* factors, const StepControl* control, u32 opId, float rate, i64 rows) {
  const float factor = 1.0f / (1.0f - rate);
  for (i64 block = gridIndex(); 4 * block < rows; block += gridStride()) {
    const Philox4 random = philoxBlock(control->seed, opId, control->step, (u64)block);
    for (int j = 0; j < 4 && 4 * block + j < rows; ++j) {
      factors[4 * block + j] = uniform01(random.v[j]) >= rate ? factor : 0.0f;
    }
  }
}

// A row that is dropped is zero, whatever it held.
CUGRU_KERNEL dropout_rows_scale(const float* from, float* to, const float* factors, i64 rows, i64 features,
                                i64 elements) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const float factor = factors[i / features % rows];
    to[i] = factor == 0.0f ? 0.0f : from[i] * factor;
  }
}

// out[row][direction][unit] from the last `directions` of `states` [states][batch][units].
CUGRU_KERNEL last_state(const float* states, float* out, i64 batch, i64 units, i64 directions, i64 count) {
  const i64 elements = batch * directions * units;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 row = i / (directions * units), rest = i - row * directions * units;
    const i64 direction = rest / units, unit = rest - direction * units;
    out[i] = states[((count - directions + direction) * batch + row) * units + unit];
  }
}

CUGRU_KERNEL last_state_backward(const float* dy, float* dStates, i64 batch, i64 units, i64 directions, i64 count) {
  const i64 elements = count * batch * units;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 state = i / (batch * units), rest = i - state * batch * units;
    const i64 row = rest / units, unit = rest - row * units, direction = state - (count - directions);
    dStates[i] = direction < 0 ? 0.0f : dy[(row * directions + direction) * units + unit];
  }
}
