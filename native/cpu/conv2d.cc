// Convolution of images, channels last. Weights lie as [kernel row][kernel column][channel][filter], so that a row of the product's
// depth is a run of the image.
#include <algorithm>

#include "core/error.h"
#include "core/ops/vision.h"
#include "cpu/conv_pass.h"
#include "cpu/gemm.h"
#include "cpu/layouts.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kBiasRows = 256;    // rows of one partial sum of the bias gradient
constexpr int64_t kBlock = 8192;      // elements of one task of the activation's gradient
constexpr int64_t kPanelTasks = 16;   // tasks of prepare for each of the two forms
constexpr int64_t kWeightTasks = 32;  // of the weight gradient, at least, where there are so many bands of images

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Panels for the way forward (depth: taps * channels) and, 64-byte aligned, for the way back (depth: taps * filters).
struct ConvPanels {
  int64_t back = 0, floats = 0;
  ConvPanels(int64_t taps, int64_t channels, int64_t filters, const Table& table) {
    back = ceilDiv(panelFloats(taps * channels, filters, table.panel), 16) * 16;
    floats = back + panelFloats(taps * filters, channels, table.panel);
  }
};

class ConvLayout final : public ParameterLayout {
 public:
  ConvLayout(const GroupDesc& group, const Vectors& vectors)
      : table_(*vectors.table),
        filters_(group.params[0].shape[0]),
        channels_(group.params[0].shape[1]),
        height_(group.params[0].shape[2]),
        width_(group.params[0].shape[3]),
        weights_(group.params[0].elements()),
        panels_(height_ * width_, channels_, filters_, table_) {
    for (const ParamSpec& param : group.params) elements_ += param.elements();
  }

  int64_t elements() const override { return elements_; }
  std::vector<ParamPlace> places() const override {
    fail(code::kUnsupported, "the weights of a conv2d have no penalty and no bound");
  }
  size_t preparedBytes() const override { return static_cast<size_t>(panels_.floats) * sizeof(float); }

  void fromCanonical(const float* canonical, float* params, Stream&) const override {
    eachWeight([&](int64_t outside, int64_t inside) { params[inside] = canonical[outside]; });
    std::copy(canonical + weights_, canonical + elements_, params + weights_);
  }
  void toCanonical(const float* params, float* canonical, Stream&) const override {
    eachWeight([&](int64_t outside, int64_t inside) { canonical[outside] = params[inside]; });
    std::copy(params + weights_, params + elements_, canonical + weights_);
  }

  void prepare(const float* params, void* prepared, Stream& stream) const override {
    float* to = static_cast<float*>(prepared);
    const PanelSource forward{params, height_ * width_ * channels_, filters_, filters_, 1};
    const int64_t blocks = ceilDiv(filters_, table_.panel), backBlocks = ceilDiv(channels_, table_.panel);
    cpu(stream).parallel(2 * kPanelTasks, 2.0 * static_cast<double>(weights_), [&](int64_t task) {
      const int64_t part = task % kPanelTasks;
      if (task < kPanelTasks) {
        packPanels(forward, table_.panel, blocks * part / kPanelTasks, blocks * (part + 1) / kPanelTasks, to);
        return;
      }
      for (int64_t block = backBlocks * part / kPanelTasks; block < backBlocks * (part + 1) / kPanelTasks; ++block) {
        packBack(params, block, to + panels_.back);
      }
    });
  }

 private:
  // body(place in PyTorch's order, place in ours)
  template <typename Body>
  void eachWeight(const Body& body) const {
    const int64_t taps = height_ * width_;
    for (int64_t f = 0; f < filters_; ++f) {
      for (int64_t c = 0; c < channels_; ++c) {
        for (int64_t tap = 0; tap < taps; ++tap) {
          body((f * channels_ + c) * taps + tap, (tap * channels_ + c) * filters_ + f);
        }
      }
    }
  }

  // [kernel row][kernel column, from the last][filter] of some channels: dy's pixels come in the other direction.
  void packBack(const float* params, int64_t block, float* panels) const {
    const int64_t panel = table_.panel, first = block * panel, count = std::min(panel, channels_ - first);
    float* to = panels + first * height_ * width_ * filters_;
    for (int64_t ky = 0; ky < height_; ++ky) {
      for (int64_t kx = width_ - 1; kx >= 0; --kx) {
        const float* from = params + ((ky * width_ + kx) * channels_ + first) * filters_;
        for (int64_t f = 0; f < filters_; ++f, to += panel) {
          for (int64_t i = 0; i < count; ++i) to[i] = from[i * filters_ + f];
          std::fill(to + count, to + panel, 0.0f);
        }
      }
    }
  }

  const Table& table_;
  int64_t filters_, channels_, height_, width_, weights_, elements_ = 0;
  ConvPanels panels_;
};

class ConvKernel final : public Kernel {
 public:
  ConvKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(conv2dDesc(desc)),
        vectors_(vectors),
        table_(*vectors.table),
        panels_(desc_.window.taps(), desc_.channels, desc_.filters, table_),
        forward_(ConvPass::forward(desc_)),
        training_(desc.training) {
    if (training_) backward_ = ConvPass::backward(desc_);
    planWorkspace();
  }

  KernelSizes sizes() const override { return {static_cast<size_t>(floats_) * sizeof(float), 0}; }
  std::string variant() const override { return "cpu packed " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    ConvCall call{};
    call.panels = static_cast<const float*>(args.prepared);
    call.bias = desc_.hasBias ? args.params + weights() : nullptr;
    call.activation = static_cast<int>(desc_.activation);
    call.images = desc_.images;
    call.in = static_cast<const float*>(args.inputs[0]);
    call.out = static_cast<float*>(args.outputs[0]);
    call.scratch = static_cast<float*>(args.workspace) + scratchAt_;
    runConvPass(table_, cpu(stream), forward_, call);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (args.outputGradients[0] == nullptr) {
      if (dx != nullptr) std::fill_n(dx, desc_.images * desc_.inElements(), 0.0f);
      return;
    }
    const float* dy = linearGradient(args, cpu(stream));
    if (dx != nullptr) inputGradient(args, dy, dx, cpu(stream));
    if (args.paramGradients == nullptr) return;
    weightGradient(args, dy, cpu(stream));
    if (desc_.hasBias) biasGradient(args, dy, cpu(stream));
  }

 private:
  int64_t weights() const { return desc_.depth() * desc_.filters; }
  int64_t biasBlocks() const { return ceilDiv(desc_.positions(), kBiasRows); }

  // Even tiles of the weights, multiples of every register tile.
  static int64_t evenly(int64_t total, int64_t most, int64_t unit) {
    return std::min(most, ceilDiv(ceilDiv(total, ceilDiv(total, most)), unit) * unit);
  }

  void planWorkspace() {
    const int64_t units = desc_.images * forward_.bands();
    int64_t tasks = units, scratch = forward_.scratchFloats();
    if (training_) {
      tileRows_ = evenly(desc_.depth(), kOuterRows, 12);
      tileColumns_ = evenly(desc_.filters, kOuterColumns, 32);
      across_ = ceilDiv(desc_.filters, tileColumns_);
      tiles_ = ceilDiv(desc_.depth(), tileRows_) * across_;
      chunks_ = std::min(units, ceilDiv(kWeightTasks, tiles_));
      tasks = std::max({tasks, desc_.images * backward_.bands(), chunks_ * tiles_});
      scratch = std::max(scratch, backward_.scratchFloats());
      if (desc_.activation != Activation::linear) take(floats_, desc_.positions() * desc_.filters);
    }
    scratchAt_ = take(floats_, std::min(tasks, kConvSlots) * scratch);
    if (!training_) return;
    partsAt_ = take(floats_, chunks_ * weights());
    biasAt_ = take(floats_, biasBlocks() * desc_.filters);
  }

  // The gradient before the activation.
  const float* linearGradient(const KernelArgs& args, CpuStream& stream) const {
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    if (desc_.activation == Activation::linear) return dy;
    const float* y = static_cast<const float*>(args.outputs[0]);
    float* to = static_cast<float*>(args.workspace);
    stream.blocks(desc_.positions() * desc_.filters, kBlock, 0.5, [&](int64_t first, int64_t count) {
      table_.activationGradient(y + first, dy + first, to + first, count, static_cast<int>(desc_.activation));
    });
    return to;
  }

  void inputGradient(const KernelArgs& args, const float* dy, float* dx, CpuStream& stream) const {
    ConvCall call{};
    call.panels = static_cast<const float*>(args.prepared) + panels_.back;
    call.images = desc_.images;
    call.in = dy;
    call.out = dx;
    call.scratch = static_cast<float*>(args.workspace) + scratchAt_;
    runConvPass(table_, stream, backward_, call);
  }

  // Partial sums over fixed runs of images, or of their bands, added in order.
  void weightGradient(const KernelArgs& args, const float* dy, CpuStream& stream) const {
    float* parts = static_cast<float*>(args.workspace) + partsAt_;
    const double operations = static_cast<double>(desc_.positions()) * static_cast<double>(weights()) / 8;
    inSlots(stream, chunks_ * tiles_, operations, [&](int64_t task, int64_t slot) {
      addTile(args, dy, task / tiles_, task % tiles_, parts + task / tiles_ * weights(), slot);
    });
    stream.blocks(weights(), kBlock, 0.25 * static_cast<double>(chunks_), [&](int64_t first, int64_t count) {
      for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
        float* to = args.paramGradients + first;
        table_.add(to, parts + chunk * weights() + first, to, count);
      }
    });
  }

  void addTile(const KernelArgs& args, const float* dy, int64_t chunk, int64_t tile, float* part, int64_t slot) const {
    alignas(64) float scratch[kOuterScratch];
    OuterTile t{};
    t.firstRow = tile / across_ * tileRows_;
    t.rows = std::min(tileRows_, desc_.depth() - t.firstRow);
    t.firstColumn = tile % across_ * tileColumns_;
    t.columns = std::min(tileColumns_, desc_.filters - t.firstColumn);
    t.c = part;
    t.stride = desc_.filters;
    t.height = desc_.depth();
    t.scratch = scratch;
    for (int64_t row = t.firstRow; row < t.firstRow + t.rows; ++row) {
      std::fill_n(part + row * desc_.filters + t.firstColumn, t.columns, 0.0f);
    }
    float* canvas = static_cast<float*>(args.workspace) + scratchAt_ + slot * forward_.scratchFloats();
    const int64_t units = desc_.images * forward_.bands();
    for (int64_t unit = units * chunk / chunks_; unit < units * (chunk + 1) / chunks_; ++unit) {
      addBand(args, dy, unit / forward_.bands(), unit % forward_.bands(), canvas, t);
    }
  }

  void addBand(const KernelArgs& args, const float* dy, int64_t image, int64_t band, float* scratch,
               OuterTile t) const {
    const ConvPhase& phase = forward_.phases[0];
    const int64_t start = forward_.bandStart(band), rows = forward_.bandStart(band + 1) - start;
    const float* x = static_cast<const float*>(args.inputs[0]) + image * desc_.inElements();
    const float* in = forward_.canvas.rows(x, start * forward_.advanceY, forward_.canvasRows(rows), scratch);
    const float* d = dy + (image * desc_.outPixels() + start * phase.width) * desc_.filters;
    const float* a[kOuterDepth];
    const float* b[kOuterDepth];
    t.a = a;
    t.b = b;
    const int64_t count = rows * phase.width, pieces = ceilDiv(count, kOuterDepth);
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const int64_t first = count * piece / pieces;
      t.depth = count * (piece + 1) / pieces - first;
      forward_.pixels(phase, in, first, t.depth, a);
      for (int64_t i = 0; i < t.depth; ++i) b[i] = d + (first + i) * desc_.filters;
      table_.convOuter(t, phase.runs());
    }
  }

  // Partial sums over fixed blocks of rows, added in order.
  void biasGradient(const KernelArgs& args, const float* dy, CpuStream& stream) const {
    const int64_t filters = desc_.filters, positions = desc_.positions();
    float* parts = static_cast<float*>(args.workspace) + biasAt_;
    const double operations = static_cast<double>(positions) * static_cast<double>(filters) / 8;
    stream.parallel(biasBlocks(), operations, [&](int64_t block) {
      const int64_t row = block * kBiasRows;
      std::fill_n(parts + block * filters, filters, 0.0f);
      table_.addRows(dy + row * filters, filters, std::min(kBiasRows, positions - row), parts + block * filters,
                     filters);
    });
    table_.addRows(parts, filters, biasBlocks(), args.paramGradients + weights(), filters);
  }

  Conv2dDesc desc_;
  Vectors vectors_;
  const Table& table_;
  ConvPanels panels_;
  ConvPass forward_, backward_;
  bool training_;
  int64_t tileRows_ = 0, tileColumns_ = 0, across_ = 1, tiles_ = 1, chunks_ = 1;
  int64_t floats_ = 0, scratchAt_ = 0, partsAt_ = 0,
          biasAt_ = 0;  // of the workspace; the activation's gradient is first
};

}  // namespace

std::unique_ptr<Kernel> makeConv2d(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<ConvKernel>(desc, vectors);
}

std::unique_ptr<ParameterLayout> makeConv2dLayout(const GroupDesc& group, const Vectors& vectors) {
  if (group.params.empty() || group.params[0].shape.size() != 4) {
    fail(code::kGraph, "group '", group.name,
         "' of a convolution must begin with weight (filters, channels, height, width)");
  }
  return std::make_unique<ConvLayout>(group, vectors);
}

}  // namespace cugru::cpu
