// Rows of a slab, picked by index, mapped to a sequence and normalised. Bytes go through a table of 256 values per channel.
#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kMaxTableChannels = 16;

class GatherKernel final : public Kernel {
 public:
  explicit GatherKernel(const OpDesc& desc)
      : desc_(gatherDesc(desc)), source_(desc_.slab.rowElements()), steps_(std::max<int64_t>(desc_.out.steps, 1)) {
    usesTable_ = desc_.slab.dtype == DType::u8 && desc_.channels <= kMaxTableChannels;
  }

  KernelSizes sizes() const override {
    return {usesTable_ ? static_cast<size_t>(desc_.channels) * 256 * sizeof(float) : 0, 0};
  }
  std::string variant() const override { return usesTable_ ? "cpu table" : "cpu direct"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    if (usesTable_) fillTable(args);
    const int64_t rowElements = steps_ * desc_.features;
    const int64_t rows = std::max<int64_t>(1, 8192 / rowElements);  // of a task
    cpu(stream).blocks(desc_.batch, rows, static_cast<double>(rowElements), [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) gatherRow(args, row);
    });
  }

  void backward(const KernelArgs&, Stream&) override { fail(code::kInternal, "gather has no gradient"); }

 private:
  void fillTable(const KernelArgs& args) const {
    float* table = static_cast<float*>(args.workspace);
    for (int64_t channel = 0; channel < desc_.channels; ++channel) {
      for (int64_t byte = 0; byte < 256; ++byte) {
        table[channel * 256 + byte] = normal(args, static_cast<float>(byte) * (1.0f / 255.0f), channel);
      }
    }
  }

  float normal(const KernelArgs& args, float value, int64_t channel) const {
    if (!desc_.normalizes) return value;
    return (value - args.params[channel]) / args.params[desc_.channels + channel];
  }

  int64_t sourceRow(const KernelArgs& args, int64_t row) const {
    if (!desc_.picks) return row;
    return static_cast<const int32_t*>(args.inputs[1])[args.control->firstRow + row];
  }

  void gatherRow(const KernelArgs& args, int64_t row) const {
    const bool valid = row < args.control->validRows;
    const int64_t from = valid ? sourceRow(args, row) * source_ : 0;
    if (desc_.slab.dtype == DType::i32) {
      const int32_t* slab = static_cast<const int32_t*>(args.inputs[0]) + from;
      const int32_t rest = valid ? 0 : desc_.fill;
      mapRow<int32_t>(args, row, valid, rest, [&](int64_t at, int64_t) { return slab[at]; });
    } else if (desc_.slab.dtype == DType::f32) {
      const float* slab = static_cast<const float*>(args.inputs[0]) + from;
      mapRow<float>(args, row, valid, 0.0f,
                    [&](int64_t at, int64_t channel) { return normal(args, slab[at], channel); });
    } else {
      gatherBytes(args, row, valid, static_cast<const uint8_t*>(args.inputs[0]) + from);
    }
  }

  void gatherBytes(const KernelArgs& args, int64_t row, bool valid, const uint8_t* slab) const {
    const float* table = static_cast<const float*>(args.workspace);
    if (usesTable_) {
      mapRow<float>(args, row, valid, 0.0f,
                    [&](int64_t at, int64_t channel) { return table[channel * 256 + slab[at]]; });
    } else {
      mapRow<float>(args, row, valid, 0.0f, [&](int64_t at, int64_t channel) {
        return normal(args, static_cast<float>(slab[at]) * (1.0f / 255.0f), channel);
      });
    }
  }

  // out[t][row][f] = value(place in the slab's row, its channel), or `rest` where there is none.
  template <typename T, typename Value>
  void mapRow(const KernelArgs& args, int64_t row, bool valid, T rest, const Value& value) const {
    const int32_t* map = desc_.map ? desc_.map->data() : nullptr;
    for (int64_t t = 0; t < steps_; ++t) {
      T* out = static_cast<T*>(args.outputs[0]) + (t * desc_.batch + row) * desc_.features;
      if (!valid) {
        std::fill_n(out, desc_.features, rest);
        continue;
      }
      for (int64_t f = 0; f < desc_.features; ++f) {
        const int64_t entry = t * desc_.features + f, at = map != nullptr ? map[entry] : entry;
        out[f] = at < 0 ? rest : value(at, desc_.channels == 1 ? 0 : at % desc_.channels);
      }
    }
  }

  GatherDesc desc_;
  int64_t source_, steps_;
  bool usesTable_;
};

}  // namespace

std::unique_ptr<Kernel> makeGather(const OpDesc& desc, const Vectors&) { return std::make_unique<GatherKernel>(desc); }

}  // namespace cugru::cpu
