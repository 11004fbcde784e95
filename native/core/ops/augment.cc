#include <string>

#include "core/error.h"
#include "core/ops/ops.h"
#include "core/ops/schema.h"

namespace cugru {

namespace {

constexpr int64_t kMostPixels = 1 << 20;  // of a side

struct ValueRange {
  float low, high;
  bool rises = false;  // at least as large as the value before
};
struct KindRule {
  const char* name;
  int values;
  ValueRange ranges[kAugmentValues];
};

constexpr KindRule kRules[kAugmentKinds] = {
    {"shift", 2, {{0, kMostPixels}, {0, kMostPixels}}},
    {"flip", 2, {{0, 1}, {0, 1}}},
    {"rotate", 1, {{0, 360}}},
    {"scale", 2, {{1e-3f, 1e3f}, {1e-3f, 1e3f, true}}},
    {"erase", 6, {{0, 1}, {0, 1}, {0, 1, true}, {1e-3f, 1e3f}, {1e-3f, 1e3f, true}, {0, 1}}},
    {"brightness", 2, {{0, 1e3f}, {0, 1e3f, true}}},
    {"contrast", 2, {{0, 1e3f}, {0, 1e3f, true}}},
    {"mixup", 1, {{1e-3f, 1e3f}}},
    {"cutmix", 1, {{1e-3f, 1e3f}}},
};

AugmentStep augmentStep(const OpDesc& desc, int32_t kind, const float* values) {
  if (kind < 0 || kind >= kAugmentKinds) fail(code::kValue, desc.name, " (augment): there is no kind ", kind);
  const KindRule& rule = kRules[kind];
  AugmentStep step{};
  step.kind = kind;
  for (int i = 0; i < rule.values; ++i) {
    const ValueRange& range = rule.ranges[i];
    const float low = range.rises ? values[i - 1] : range.low;
    if (!(values[i] >= low && values[i] <= range.high)) {
      fail(code::kValue, desc.name, " (augment): value ", i, " of ", rule.name, " must be from ", low, " to ",
           range.high, ", got ", values[i]);
    }
    step.value[i] = values[i];
  }
  return step;
}

AugmentPlan augmentPlan(const OpDesc& desc) {
  AugmentPlan plan{};
  plan.height = desc.attrs.integer("height", 1, kMostPixels);
  plan.width = desc.attrs.integer("width", 1, kMostPixels);
  plan.channels = desc.attrs.integer("channels", 1, 1 << 16);
  plan.fill = static_cast<float>(desc.attrs.numberOr("fill", 0, 0, 1));
  const IndexArray kinds = desc.attrs.indices("kinds");
  const FloatArray values = desc.attrs.floatsOrNull("values");
  if (kinds->size() > kMaxAugmentSteps) {
    fail(code::kValue, desc.name, " (augment) takes at most ", kMaxAugmentSteps, " steps, got ", kinds->size());
  }
  const size_t wanted = kinds->size() * kAugmentValues;
  if ((values ? values->size() : 0) != wanted) {
    fail(code::kShape, desc.name, " (augment): ", kinds->size(), " kinds need ", wanted, " values, got ",
         values ? values->size() : 0);
  }
  for (size_t i = 0; i < kinds->size(); ++i) {
    plan.steps[i] = augmentStep(desc, (*kinds)[i], values->data() + i * kAugmentValues);
    plan.mixes += plan.steps[i].kind >= kMixup ? 1 : 0;
  }
  plan.count = static_cast<int>(kinds->size());
  return plan;
}

}  // namespace

AugmentDesc augmentDesc(const OpDesc& desc) {
  expectCounts(desc, 2, 3, 3);
  AugmentDesc augment;
  augment.slab = inputSpec(desc, 0, "slab");
  expectSpec(desc, inputSpec(desc, 1, "indices"), TensorSpec{DType::i32, 0, {}}, "indices");
  augment.hasSamples = desc.inputs.size() > 2 && desc.inputs[2];
  if (augment.hasSamples) expectSpec(desc, desc.inputs[2], TensorSpec{DType::i32, 0, {}}, "samples");
  augment.plan = augmentPlan(desc);
  augment.batch = desc.batch;
  augment.opId = desc.id;
  const AugmentPlan& plan = augment.plan;
  augment.elements = checkedMul(checkedMul(plan.height, plan.width, "the image"), plan.channels, "the image");
  if (augment.slab.dtype == DType::i32 || augment.slab.steps != 0 || augment.slab.rows != 1 ||
      augment.slab.rowElements() != augment.elements) {
    fail(code::kShape, desc.name, " (augment) expects rows of [", plan.height, ", ", plan.width, ", ", plan.channels,
         "] u8 or f32, got ", augment.slab.describe());
  }
  expectSpec(desc, desc.outputs[0], TensorSpec{DType::f32, 0, {plan.height, plan.width, plan.channels}}, "image");
  expectSpec(desc, desc.outputs[1], TensorSpec{DType::i32, 0, {}}, "partners");
  expectSpec(desc, desc.outputs[2], TensorSpec{DType::f32, 0, {}}, "lambda");
  return augment;
}

std::vector<ParamSpec> checkAugment(const OpDesc& desc) { return augmentDesc(desc), std::vector<ParamSpec>{}; }

}  // namespace cugru
