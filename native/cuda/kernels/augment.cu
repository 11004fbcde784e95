// Images of a slab, changed at random: what is drawn, and what becomes of a pixel, is in core/augment.cuh. A block for each image.
#include "common.cuh"
// After common.cuh, which has the Philox that it draws from.
#include "augment.cuh"

constexpr int kAugmentThreads = 256;

// `samples` null: the slab's row numbers.
struct AugmentRun {
  const i32* indices;
  const i32* samples;
  const StepControl* control;
  u32 opId;
};

__device__ inline cugru::AugmentKey keyOf(const AugmentRun& run, i64 row) {
  const i32 sample = run.samples ? run.samples[row] : run.indices[run.control->firstRow + row];
  return {run.control->seed, run.opId, (u32)run.control->epoch, (u32)sample};
}

template <typename T>
__device__ inline float placed(const T* image, const cugru::AugmentPlan& plan, const cugru::AugmentMap& map, bool whole,
                               i64 y, i64 x, i64 channel) {
  if (!whole) return cugru::augmentSample(image, plan, cugru::augmentTaps(plan, map, y, x), channel);
  const i64 row = cugru::augmentWholeAt(map.yy, map.y0, y), column = cugru::augmentWholeAt(map.xx, map.x0, x);
  if (row < 0 || row >= plan.height || column < 0 || column >= plan.width) return plan.fill;
  return cugru::augmentPixel(image[(row * plan.width + column) * plan.channels + channel]);
}

// body(i, y, x, channel) for this thread's elements of an image, the same in every call.
template <typename Body>
__device__ inline void eachElement(const cugru::AugmentPlan& plan, const Body& body) {
  const i64 elements = plan.height * plan.width * plan.channels;
  for (i64 i = threadIdx.x; i < elements; i += kAugmentThreads) {
    const i64 pixel = i / plan.channels, y = pixel / plan.width;
    body(i, y, pixel - y * plan.width, i - pixel * plan.channels);
  }
}

__device__ inline float meanOf(const cugru::AugmentPlan& plan, const float* image, double* shared) {
  double sum = 0.0;
  eachElement(plan, [&](i64 i, i64, i64, i64) { sum += (double)image[i]; });
  sum = blockSum<kAugmentThreads>(sum, shared);
  return (float)(sum / (double)(plan.height * plan.width * plan.channels));
}

template <typename T>
__device__ inline void makeImage(float* out, const T* slab, const AugmentRun& run, const cugru::AugmentPlan& plan,
                                 double* shared) {
  const i64 row = blockIdx.x, elements = plan.height * plan.width * plan.channels;
  float* to = out + row * elements;
  if (row >= run.control->validRows) {
    eachElement(plan, [&](i64 i, i64, i64, i64) { to[i] = 0.0f; });
    return;
  }
  const cugru::AugmentKey key = keyOf(run, row);
  const cugru::AugmentMap map = cugru::augmentMap(plan, key);
  const bool whole = cugru::augmentIsWhole(map);
  const T* image = slab + (i64)run.indices[run.control->firstRow + row] * elements;
  eachElement(plan, [&](i64 i, i64 y, i64 x, i64 c) { to[i] = placed(image, plan, map, whole, y, x, c); });
  for (int step = 0; step < plan.count; ++step) {
    const int kind = plan.steps[step].kind;
    if (kind == cugru::kErase) {
      const cugru::AugmentBox box = cugru::augmentErase(plan, key, step);
      const float fill = plan.steps[step].value[5];
      eachElement(plan, [&](i64 i, i64 y, i64 x, i64) { to[i] = cugru::augmentInside(box, y, x) ? fill : to[i]; });
    } else if (kind == cugru::kBrightness || kind == cugru::kContrast) {
      const float factor = cugru::augmentFactor(plan, key, step);
      const float middle = kind == cugru::kContrast ? meanOf(plan, to, shared) : 0.0f;
      eachElement(plan, [&](i64 i, i64, i64, i64) { to[i] = cugru::augmentClamp(middle + (to[i] - middle) * factor); });
    }
  }
}

CUGRU_KERNEL augment_u8(float* out, const u8* slab, AugmentRun run, cugru::AugmentPlan plan) {
  __shared__ double shared[kAugmentThreads];
  makeImage(out, slab, run, plan, shared);
}

CUGRU_KERNEL augment_f32(float* out, const float* slab, AugmentRun run, cugru::AugmentPlan plan) {
  __shared__ double shared[kAugmentThreads];
  makeImage(out, slab, run, plan, shared);
}

// `out`, `partners`, `lambda` null: not wanted. `images`: as made, before the mixing.
CUGRU_KERNEL augment_mix(float* out, const float* images, i32* partners, float* lambda, AugmentRun run,
                         cugru::AugmentPlan plan) {
  const i64 row = blockIdx.x, valid = run.control->validRows, elements = plan.height * plan.width * plan.channels;
  const bool padding = row >= valid;
  const bool mixes = plan.mixes > 0 && !padding;
  const i64 partner = !mixes ? row : row + 1 < valid ? row + 1 : 0;
  cugru::AugmentMix mix = {1.0f, true, {0, 0, 0, 0}};
  if (mixes) mix = cugru::augmentMix(plan, keyOf(run, row));
  if (threadIdx.x == 0) {
    if (partners) partners[row] = (i32)partner;
    if (lambda) lambda[row] = mix.own;
  }
  if (!out || plan.mixes == 0) return;
  const float* own = images + row * elements;
  const float* other = images + partner * elements;
  float* to = out + row * elements;
  eachElement(plan, [&](i64 i, i64 y, i64 x, i64) {
    to[i] = padding ? 0.0f : cugru::augmentBlend(mix, own[i], other[i], y, x);
  });
}
