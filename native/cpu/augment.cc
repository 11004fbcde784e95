// Images of a slab, changed at random: what is drawn, and what becomes of a pixel, is in core/augment.cuh.
#include <algorithm>

#include "core/error.h"
#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

class AugmentKernel final : public Kernel {
 public:
  explicit AugmentKernel(const OpDesc& desc) : desc_(augmentDesc(desc)), plan_(desc_.plan) {}

  // Before they are mixed, images lie in the workspace.
  KernelSizes sizes() const override {
    return {plan_.mixes > 0 ? static_cast<size_t>(desc_.batch * desc_.elements) * sizeof(float) : 0, 0};
  }
  std::string variant() const override { return "cpu augment"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    float* out = static_cast<float*>(args.outputs[0]);
    float* images = plan_.mixes > 0 ? static_cast<float*>(args.workspace) : out;
    const int64_t valid = std::min<int64_t>(args.control->validRows, desc_.batch);
    if (out != nullptr) {
      eachRow(stream, 16, [&](int64_t row) {
        if (row < valid) {
          make(args, row, images + row * desc_.elements);
        } else {
          std::fill_n(out + row * desc_.elements, desc_.elements, 0.0f);
        }
      });
    }
    if (plan_.mixes > 0) {
      eachRow(stream, 2, [&](int64_t row) { mix(args, row, valid, images, out); });
    } else {
      for (int64_t row = 0; row < desc_.batch; ++row) label(args, row, row, 1.0f);
    }
  }

  void backward(const KernelArgs&, Stream&) override { fail(code::kInternal, "augment has no gradient"); }

 private:
  AugmentKey key(const KernelArgs& args, int64_t row) const {
    const int32_t* samples = desc_.hasSamples ? static_cast<const int32_t*>(args.inputs[2]) + row
                                              : indices(args) + args.control->firstRow + row;
    return {args.control->seed, desc_.opId, static_cast<uint32_t>(args.control->epoch),
            static_cast<uint32_t>(*samples)};
  }
  static const int32_t* indices(const KernelArgs& args) { return static_cast<const int32_t*>(args.inputs[1]); }

  void make(const KernelArgs& args, int64_t row, float* to) const {
    const AugmentKey drawn = key(args, row);
    const int64_t from = indices(args)[args.control->firstRow + row] * desc_.elements;
    if (desc_.slab.dtype == DType::u8) {
      place(static_cast<const uint8_t*>(args.inputs[0]) + from, augmentMap(plan_, drawn), to);
    } else {
      place(static_cast<const float*>(args.inputs[0]) + from, augmentMap(plan_, drawn), to);
    }
    for (int i = 0; i < plan_.count; ++i) {
      const int kind = plan_.steps[i].kind;
      if (kind == kErase) erase(augmentErase(plan_, drawn, i), plan_.steps[i].value[5], to);
      if (kind == kBrightness) scaleAbout(0, augmentFactor(plan_, drawn, i), to);
      if (kind == kContrast) scaleAbout(mean(to), augmentFactor(plan_, drawn, i), to);
    }
  }

  template <typename T>
  void place(const T* image, const AugmentMap& map, float* to) const {
    if (augmentIsWhole(map)) return copyWhole(image, map, to);
    const int64_t channels = plan_.channels;
    for (int64_t y = 0; y < plan_.height; ++y) {
      for (int64_t x = 0; x < plan_.width; ++x, to += channels) {
        const AugmentTaps taps = augmentTaps(plan_, map, y, x);
        for (int64_t c = 0; c < channels; ++c) to[c] = augmentSample(image, plan_, taps, c);
      }
    }
  }

  template <typename T>
  void copyWhole(const T* image, const AugmentMap& map, float* to) const {
    const int64_t channels = plan_.channels;
    for (int64_t y = 0; y < plan_.height; ++y) {
      const int64_t row = augmentWholeAt(map.yy, map.y0, y);
      for (int64_t x = 0; x < plan_.width; ++x, to += channels) {
        const int64_t column = augmentWholeAt(map.xx, map.x0, x);
        const bool inside = row >= 0 && row < plan_.height && column >= 0 && column < plan_.width;
        const T* from = image + (inside ? (row * plan_.width + column) * channels : 0);
        for (int64_t c = 0; c < channels; ++c) to[c] = inside ? augmentPixel(from[c]) : plan_.fill;
      }
    }
  }

  void erase(const AugmentBox& box, float fill, float* to) const {
    for (int64_t y = box.top; y < box.bottom; ++y) {
      std::fill(to + (y * plan_.width + box.left) * plan_.channels, to + (y * plan_.width + box.right) * plan_.channels,
                fill);
    }
  }
  float mean(const float* image) const {
    double sum = 0;
    for (int64_t i = 0; i < desc_.elements; ++i) sum += static_cast<double>(image[i]);
    return static_cast<float>(sum / static_cast<double>(desc_.elements));
  }
  void scaleAbout(float middle, float factor, float* image) const {
    for (int64_t i = 0; i < desc_.elements; ++i) image[i] = augmentClamp(middle + (image[i] - middle) * factor);
  }

  void mix(const KernelArgs& args, int64_t row, int64_t valid, const float* images, float* out) const {
    if (row >= valid) return label(args, row, row, 1.0f);
    const int64_t partner = row + 1 < valid ? row + 1 : 0;
    const AugmentMix drawn = augmentMix(plan_, key(args, row));
    label(args, row, partner, drawn.own);
    if (out == nullptr) return;
    const float *own = images + row * desc_.elements, *other = images + partner * desc_.elements;
    float* to = out + row * desc_.elements;
    for (int64_t y = 0, i = 0; y < plan_.height; ++y) {
      for (int64_t x = 0; x < plan_.width; ++x) {
        for (int64_t c = 0; c < plan_.channels; ++c, ++i) to[i] = augmentBlend(drawn, own[i], other[i], y, x);
      }
    }
  }

  static void label(const KernelArgs& args, int64_t row, int64_t partner, float lambda) {
    if (args.outputs[1] != nullptr) static_cast<int32_t*>(args.outputs[1])[row] = static_cast<int32_t>(partner);
    if (args.outputs[2] != nullptr) static_cast<float*>(args.outputs[2])[row] = lambda;
  }

  template <typename Body>
  void eachRow(Stream& stream, double cost, const Body& body) const {
    const int64_t rows = std::max<int64_t>(1, 4096 / desc_.elements);  // of a task
    cpu(stream).blocks(desc_.batch, rows, cost * static_cast<double>(desc_.elements),
                       [&](int64_t first, int64_t count) {
                         for (int64_t row = first; row < first + count; ++row) body(row);
                       });
  }

  AugmentDesc desc_;
  AugmentPlan plan_;
};

}  // namespace

std::unique_ptr<Kernel> makeAugment(const OpDesc& desc, const Vectors&) {
  return std::make_unique<AugmentKernel>(desc);
}

}  // namespace cugru::cpu
