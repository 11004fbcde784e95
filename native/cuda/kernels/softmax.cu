// Softmax over the last axis: a warp for each row.
#include "common.cuh"

CUGRU_KERNEL softmax_forward(const float* x, float* y, i64 rows, i64 classes) {
  const i64 row = warpRow();
  if (row >= rows) return;
  x += row * classes;
  y += row * classes;
  float top = x[0];
  for (i64 c = threadIdx.x; c < classes; c += kWarp) top = x[c] > top ? x[c] : top;
  top = warpMax(top);
  float sum = 0.0f;
  for (i64 c = threadIdx.x; c < classes; c += kWarp) {
    const float e = expf(x[c] - top);
    y[c] = e;
    sum += e;
  }
  sum = warpSum(sum);
  for (i64 c = threadIdx.x; c < classes; c += kWarp) y[c] /= sum;
}

CUGRU_KERNEL softmax_backward(const float* y, const float* dy, float* dx, i64 rows, i64 classes) {
  const i64 row = warpRow();
  if (row >= rows) return;
  y += row * classes;
  dy += row * classes;
  dx += row * classes;
  float sum = 0.0f;
  for (i64 c = threadIdx.x; c < classes; c += kWarp) sum = fmaf(y[c], dy[c], sum);
  sum = warpSum(sum);
  for (i64 c = threadIdx.x; c < classes; c += kWarp) dx[c] = y[c] * (dy[c] - sum);
}
