// Pooling of images, channels last. The largest of a window keeps the number of its pixel for the way back.
#include <algorithm>

#include "core/ops/vision.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

class PoolKernel final : public Kernel {
 public:
  PoolKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(pool2dDesc(desc)), vectors_(vectors), max_(desc.op == "maxPool2d"), training_(desc.training) {}

  KernelSizes sizes() const override {
    return {0, max_ && training_ ? static_cast<size_t>(desc_.images * desc_.outElements()) * sizeof(float) : 0};
  }
  std::string variant() const override { return "cpu " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    float* out = static_cast<float*>(args.outputs[0]);
    if (out == nullptr) return;
    float* places = static_cast<float*>(args.saved);
    const int64_t rows = desc_.images * desc_.window.outHeight;
    const double row = operations() / static_cast<double>(rows);
    const int64_t block = std::max<int64_t>(1, static_cast<int64_t>(4096 / row));  // rows of a task
    cpu(stream).blocks(rows, block, row, [&](int64_t first, int64_t count) {
      for (int64_t i = first; i < first + count; ++i) {
        const int64_t image = i / desc_.window.outHeight;
        const float* x = static_cast<const float*>(args.inputs[0]) + image * desc_.inElements();
        eachWindow(i % desc_.window.outHeight, [&](const PoolWindow& window, int64_t from, int64_t to) {
          const int64_t at = image * desc_.outElements() + to;
          if (max_) {
            vectors_.table->maxPool(window, x + from, out + at, places != nullptr ? places + at : nullptr);
          } else {
            vectors_.table->avgPool(window, x + from, out + at);
          }
        });
      }
    });
  }

  // Windows may overlap, so an image is one task.
  void backward(const KernelArgs& args, Stream& stream) override {
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    const float* places = static_cast<const float*>(args.saved);
    cpu(stream).parallel(desc_.images, operations(), [&](int64_t image) {
      float* into = dx + image * desc_.inElements();
      std::fill_n(into, desc_.inElements(), 0.0f);
      if (dy == nullptr) return;
      for (int64_t row = 0; row < desc_.window.outHeight; ++row) {
        eachWindow(row, [&](const PoolWindow& window, int64_t from, int64_t to) {
          const int64_t at = image * desc_.outElements() + to;
          if (max_) {
            vectors_.table->maxPoolGradient(window, dy + at, places + at, into + from);
          } else {
            vectors_.table->avgPoolGradient(window, dy + at, into + from);
          }
        });
      }
    });
  }

 private:
  double operations() const {
    return static_cast<double>(desc_.images) * static_cast<double>(desc_.outElements()) *
           static_cast<double>(desc_.window.taps()) / 4;
  }

  // The windows of one row of an image's output, as far as they are in the image: body(window, place of its first pixel, place of
  // its output).
  template <typename Body>
  void eachWindow(int64_t row, const Body& body) const {
    const Window2d& w = desc_.window;
    const int64_t pitch = w.inWidth * desc_.channels;
    const int64_t y = row * w.strideY - w.padTop, firstY = std::max<int64_t>(0, y);
    const int64_t height = std::min(w.inHeight, y + w.height) - firstY;
    for (int64_t column = 0; column < w.outWidth; ++column) {
      const int64_t x = column * w.strideX - w.padLeft, firstX = std::max<int64_t>(0, x);
      const int64_t width = std::min(w.inWidth, x + w.width) - firstX;
      body(PoolWindow{height, width, pitch, desc_.channels}, firstY * pitch + firstX * desc_.channels,
           (row * w.outWidth + column) * desc_.channels);
    }
  }

  Pool2dDesc desc_;
  Vectors vectors_;
  bool max_, training_;
};

}  // namespace

std::unique_ptr<Kernel> makePool2d(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<PoolKernel>(desc, vectors);
}

}  // namespace cugru::cpu
