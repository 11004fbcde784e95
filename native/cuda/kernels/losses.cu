// Losses: a row's loss in double, then one block that adds the rows in a fixed order. Counts are integers, so their order does
// not matter and they may be added by atomics.
#include "common.cuh"

struct RowResult {
  double loss;
  i32 truth, answer;
};

constexpr int kSumThreads = 256;

struct Best {
  float value;
  i32 index;
};

// The first of the largest, as std::max_element finds it: a NaN is never larger, and nothing is larger than a NaN in front.
__device__ inline i32 largestOfRow(const float* x, i64 classes) {
  if (x[0] != x[0]) return 0;
  float value = x[0];
  i32 index = 0;
  for (i64 c = threadIdx.x; c < classes; c += kWarp) {
    if (x[c] > value) {
      value = x[c];
      index = (i32)c;
    }
  }
  for (int step = kWarp / 2; step > 0; step /= 2) {
    const float otherValue = __shfl_xor_sync(kAllLanes, value, step);
    const i32 otherIndex = __shfl_xor_sync(kAllLanes, index, step);
    if (otherValue > value || (otherValue == value && otherIndex < index)) {
      value = otherValue;
      index = otherIndex;
    }
  }
  return index;
}

struct RowSums {
  float top, sum;
};

__device__ inline RowSums rowSums(const float* x, i64 classes) {
  float top = x[0];
  for (i64 c = threadIdx.x; c < classes; c += kWarp) top = x[c] > top ? x[c] : top;
  top = warpMax(top);
  float sum = 0.0f;
  for (i64 c = threadIdx.x; c < classes; c += kWarp) sum += expf(x[c] - top);
  return {top, warpSum(sum)};
}

// Labels of the slab's rows, classes (i32) or distributions (f32), and what they are mixed by; `partners` null: not mixed.
struct Labels {
  const i32* classes;
  const float* distributions;
  const i32* indices;
  const i32* partners;
  const float* lambda;
};

// What a row is compared with: lambda of its own label, and the rest of its partner's.
struct Target {
  const float* own;  // distributions
  const float* other;
  i32 ownClass, otherClass;  // or classes
  float lambda;
  __device__ inline float operator()(i64 c) const {
    if (!own) return (c == ownClass ? lambda : 0.0f) + (c == otherClass ? 1.0f - lambda : 0.0f);
    return other == own ? own[c] : lambda * own[c] + (1.0f - lambda) * other[c];
  }
};

__device__ inline Target targetOf(const Labels& labels, const StepControl* control, i64 row, i64 classes) {
  i64 partner = row;
  float lambda = 1.0f;
  if (labels.partners) {
    if (labels.partners[row] < control->validRows) partner = labels.partners[row];
    lambda = labels.lambda[row];
  }
  const i32* indices = labels.indices + control->firstRow;
  const i64 own = indices[row], other = indices[partner];
  if (labels.distributions) {
    return {labels.distributions + own * classes, labels.distributions + other * classes, 0, 0, lambda};
  }
  return {0, 0, labels.classes[own], labels.classes[other], lambda};
}

__device__ inline i64 validRows(const StepControl* control, i64 batch) { return least(control->validRows, batch); }

// A warp for each row.
CUGRU_KERNEL cross_entropy(const float* logits, Labels labels, const StepControl* control, RowResult* results,
                           i64 batch, i64 classes, float smoothing) {
  const i64 row = (i64)blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= validRows(control, batch)) return;
  const float* x = logits + row * classes;
  const RowSums sums = rowSums(x, classes);
  const double logSum = (double)sums.top + log((double)sums.sum);
  const double soft = (double)smoothing, evenly = soft / (double)classes;
  const Target target = targetOf(labels, control, row, classes);
  const bool own = target.lambda >= 0.5f;
  double loss = 0.0;
  i32 truth = own ? target.ownClass : target.otherClass;
  if (target.own) {
    truth = largestOfRow(own ? target.own : target.other, classes);
    for (i64 c = threadIdx.x; c < classes; c += kWarp) {
      loss += ((1.0 - soft) * (double)target(c) + evenly) * (logSum - (double)x[c]);
    }
    loss = warpSum(loss);
  } else {
    if (smoothing > 0.0f) {
      for (i64 c = threadIdx.x; c < classes; c += kWarp) loss += evenly * (logSum - (double)x[c]);
      loss = warpSum(loss);
    }
    double surprise = logSum - (double)x[target.ownClass];
    if (labels.partners) {
      const double lambda = (double)target.lambda;
      surprise = lambda * surprise + (1.0 - lambda) * (logSum - (double)x[target.otherClass]);
    }
    loss += (1.0 - soft) * surprise;
  }
  const i32 answer = largestOfRow(x, classes);
  if (threadIdx.x == 0) results[row] = {loss, truth, answer};
}

// One block. Adds loss, rows, correct and the confusion matrix behind `metrics`.
CUGRU_KERNEL cross_entropy_count(const RowResult* results, const StepControl* control, LossMetrics* metrics, i64 batch,
                                 i64 classes) {
  __shared__ double losses[kSumThreads];
  __shared__ i64 counts[kSumThreads];
  const i64 valid = validRows(control, batch);
  u64* confusion = (u64*)(metrics + 1);
  double loss = 0.0;
  i64 correct = 0;
  for (i64 row = threadIdx.x; row < valid; row += kSumThreads) {
    const RowResult result = results[row];
    loss += result.loss;
    correct += result.truth == result.answer ? 1 : 0;
    atomicAdd(confusion + result.truth * classes + result.answer, (u64)1);
  }
  loss = blockSum<kSumThreads>(loss, losses);
  correct = blockSum<kSumThreads>(correct, counts);
  if (threadIdx.x == 0) {
    metrics->lossSum += loss;
    metrics->correct += correct;
    metrics->rows += valid;
  }
}

// (probability * sum of targets - target) * scale / valid rows; padding rows get zeros.
CUGRU_KERNEL cross_entropy_backward(const float* logits, Labels labels, const StepControl* control, float* gradient,
                                    i64 batch, i64 classes, float smoothing) {
  const i64 row = (i64)blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= batch) return;
  float* dx = gradient + row * classes;
  if (row >= control->validRows) {
    for (i64 c = threadIdx.x; c < classes; c += kWarp) dx[c] = 0.0f;
    return;
  }
  const float* x = logits + row * classes;
  const RowSums sums = rowSums(x, classes);
  const float scale = control->gradientScale / (float)control->validRows;
  const float evenly = smoothing / (float)classes;
  const Target target = targetOf(labels, control, row, classes);
  float total = 1.0f;
  if (target.own) {
    double mass = 0.0;
    for (i64 c = threadIdx.x; c < classes; c += kWarp) mass += (double)(1.0f - smoothing) * (double)target(c);
    total = (float)(warpSum(mass) + (double)smoothing);
  }
  for (i64 c = threadIdx.x; c < classes; c += kWarp) {
    const float probability = expf(x[c] - sums.top) / sums.sum;
    dx[c] = (probability * total - ((1.0f - smoothing) * target(c) + evenly)) * scale;
  }
}

// A block for each row. Targets come in canonical order: a row's steps one after the other.
CUGRU_KERNEL squared_error(const float* x, const float* targets, const i32* indices, const StepControl* control,
                           double* losses, i64 batch, i64 steps, i64 features) {
  __shared__ double sums[kSumThreads];
  const i64 row = blockIdx.x;
  if (row >= validRows(control, batch)) return;
  const float* target = targets + (i64)indices[control->firstRow + row] * steps * features;
  double sum = 0.0;
  for (i64 i = threadIdx.x; i < steps * features; i += kSumThreads) {
    const i64 step = i / features, f = i - step * features;
    const double difference = (double)x[(step * batch + row) * features + f] - (double)target[i];
    sum += difference * difference;
  }
  sum = blockSum<kSumThreads>(sum, sums);
  if (threadIdx.x == 0) losses[row] = sum / (double)(steps * features);
}

// One block.
CUGRU_KERNEL squared_error_count(const double* losses, const StepControl* control, LossMetrics* metrics, i64 batch) {
  __shared__ double sums[kSumThreads];
  const i64 valid = validRows(control, batch);
  double loss = 0.0;
  for (i64 row = threadIdx.x; row < valid; row += kSumThreads) loss += losses[row];
  loss = blockSum<kSumThreads>(loss, sums);
  if (threadIdx.x == 0) {
    metrics->lossSum += loss;
    metrics->rows += valid;
  }
}

CUGRU_KERNEL squared_error_backward(const float* x, const float* targets, const i32* indices,
                                    const StepControl* control, float* dx, i64 batch, i64 steps, i64 features) {
  const i64 elements = steps * batch * features;
  const float scale =
      (float)(2.0 * (double)control->gradientScale / ((double)(steps * features) * (double)control->validRows));
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 stepRow = i / features, f = i - stepRow * features, step = stepRow / batch, row = stepRow - step * batch;
    if (row >= control->validRows) {
      dx[i] = 0.0f;
      continue;
    }
    const i64 index = indices[control->firstRow + row];
    dx[i] = (x[i] - targets[(index * steps + step) * features + f]) * scale;
  }
}

// Between two tensors [steps][batch * rows][features]. A block for each batch row; `lengths` (null: all steps) of each of its rows.
__device__ inline i64 validElements(const i32* lengths, i64 row, i64 rows, i64 steps, i64 features) {
  i64 sum = lengths ? 0 : steps * rows;
  for (i64 r = row * rows; lengths && r < (row + 1) * rows; ++r) sum += lengths[r];
  return sum * features;
}

CUGRU_KERNEL squared_error_pair(const float* x, const float* target, const i32* lengths, const StepControl* control,
                                double* losses, i64 batch, i64 rows, i64 steps, i64 features) {
  __shared__ double sums[kSumThreads];
  const i64 row = blockIdx.x, chunk = rows * features;
  if (row >= validRows(control, batch)) return;
  double sum = 0.0;
  for (i64 i = threadIdx.x; i < steps * chunk; i += kSumThreads) {
    const i64 step = i / chunk, at = i - step * chunk, place = (step * batch + row) * chunk + at;
    if (lengths && step >= lengths[row * rows + at / features]) continue;
    const double difference = (double)x[place] - (double)target[place];
    sum += difference * difference;
  }
  sum = blockSum<kSumThreads>(sum, sums);
  if (threadIdx.x == 0) losses[row] = sum / (double)validElements(lengths, row, rows, steps, features);
}

// The factor of each batch row's differences; padding rows have 0.
CUGRU_KERNEL squared_error_pair_scale(const i32* lengths, const StepControl* control, float* scales, i64 batch,
                                      i64 rows, i64 steps, i64 features) {
  const i64 valid = validRows(control, batch);
  const double shared = 2.0 * (double)control->gradientScale / (double)valid;
  for (i64 row = gridIndex(); row < batch; row += gridStride()) {
    scales[row] = row < valid ? (float)(shared / (double)validElements(lengths, row, rows, steps, features)) : 0.0f;
  }
}

CUGRU_KERNEL squared_error_pair_backward(const float* x, const float* target, const i32* lengths, const float* scales,
                                         float* dx, i64 batch, i64 rows, i64 steps, i64 features) {
  const i64 chunk = rows * features, elements = steps * batch * chunk;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 row = i / chunk % batch, step = i / (chunk * batch);
    const bool counts = scales[row] != 0.0f && !(lengths && step >= lengths[i / features % (batch * rows)]);
    dx[i] = counts ? (x[i] - target[i]) * scales[row] : 0.0f;
  }
}
