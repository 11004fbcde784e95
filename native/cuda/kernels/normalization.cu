// Normalisation of rows (layer) and of channels (batch). Sums over rows are made of fixed pieces, which are added in order.
#include "common.cuh"

__device__ inline i64 warpRow() { return (i64)blockIdx.x * blockDim.y + threadIdx.y; }

// A warp for each row; the second pass corrects the mean, whose sum was rounded. statistics: mean and 1 / deviation; or null.
CUGRU_KERNEL layer_norm(const float* x, const float* weight, const float* bias, float* y, float* statistics, i64 rows,
                        i64 features, float epsilon) {
  const i64 row = warpRow();
  if (row >= rows) return;
  x += row * features;
  y += row * features;
  float sum = 0.0f;
  for (i64 i = threadIdx.x; i < features; i += kWarp) sum += x[i];
  const float about = warpSum(sum) / (float)features;
  float deviations = 0.0f, squares = 0.0f;
  for (i64 i = threadIdx.x; i < features; i += kWarp) {
    const float d = x[i] - about;
    deviations += d;
    squares += d * d;
  }
  const float rest = warpSum(deviations) / (float)features;
  const float variance = warpSum(squares) / (float)features - rest * rest;
  const float mean = about + rest, rstd = 1.0f / sqrtf(variance + epsilon);
  for (i64 i = threadIdx.x; i < features; i += kWarp) y[i] = (x[i] - mean) * rstd * weight[i] + bias[i];
  if (statistics && threadIdx.x == 0) {
    statistics[2 * row] = mean;
    statistics[2 * row + 1] = rstd;
  }
}

// With g = dy * weight and n = (x - mean) * rstd: dx = rstd * (g - mean(g) - n * mean(g * n)).
CUGRU_KERNEL layer_norm_gradient(const float* x, const float* dy, const float* weight, const float* statistics,
                                 float* dx, i64 rows, i64 features) {
  const i64 row = warpRow();
  if (row >= rows) return;
  x += row * features;
  dy += row * features;
  dx += row * features;
  const float mean = statistics[2 * row], rstd = statistics[2 * row + 1];
  float sum = 0.0f, products = 0.0f;
  for (i64 i = threadIdx.x; i < features; i += kWarp) {
    const float g = dy[i] * weight[i];
    sum += g;
    products += g * ((x[i] - mean) * rstd);
  }
  sum = warpSum(sum) / (float)features;
  products = warpSum(products) / (float)features;
  for (i64 i = threadIdx.x; i < features; i += kWarp) {
    const float n = (x[i] - mean) * rstd;
    dx[i] = rstd * (dy[i] * weight[i] - sum - n * products);
  }
}

// parts[piece] = sums of dy * n, then of dy, for each feature: a thread for each of them and each piece (blockIdx.y).
CUGRU_KERNEL layer_norm_parts(const float* x, const float* dy, const float* statistics, float* parts, i64 rows,
                              i64 features, i64 rowsOfPiece) {
  const i64 feature = gridIndex();
  if (feature >= features) return;
  const i64 first = (i64)blockIdx.y * rowsOfPiece, last = least(first + rowsOfPiece, rows);
  float products = 0.0f, sum = 0.0f;
  for (i64 row = first; row < last; ++row) {
    const float d = dy[row * features + feature];
    products += d * ((x[row * features + feature] - statistics[2 * row]) * statistics[2 * row + 1]);
    sum += d;
  }
  parts += (i64)blockIdx.y * 2 * features;
  parts[feature] = products;
  parts[features + feature] = sum;
}

// As in cuda/batch_norm.cc. Rows of `channels` lie in `steps` blocks of `batch` times `positions`; in each, those of the first
// validRows of the batch count.
struct BatchShape {
  i64 steps, batch, positions, channels, rowsOfPiece, pieces;
  float epsilon, momentum;
};

__device__ inline i64 validPositions(const BatchShape& s, const StepControl* control) {
  return least(control->validRows, s.batch) * s.positions;
}
__device__ inline bool counts(const BatchShape& s, i64 row, i64 valid) { return row % (s.batch * s.positions) < valid; }
__device__ inline i64 rowsOf(const BatchShape& s) { return s.steps * s.batch * s.positions; }

// parts[piece] = sums over valid rows of d = x - about (null: zero) and of d^2.
CUGRU_KERNEL batch_norm_deviations(const float* x, const float* about, const StepControl* control, float* parts,
                                   BatchShape s) {
  const i64 channel = gridIndex();
  if (channel >= s.channels) return;
  const i64 first = (i64)blockIdx.y * s.rowsOfPiece, last = least(first + s.rowsOfPiece, rowsOf(s));
  const i64 valid = validPositions(s, control);
  const float middle = about ? about[channel] : 0.0f;
  float sum = 0.0f, squares = 0.0f;
  for (i64 row = first; row < last; ++row) {
    if (!counts(s, row, valid)) continue;
    const float d = x[row * s.channels + channel] - middle;
    sum += d;
    squares += d * d;
  }
  parts += (i64)blockIdx.y * 2 * s.channels;
  parts[channel] = sum;
  parts[s.channels + channel] = squares;
}

__device__ inline double sumOfPieces(const float* parts, i64 pieces, i64 stride) {
  double sum = 0.0;
  for (i64 piece = 0; piece < pieces; ++piece) sum += (double)parts[piece * stride];
  return sum;
}

CUGRU_KERNEL batch_norm_mean(const float* parts, const StepControl* control, float* mean, BatchShape s) {
  const i64 channel = gridIndex();
  if (channel >= s.channels) return;
  const double count = (double)(s.steps * validPositions(s, control));
  mean[channel] = (float)(sumOfPieces(parts + channel, s.pieces, 2 * s.channels) / count);
}

// From the second pass: the corrected mean and 1 / deviation, and both into the running statistics, where they are finite.
CUGRU_KERNEL batch_norm_statistics(const float* parts, const StepControl* control, float* mean, float* rstd,
                                   float* running, BatchShape s) {
  const i64 channel = gridIndex();
  if (channel >= s.channels) return;
  const double count = (double)(s.steps * validPositions(s, control));
  const float rest = (float)(sumOfPieces(parts + channel, s.pieces, 2 * s.channels) / count);
  const float squares = (float)(sumOfPieces(parts + s.channels + channel, s.pieces, 2 * s.channels) / count);
  const float found = mean[channel] + rest, variance = squares - rest * rest;
  mean[channel] = found;
  rstd[channel] = 1.0f / sqrtf(variance + s.epsilon);
  const float unbiased = variance * (float)(count / (count > 2.0 ? count - 1.0 : 1.0));
  float* runningMean = running + channel;
  float* runningVariance = running + s.channels + channel;
  const float newMean = (1.0f - s.momentum) * *runningMean + s.momentum * found;
  const float newVariance = (1.0f - s.momentum) * *runningVariance + s.momentum * unbiased;
  if (!(newMean - newMean == 0.0f && newVariance - newVariance == 0.0f)) return;
  *runningMean = newMean;
  *runningVariance = newVariance;
}

// mean and rstd for other modes than training.
CUGRU_KERNEL batch_norm_running(const float* running, float* mean, float* rstd, BatchShape s) {
  const i64 channel = gridIndex();
  if (channel >= s.channels) return;
  mean[channel] = running[channel];
  rstd[channel] = 1.0f / sqrtf(running[s.channels + channel] + s.epsilon);
}

CUGRU_KERNEL batch_norm(const float* x, const float* mean, const float* rstd, const float* weight, const float* bias,
                        float* y, BatchShape s) {
  const i64 elements = rowsOf(s) * s.channels;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 c = i % s.channels;
    y[i] = (x[i] - mean[c]) * (weight[c] * rstd[c]) + bias[c];
  }
}

// parts[piece] = sums of dy * n, then of dy, over all rows.
CUGRU_KERNEL batch_norm_parts(const float* x, const float* dy, const float* mean, const float* rstd, float* parts,
                              BatchShape s) {
  const i64 channel = gridIndex();
  if (channel >= s.channels) return;
  const i64 first = (i64)blockIdx.y * s.rowsOfPiece, last = least(first + s.rowsOfPiece, rowsOf(s));
  float products = 0.0f, sum = 0.0f;
  for (i64 row = first; row < last; ++row) {
    const float d = dy[row * s.channels + channel];
    products += d * ((x[row * s.channels + channel] - mean[channel]) * rstd[channel]);
    sum += d;
  }
  parts += (i64)blockIdx.y * 2 * s.channels;
  parts[channel] = products;
  parts[s.channels + channel] = sum;
}

// totals: both sums; gradients (null: not wanted) of weight and bias are added to. A thread for each of 2 * channels.
CUGRU_KERNEL batch_norm_totals(const float* parts, float* totals, float* gradients, BatchShape s) {
  const i64 i = gridIndex();
  if (i >= 2 * s.channels) return;
  totals[i] = (float)sumOfPieces(parts + i, s.pieces, 2 * s.channels);
  if (gradients) gradients[i] += totals[i];
}

// dx = weight * rstd * (dy - (sum(dy) + n * sum(dy * n)) / valid positions); the first term alone for rows that do not count.
CUGRU_KERNEL batch_norm_gradient(const float* x, const float* dy, const float* mean, const float* rstd,
                                 const float* weight, const float* totals, const StepControl* control, float* dx,
                                 BatchShape s) {
  const i64 elements = rowsOf(s) * s.channels, valid = validPositions(s, control);
  const float count = (float)(s.steps * valid);
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 c = i % s.channels;
    float d = dy[i];
    if (counts(s, i / s.channels, valid)) {
      d -= (totals[s.channels + c] + (x[i] - mean[c]) * rstd[c] * totals[c]) / count;
    }
    dx[i] = weight[c] * rstd[c] * d;
  }
}
