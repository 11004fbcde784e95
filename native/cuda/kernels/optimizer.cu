// Penalties, the norm of all gradients together, the update of the flat parameter buffer in one pass, and bounds of rows' norms. What changes from step to step is
// read from device memory, so that a recorded step can be replayed.
#include "common.cuh"

constexpr int kThreads = 256;
constexpr i64 kBlock = 8192;  // elements of a block; optimizer.cc knows it

// A run of the flat buffer that is updated alike; in order, and apart from each other.
struct Range {
  i64 first, count;
  i32 frozen;
  float rateFactor, decayFactor;
  float l2;
};

// Rows of the flat buffer whose norm is bounded; `before` is how many rows those before it have.
struct BoundedRows {
  i64 first, length, before;
  float maxNorm;
  i32 frozen;
};

// What one step's update needs, made with the norm. Zeroed once, before the first.
struct UpdateState {
  double rateCorrection;  // 1 - beta1^t
  float rootCorrection;   // sqrt(1 - beta2^t)
  float scale;            // of gradients, by clipping
  i32 apply;
  i32 done;  // blocks of the norm
};

struct UpdateOptions {
  double beta1, beta2;
  double weightDecay;
  float epsilon, momentum, clipNorm;
  i32 nesterov, adam, decoupled;
  i32 lossScaleGrowth;  // good updates after which the loss scale is doubled
  i32 reserved;
};

constexpr float kMostLossScale = 16777216.0f;

// Gradients that overflowed in float16 are no fault of the model: a smaller scale, and on with the next step. At a scale of 1 they are.
__device__ inline bool overflowed(LossScaleState* scale, UpdateReport* report) {
  if (!scale->used || !(scale->scale > 1.0f)) return false;
  const float half = scale->scale * 0.5f;
  scale->scale = half > 1.0f ? half : 1.0f;
  scale->inverse = 1.0f / scale->scale;
  scale->good = 0;
  scale->leftOut += 1;
  report->overflowed += 1;
  return true;
}

__device__ inline void growScale(LossScaleState* scale, i32 after) {
  scale->good += 1;
  if (scale->good < after) return;
  scale->good = 0;
  if (scale->scale * 2.0f > kMostLossScale) return;
  scale->scale *= 2.0f;
  scale->inverse = 1.0f / scale->scale;
}

// The first range that reaches beyond `at`.
__device__ inline i32 firstRange(const Range* ranges, i32 count, i64 at) {
  i32 low = 0, high = count;
  while (low < high) {
    const i32 middle = (low + high) / 2;
    if (ranges[middle].first + ranges[middle].count > at) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// body(range, i) for this thread's elements of what each range that is not frozen has in [first, last).
template <typename Body>
__device__ inline void eachElement(const Range* ranges, i32 count, i64 first, i64 last, const Body& body) {
  for (i32 r = firstRange(ranges, count, first); r < count && ranges[r].first < last; ++r) {
    const Range range = ranges[r];
    if (range.frozen) continue;
    const i64 from = range.first > first ? range.first : first, to = least(range.first + range.count, last);
    body(range, from, to);
  }
}

// By one block. An update whose norm is not finite is left out, and all after it until the report is zeroed, unless a smaller loss
// scale may help.
__device__ inline void finishNorm(double norm, const StepControl* control, LossScaleState* scale, UpdateReport* report,
                                  UpdateState* state, const UpdateOptions& options) {
  if (!isFinite(norm) && report->skipped == 0 && overflowed(scale, report)) {
    state->apply = 0;
    return;
  }
  report->gradientNorm = (float)norm;
  state->apply = isFinite(norm) && report->skipped == 0 ? 1 : 0;
  if (!state->apply) {
    report->skipped += 1;
    return;
  }
  // As torch.nn.utils.clip_grad_norm_: min(1, clip / (norm + 1e-6)).
  const double factor = options.clipNorm > 0.0f ? (double)options.clipNorm / (norm + 1e-6) : 1.0;
  state->scale = factor > 1.0 ? 1.0f : (float)factor;
  const double t = (double)control->step + 1.0 - (scale->used ? (double)scale->leftOut : 0.0);
  state->rateCorrection = options.adam ? 1.0 - pow(options.beta1, t) : 1.0;
  state->rootCorrection = options.adam ? (float)sqrt(1.0 - pow(options.beta2, t)) : 1.0f;
  if (scale->used) growScale(scale, options.lossScaleGrowth);
}

// Each block adds the penalties' gradients to its part and sums the squares; the last to be done sums the parts, in one fixed order,
// and decides on the update.
CUGRU_KERNEL gradient_norm(float* gradients, const float* params, const Range* ranges, i32 rangeCount, i64 elements,
                           double* parts, const StepControl* control, LossScaleState* scale, UpdateReport* report,
                           UpdateState* state, UpdateOptions options) {
  __shared__ double sums[kThreads];
  __shared__ i32 last;
  const i64 first = (i64)blockIdx.x * kBlock, end = least(first + kBlock, elements);
  double sum = 0.0;
  eachElement(ranges, rangeCount, first, end, [&](const Range& range, i64 from, i64 to) {
    const float slope = 2.0f * range.l2;
    for (i64 i = from + threadIdx.x; i < to; i += kThreads) {
      if (slope > 0.0f) gradients[i] = fmaf(slope, params[i], gradients[i]);
      sum += (double)gradients[i] * (double)gradients[i];
    }
  });
  sum = blockSum<kThreads>(sum, sums);
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = sum;
    __threadfence();  // the part is there before it is counted
    last = atomicAdd(&state->done, 1) == (i32)gridDim.x - 1 ? 1 : 0;
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  const volatile double* all = parts;
  sum = 0.0;
  for (i64 i = threadIdx.x; i < (i64)gridDim.x; i += kThreads) sum += all[i];
  const double norm = sqrt(blockSum<kThreads>(sum, sums));
  if (threadIdx.x != 0) return;
  state->done = 0;
  finishNorm(norm, control, scale, report, state, options);
}

__device__ inline void sgdElements(float* params, const float* gradients, float* buffer, float rate, float decay,
                                   const UpdateState& state, const UpdateOptions& options, i64 from, i64 to) {
  for (i64 i = from + threadIdx.x; i < to; i += kThreads) {
    const float value = params[i];
    float step = gradients[i] * state.scale;
    if (decay != 0.0f) step = fmaf(decay, value, step);
    if (buffer) {
      const float velocity = fmaf(options.momentum, buffer[i], step);
      buffer[i] = velocity;
      step = options.nesterov ? fmaf(options.momentum, velocity, step) : velocity;
    }
    params[i] = fmaf(-rate, step, value);
  }
}

CUGRU_KERNEL update_sgd(float* params, float* gradients, float* buffer, const Range* ranges, i32 rangeCount,
                        i64 elements, const StepControl* control, const UpdateState* updateState,
                        UpdateOptions options) {
  const i64 first = (i64)blockIdx.x * kBlock, last = least(first + kBlock, elements);
  const UpdateState state = *updateState;
  if (state.apply) {
    eachElement(ranges, rangeCount, first, last, [&](const Range& range, i64 from, i64 to) {
      const float rate = (float)((double)control->learningRate * (double)range.rateFactor);
      const float decay = (float)(options.weightDecay * (double)range.decayFactor);
      sgdElements(params, gradients, buffer, rate, decay, state, options, from, to);
    });
  }
  __syncthreads();
  for (i64 i = first + threadIdx.x; i < last; i += kThreads) gradients[i] = 0.0f;
}

__device__ inline void adamElements(float* params, const float* gradients, float* means, float* squares, double rate,
                                    double weightDecay, const UpdateState& state, const UpdateOptions& options,
                                    i64 from, i64 to) {
  const float rest1 = (float)(1.0 - options.beta1), rest2 = (float)(1.0 - options.beta2), beta2 = (float)options.beta2;
  const float stepSize = (float)(rate / state.rateCorrection);
  const float decay = options.decoupled ? 0.0f : (float)weightDecay;
  const float shrink = options.decoupled ? (float)(1.0 - rate * weightDecay) : 1.0f;
  for (i64 i = from + threadIdx.x; i < to; i += kThreads) {
    float value = params[i], gradient = gradients[i] * state.scale;
    if (decay != 0.0f) gradient = fmaf(decay, value, gradient);
    if (shrink != 1.0f) value *= shrink;
    const float mean = fmaf(gradient - means[i], rest1, means[i]);
    const float square = fmaf(gradient * gradient, rest2, squares[i] * beta2);
    means[i] = mean;
    squares[i] = square;
    params[i] = fmaf(-stepSize, mean / (sqrtf(square) / state.rootCorrection + options.epsilon), value);
  }
}

CUGRU_KERNEL update_adam(float* params, float* gradients, float* means, float* squares, const Range* ranges,
                         i32 rangeCount, i64 elements, const StepControl* control, const UpdateState* updateState,
                         UpdateOptions options) {
  const i64 first = (i64)blockIdx.x * kBlock, last = least(first + kBlock, elements);
  const UpdateState state = *updateState;
  if (state.apply) {
    eachElement(ranges, rangeCount, first, last, [&](const Range& range, i64 from, i64 to) {
      const double rate = (double)control->learningRate * (double)range.rateFactor;
      const double decay = options.weightDecay * (double)range.decayFactor;
      adamElements(params, gradients, means, squares, rate, decay, state, options, from, to);
    });
  }
  __syncthreads();
  for (i64 i = first + threadIdx.x; i < last; i += kThreads) gradients[i] = 0.0f;
}

// A warp for each row.
CUGRU_KERNEL hold_norms(float* params, const BoundedRows* parts, i32 count, i64 rows, const UpdateState* updateState) {
  const i64 row = (i64)blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= rows || !updateState->apply) return;
  i32 part = 0;
  while (part + 1 < count && parts[part + 1].before <= row) ++part;
  const BoundedRows bounded = parts[part];
  if (bounded.frozen) return;
  float* weights = params + bounded.first + (row - bounded.before) * bounded.length;
  double sum = 0.0;
  for (i64 i = threadIdx.x; i < bounded.length; i += kWarp) sum += (double)weights[i] * (double)weights[i];
  const double norm = sqrt(warpSum(sum));
  if (!(norm > (double)bounded.maxNorm)) return;
  const float factor = (float)((double)bounded.maxNorm / norm);
  for (i64 i = threadIdx.x; i < bounded.length; i += kWarp) weights[i] *= factor;
}
