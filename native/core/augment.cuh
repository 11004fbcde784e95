// What an augmentation draws for a sample, and what it makes of a pixel: one source for both backends, so that they cannot drift
// apart. Compiled as C++ by native/cpu and as a header of native/cuda/kernels, so it holds nothing but arithmetic.
//
// Every number is uniform01 of a word of Philox, keyed by (seed, op id, epoch, 64 * sample + place). The transform at position i of
// the list owns the places 2i and 2i + 1, place 63 chooses between mixup and cutmix: so a transform at the end of the list changes
// nothing of what those before it draw.
#pragma once

#ifdef CUGRU_KERNEL
#define CUGRU_BOTH __device__ inline
#else
#include <cmath>

#include "core/philox.h"
#define CUGRU_BOTH inline
#endif

namespace cugru {

enum AugmentKind : int {
  kShift,
  kFlip,
  kRotate,
  kScale,
  kErase,
  kBrightness,
  kContrast,
  kMixup,
  kCutmix,
  kAugmentKinds
};
constexpr int kMaxAugmentSteps = 16, kAugmentValues = 6;

// value[]: shift {pixels down, pixels right}, flip {probability horizontal, vertical}, rotate {degrees}, scale {min, max},
// erase {probability, area min, max, aspect min, max, fill}, brightness and contrast {min, max}, mixup and cutmix {alpha}.
struct AugmentStep {
  int kind;
  float value[kAugmentValues];
};

struct AugmentPlan {
  long long height, width, channels;
  int count, mixes;  // steps; those of them that mix
  float fill;        // what lies outside of the image
  AugmentStep steps[kMaxAugmentSteps];
};

struct AugmentKey {
  unsigned long long seed;
  unsigned int opId, epoch, sample;
};

CUGRU_BOTH Philox4 augmentWords(const AugmentKey& key, int place) {
  const unsigned long long block = 64ull * key.sample + static_cast<unsigned long long>(place);
  return philoxBlock(key.seed, key.opId, key.epoch, block);
}

CUGRU_BOTH double augmentBetween(float low, float high, unsigned int bits) {
  const double from = static_cast<double>(low), to = static_cast<double>(high);
  return from + (to - from) * static_cast<double>(uniform01(bits));
}

// Floor for what a 32-bit integer holds.
CUGRU_BOTH int augmentFloor(double value) {
  const int whole = static_cast<int>(value);
  return static_cast<double>(whole) > value ? whole - 1 : whole;
}

// An integer from -limit to limit, each as likely as the others.
CUGRU_BOTH double augmentOffset(float limit, unsigned int bits) {
  const double most = static_cast<double>(limit);
  return static_cast<double>(augmentFloor((2 * most + 1) * static_cast<double>(uniform01(bits)))) - most;
}

// ---- geometry: all shifts, flips, rotations and scalings are one map from a pixel of the result to a place in the source.

struct AugmentMap {
  double xx, xy, x0;  // source x = xx * x + xy * y + x0
  double yx, yy, y0;
};

// The map where `inverse` (a, b; c, d) about the point (px, py) comes before it: map * translate(p) * inverse * translate(-p).
CUGRU_BOTH void augmentTurn(AugmentMap& m, double px, double py, double a, double b, double c, double d) {
  const double tx = px - (a * px + b * py), ty = py - (c * px + d * py);
  m.x0 += m.xx * tx + m.xy * ty;
  m.y0 += m.yx * tx + m.yy * ty;
  const double xx = m.xx * a + m.xy * c, xy = m.xx * b + m.xy * d;
  const double yx = m.yx * a + m.yy * c, yy = m.yx * b + m.yy * d;
  m.xx = xx;
  m.xy = xy;
  m.yx = yx;
  m.yy = yy;
}

CUGRU_BOTH AugmentMap augmentMap(const AugmentPlan& plan, const AugmentKey& key) {
  AugmentMap m = {1, 0, 0, 0, 1, 0};
  const double right = static_cast<double>(plan.width - 1), bottom = static_cast<double>(plan.height - 1);
  for (int i = 0; i < plan.count; ++i) {
    const AugmentStep& step = plan.steps[i];
    if (step.kind > kScale) continue;
    const Philox4 words = augmentWords(key, 2 * i);
    if (step.kind == kShift) {
      const double down = augmentOffset(step.value[0], words.v[0]), across = augmentOffset(step.value[1], words.v[1]);
      m.x0 -= m.xx * across + m.xy * down;
      m.y0 -= m.yx * across + m.yy * down;
    } else if (step.kind == kFlip) {
      const bool horizontal = uniform01(words.v[0]) < step.value[0], vertical = uniform01(words.v[1]) < step.value[1];
      augmentTurn(m, right / 2, bottom / 2, horizontal ? -1 : 1, 0, 0, vertical ? -1 : 1);
    } else if (step.kind == kRotate) {
      const double angle = augmentBetween(-step.value[0], step.value[0], words.v[0]) * 0.017453292519943295;
      if (angle != 0) augmentTurn(m, right / 2, bottom / 2, cos(angle), -sin(angle), sin(angle), cos(angle));
    } else {
      const double back = 1 / augmentBetween(step.value[0], step.value[1], words.v[0]);
      augmentTurn(m, right / 2, bottom / 2, back, 0, 0, back);
    }
  }
  return m;
}

// Whole pixels to whole pixels, neither turned nor scaled: copied, not interpolated.
CUGRU_BOTH bool augmentIsWhole(const AugmentMap& m) {
  const bool axes = (m.xx == 1 || m.xx == -1) && (m.yy == 1 || m.yy == -1) && m.xy == 0 && m.yx == 0;
  const double most = 1 << 24;
  if (!axes || !(m.x0 > -most && m.x0 < most && m.y0 > -most && m.y0 < most)) return false;
  return static_cast<double>(augmentFloor(m.x0)) == m.x0 && static_cast<double>(augmentFloor(m.y0)) == m.y0;
}

// The four pixels around a place in the source, and how far the place is from the first of them, the one top left.
struct AugmentTaps {
  int top, left;
  float right, down;
  bool outside, inside;  // all four
};

CUGRU_BOTH AugmentTaps augmentTaps(const AugmentPlan& plan, const AugmentMap& m, long long y, long long x) {
  const float column = static_cast<float>(x), row = static_cast<float>(y);
  const float sx = static_cast<float>(m.xx) * column + (static_cast<float>(m.xy) * row + static_cast<float>(m.x0));
  const float sy = static_cast<float>(m.yx) * column + (static_cast<float>(m.yy) * row + static_cast<float>(m.y0));
  const int height = static_cast<int>(plan.height), width = static_cast<int>(plan.width);
  AugmentTaps taps = {0, 0, 0, 0, true, false};
  if (!(sx > -1.0f && sx < static_cast<float>(width) && sy > -1.0f && sy < static_cast<float>(height))) return taps;
  taps.outside = false;
  taps.left = sx < 0.0f ? -1 : static_cast<int>(sx);
  taps.top = sy < 0.0f ? -1 : static_cast<int>(sy);
  taps.right = sx - static_cast<float>(taps.left);
  taps.down = sy - static_cast<float>(taps.top);
  taps.inside = taps.left >= 0 && taps.top >= 0 && taps.left + 1 < width && taps.top + 1 < height;
  return taps;
}

CUGRU_BOTH float augmentPixel(unsigned char byte) { return static_cast<float>(byte) * (1.0f / 255.0f); }
CUGRU_BOTH float augmentPixel(float value) { return value; }

CUGRU_BOTH float augmentBilinear(float a, float b, float c, float d, const AugmentTaps& taps) {
  const float top = a + (b - a) * taps.right, bottom = c + (d - c) * taps.right;
  return top + (bottom - top) * taps.down;
}

// Bilinear; what lies outside is `fill`.
template <typename T>
CUGRU_BOTH float augmentSample(const T* image, const AugmentPlan& plan, const AugmentTaps& taps, long long channel) {
  if (taps.outside) return plan.fill;
  const long long across = plan.channels, down = plan.width * across;
  const long long at = taps.top * down + taps.left * across + channel;
  if (taps.inside) {
    return augmentBilinear(augmentPixel(image[at]), augmentPixel(image[at + across]), augmentPixel(image[at + down]),
                           augmentPixel(image[at + down + across]), taps);
  }
  const bool left = taps.left >= 0, right = taps.left + 1 < plan.width;
  const bool top = taps.top >= 0, bottom = taps.top + 1 < plan.height;
  return augmentBilinear(top && left ? augmentPixel(image[at]) : plan.fill,
                         top && right ? augmentPixel(image[at + across]) : plan.fill,
                         bottom && left ? augmentPixel(image[at + down]) : plan.fill,
                         bottom && right ? augmentPixel(image[at + down + across]) : plan.fill, taps);
}

// Where a whole map reads one axis: the source's place of place 0, and its direction.
CUGRU_BOTH long long augmentWholeAt(double direction, double origin, long long at) {
  return static_cast<long long>(origin) + (direction < 0 ? -at : at);
}

// ---- values

CUGRU_BOTH float augmentClamp(float value) { return value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value; }

CUGRU_BOTH float augmentFactor(const AugmentPlan& plan, const AugmentKey& key, int i) {
  const float* range = plan.steps[i].value;
  return static_cast<float>(augmentBetween(range[0], range[1], augmentWords(key, 2 * i).v[0]));
}

// Rows top to before bottom, columns left to before right.
struct AugmentBox {
  long long top, left, bottom, right;
};

CUGRU_BOTH bool augmentInside(const AugmentBox& box, long long y, long long x) {
  return y >= box.top && y < box.bottom && x >= box.left && x < box.right;
}

CUGRU_BOTH long long augmentSide(double wanted, long long most) {
  const double rounded = wanted + 0.5;
  return rounded >= static_cast<double>(most) ? most : static_cast<long long>(augmentFloor(rounded));
}

// Random erasing (Zhong et al., 2020), in one try: a side that is longer than the image is cut to it.
CUGRU_BOTH AugmentBox augmentErase(const AugmentPlan& plan, const AugmentKey& key, int i) {
  const float* value = plan.steps[i].value;
  const Philox4 words = augmentWords(key, 2 * i);
  if (!(uniform01(words.v[0]) < value[0])) return {0, 0, 0, 0};
  const double pixels = static_cast<double>(plan.height) * static_cast<double>(plan.width);
  const double area = pixels * augmentBetween(value[1], value[2], words.v[1]);
  const double low = log(static_cast<double>(value[3])), high = log(static_cast<double>(value[4]));
  const double aspect = exp(low + (high - low) * static_cast<double>(uniform01(words.v[2])));
  const long long height = augmentSide(sqrt(area * aspect), plan.height);
  const long long width = augmentSide(sqrt(area / aspect), plan.width);
  const double rows = static_cast<double>(plan.height - height + 1),
               columns = static_cast<double>(plan.width - width + 1);
  const long long top = augmentFloor(rows * static_cast<double>(uniform01(words.v[3])));
  const long long left = augmentFloor(columns * static_cast<double>(uniform01(augmentWords(key, 2 * i + 1).v[0])));
  return {top, left, top + height, left + width};
}

// ---- mixing with a partner

// Beta(alpha, alpha) from two uniform numbers: (1 + T / sqrt(2 alpha + T^2)) / 2, where T is Student's t of 2 alpha degrees of
// freedom by Bailey's polar method (1994): T = sqrt(2 alpha (U^(-1/alpha) - 1)) cos(2 pi V).
CUGRU_BOTH double augmentBeta(double alpha, unsigned int first, unsigned int second) {
  const double u = 1 - static_cast<double>(uniform01(first));  // in (0, 1]
  const double q = pow(u, 1 / alpha), c = cos(6.283185307179586 * static_cast<double>(uniform01(second)));
  const double square = c * c * (1 - q), sum = square + q;
  if (!(sum > 0)) return 0.5;
  return 0.5 + (c < 0 ? -0.5 : 0.5) * sqrt(square / sum);
}

struct AugmentMix {
  float own;       // share of the own label: lambda
  bool blends;     // mixup; otherwise the box is the partner's
  AugmentBox box;  // cutmix
};

CUGRU_BOTH AugmentMix augmentMix(const AugmentPlan& plan, const AugmentKey& key) {
  int wanted = 0;
  if (plan.mixes > 1) {
    wanted = augmentFloor(static_cast<double>(uniform01(augmentWords(key, 63).v[0])) * static_cast<double>(plan.mixes));
  }
  for (int i = 0; i < plan.count; ++i) {
    const AugmentStep& step = plan.steps[i];
    if (step.kind < kMixup || wanted-- > 0) continue;
    const Philox4 words = augmentWords(key, 2 * i);
    const double lambda = augmentBeta(static_cast<double>(step.value[0]), words.v[0], words.v[1]);
    if (step.kind == kMixup) return {static_cast<float>(lambda), true, {0, 0, 0, 0}};
    const double side = sqrt(1 - lambda) / 2, h = static_cast<double>(plan.height), w = static_cast<double>(plan.width);
    const long long halfHeight = augmentFloor(h * side), halfWidth = augmentFloor(w * side);
    const long long y = augmentFloor(h * static_cast<double>(uniform01(words.v[2])));
    const long long x = augmentFloor(w * static_cast<double>(uniform01(words.v[3])));
    const AugmentBox box = {y < halfHeight ? 0 : y - halfHeight, x < halfWidth ? 0 : x - halfWidth,
                            y + halfHeight > plan.height ? plan.height : y + halfHeight,
                            x + halfWidth > plan.width ? plan.width : x + halfWidth};
    const double area = static_cast<double>((box.bottom - box.top) * (box.right - box.left));
    return {static_cast<float>(1 - area / (h * w)), false, box};
  }
  return {1.0f, true, {0, 0, 0, 0}};
}

CUGRU_BOTH float augmentBlend(const AugmentMix& mix, float own, float partner, long long y, long long x) {
  if (mix.blends) return mix.own * own + (1.0f - mix.own) * partner;
  return augmentInside(mix.box, y, x) ? partner : own;
}

}  // namespace cugru
