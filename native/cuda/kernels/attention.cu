// A mean of the valid steps, weighted by the softmax of their scores. x is [steps][rows][features], scores and the weights that come out
// are [steps][rows], the weights that are kept [rows][steps]. `lengths` null: all steps are valid.
#include "common.cuh"

__device__ inline i64 warpRow() { return (i64)blockIdx.x * blockDim.y + threadIdx.y; }
__device__ inline i64 stepsOf(const i32* lengths, i64 row, i64 steps) { return lengths ? lengths[row] : steps; }

// A warp for each row. `given` (may be null): the weights as an output.
CUGRU_KERNEL attention_weights(const float* scores, const i32* lengths, float* weights, float* given, i64 steps,
                               i64 rows) {
  const i64 row = warpRow();
  if (row >= rows) return;
  const i64 length = stepsOf(lengths, row, steps);
  float top = scores[row];
  for (i64 t = threadIdx.x; t < length; t += kWarp) top = scores[t * rows + row] > top ? scores[t * rows + row] : top;
  top = warpMax(top);
  float sum = 0.0f;
  for (i64 t = threadIdx.x; t < length; t += kWarp) sum += expf(scores[t * rows + row] - top);
  sum = warpSum(sum);
  for (i64 t = threadIdx.x; t < steps; t += kWarp) {
    const float weight = t < length ? expf(scores[t * rows + row] - top) / sum : 0.0f;
    weights[row * steps + t] = weight;
    if (given) given[t * rows + row] = weight;
  }
}

CUGRU_KERNEL attention_pool(const float* x, const float* weights, const i32* lengths, float* y, i64 steps, i64 rows,
                            i64 features) {
  const i64 step = rows * features;
  for (i64 i = gridIndex(); i < step; i += gridStride()) {
    const i64 row = i / features, length = stepsOf(lengths, row, steps);
    float sum = 0.0f;
    for (i64 t = 0; t < length; ++t) sum += weights[row * steps + t] * x[t * step + i];
    y[i] = sum;
  }
}

CUGRU_KERNEL attention_input_gradient(const float* dy, const float* weights, const i32* lengths, float* dx, i64 steps,
                                      i64 rows, i64 features) {
  const i64 step = rows * features, elements = steps * step;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 t = i / step, at = i - t * step, row = at / features;
    dx[i] = t < stepsOf(lengths, row, steps) ? weights[row * steps + t] * dy[at] : 0.0f;
  }
}

// A warp for each step of each row: slopes[row][t] = dy[row] . x[t][row], of valid steps.
CUGRU_KERNEL attention_slopes(const float* x, const float* dy, const i32* lengths, float* slopes, i64 steps, i64 rows,
                              i64 features) {
  const i64 at = warpRow();
  if (at >= steps * rows) return;
  const i64 t = at / rows, row = at - t * rows;
  if (t >= stepsOf(lengths, row, steps)) return;
  float sum = 0.0f;
  for (i64 f = threadIdx.x; f < features; f += kWarp) sum += dy[row * features + f] * x[at * features + f];
  sum = warpSum(sum);
  if (threadIdx.x == 0) slopes[row * steps + t] = sum;
}

// A warp for each row: w_t (slope_t - sum of w slope).
CUGRU_KERNEL attention_score_gradient(const float* weights, const float* slopes, const i32* lengths, float* dScores,
                                      i64 steps, i64 rows) {
  const i64 row = warpRow();
  if (row >= rows) return;
  const i64 length = stepsOf(lengths, row, steps);
  const float *w = weights + row * steps, *g = slopes + row * steps;
  float mean = 0.0f;
  for (i64 t = threadIdx.x; t < length; t += kWarp) mean += w[t] * g[t];
  mean = warpSum(mean);
  for (i64 t = threadIdx.x; t < steps; t += kWarp) dScores[t * rows + row] = t < length ? w[t] * (g[t] - mean) : 0.0f;
}
