// An index map inside of each batch row, and tensors side by side. The map lies on the device; so do, for the gradient, the readers of
// each element of x, in order, so that sums need no atomics.
#include <vector>

#include "core/ops/sequence.h"
#include "cuda/launch.h"
#include "cuda/registry.h"

namespace cugru::cuda {

namespace {

// As in kernels/sequence.cu.
struct RearrangeShape {
  int64_t batch, fromChunk, toChunk;
};
struct Parts {
  const float* part[kMaxConcat];
  int64_t width[kMaxConcat];
};
struct PartGradients {
  float* part[kMaxConcat];
  int64_t width[kMaxConcat];
};

std::unique_ptr<DeviceMemory> onDevice(const DeviceRef& device, const std::vector<int32_t>& values) {
  const size_t bytes = values.size() * sizeof(int32_t);
  auto memory = std::make_unique<DeviceMemory>(device, std::max<size_t>(bytes, 64));
  if (bytes > 0) device->fill(address(memory->data()), values.data(), bytes);
  return memory;
}

const int32_t* integers(const std::unique_ptr<DeviceMemory>& memory) {
  return memory ? static_cast<const int32_t*>(memory->data()) : nullptr;
}

class RearrangeKernel final : public Kernel {
 public:
  RearrangeKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(rearrangeDesc(desc)),
        shape_{desc_.batch, desc_.fromChunk(), desc_.toChunk()},
        from_(desc_.from.elements(desc_.batch)),
        to_(desc_.to.elements(desc_.batch)),
        forward_(*device, "sequence.cu", "rearrange"),
        backward_(*device, "sequence.cu", "rearrange_backward") {
    if (!desc_.map) return;
    map_ = onDevice(device, *desc_.map);
    if (!desc.inputGradient.empty() && desc.inputGradient[0]) findReaders(device, *desc_.map);
  }

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return map_ ? "cuda map" : "cuda copy"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    if (isCopy()) return s.copy(args.outputs[0], args.inputs[0], bytes(to_));
    forward_(s, flatGrid(to_), kFlatBlock, static_cast<const float*>(args.inputs[0]),
             static_cast<float*>(args.outputs[0]), integers(map_), shape_, to_);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    auto* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    CudaStream& s = cuda(stream);
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    if (dy == nullptr) return s.zero(dx, bytes(from_));
    if (isCopy()) return s.copy(dx, dy, bytes(from_));
    backward_(s, flatGrid(from_), kFlatBlock, dy, dx, integers(starts_), integers(readers_), shape_, from_);
  }

 private:
  static size_t bytes(int64_t elements) { return static_cast<size_t>(elements) * sizeof(float); }
  bool isCopy() const { return !map_ && shape_.fromChunk == shape_.toChunk; }

  void findReaders(const DeviceRef& device, const std::vector<int32_t>& map) {
    std::vector<int32_t> starts(static_cast<size_t>(desc_.from.rowElements()) + 1, 0);
    for (int32_t at : map) {
      if (at >= 0) ++starts[static_cast<size_t>(at) + 1];
    }
    for (size_t e = 1; e < starts.size(); ++e) starts[e] += starts[e - 1];
    std::vector<int32_t> next(starts.begin(), starts.end() - 1), readers(static_cast<size_t>(starts.back()));
    for (size_t e = 0; e < map.size(); ++e) {
      if (map[e] >= 0) readers[static_cast<size_t>(next[static_cast<size_t>(map[e])]++)] = static_cast<int32_t>(e);
    }
    starts_ = onDevice(device, starts);
    readers_ = onDevice(device, readers);
  }

  RearrangeDesc desc_;
  RearrangeShape shape_;
  int64_t from_, to_;
  std::unique_ptr<DeviceMemory> map_, starts_, readers_;
  Function<const float*, float*, const int32_t*, RearrangeShape, int64_t> forward_;
  Function<const float*, float*, const int32_t*, const int32_t*, RearrangeShape, int64_t> backward_;
};

class ConcatKernel final : public Kernel {
 public:
  ConcatKernel(const OpDesc& desc, const DeviceRef& device)
      : desc_(concatDesc(desc)),
        elements_(desc_.positions * desc_.width),
        forward_(*device, "sequence.cu", "concat_parts"),
        backward_(*device, "sequence.cu", "concat_backward") {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cuda copy"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    Parts parts{};
    for (size_t i = 0; i < desc_.widths.size(); ++i) {
      parts.part[i] = static_cast<const float*>(args.inputs[i]);
      parts.width[i] = desc_.widths[i];
    }
    forward_(cuda(stream), flatGrid(elements_), kFlatBlock, static_cast<float*>(args.outputs[0]), parts, desc_.width,
             elements_);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    CudaStream& s = cuda(stream);
    const auto* dy = static_cast<const float*>(args.outputGradients[0]);
    PartGradients parts{};
    for (size_t i = 0; i < desc_.widths.size(); ++i) {
      parts.part[i] = static_cast<float*>(args.inputGradients[i]);
      parts.width[i] = desc_.widths[i];
      const auto bytes = static_cast<size_t>(desc_.positions * desc_.widths[i]) * sizeof(float);
      if (dy == nullptr && parts.part[i] != nullptr) s.zero(parts.part[i], bytes);
    }
    if (dy != nullptr) backward_(s, flatGrid(elements_), kFlatBlock, dy, parts, desc_.width, elements_);
  }

 private:
  ConcatDesc desc_;
  int64_t elements_;
  Function<float*, Parts, int64_t, int64_t> forward_;
  Function<const float*, PartGradients, int64_t, int64_t> backward_;
};

}  // namespace

std::unique_ptr<Kernel> makeRearrange(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<RearrangeKernel>(desc, device);
}

std::unique_ptr<Kernel> makeConcat(const OpDesc& desc, const DeviceRef& device) {
  return std::make_unique<ConcatKernel>(desc, device);
}

}  // namespace cugru::cuda
