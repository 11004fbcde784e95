#include "cpu/conv_pass.h"

#include <cstring>

namespace cugru::cpu {

namespace {
constexpr int64_t kBandFloats = 48 << 10;  // of a band's canvas: it stays in the second cache
constexpr double kBandFlops = 1 << 22;     // of a band's product

// Places of a kernel of `size` taps that reach the pixels first, first + stride, ... of the input: which tap, and how far from the
// pixel's number its place in the output lies.
struct Reach {
  int64_t tap, offset;
};
std::vector<Reach> reaching(int64_t first, int64_t size, int64_t stride, int64_t dilation, int64_t pad) {
  std::vector<Reach> found;
  for (int64_t tap = size - 1; tap >= 0; --tap) {
    const int64_t distance = first + pad - tap * dilation;
    if (distance % stride == 0) found.push_back({tap, distance / stride});
  }
  return found;
}

struct Extremes {
  int64_t least = 0, most = 0;
};
Extremes extremes(int64_t in, int64_t size, int64_t stride, int64_t dilation, int64_t pad) {
  Extremes all;
  for (int64_t first = 0; first < std::min(stride, in); ++first) {
    for (const Reach& reach : reaching(first, size, stride, dilation, pad)) {
      all.least = std::min(all.least, reach.offset);
      all.most = std::max(all.most, reach.offset);
    }
  }
  return all;
}

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

void runBand(const Table& table, const ConvPass& pass, const ConvCall& call, int64_t image, int64_t band,
             float* scratch) {
  const Canvas& canvas = pass.canvas;
  const int64_t start = pass.bandStart(band), end = pass.bandStart(band + 1);
  const int64_t rows =
      std::min(pass.canvasRows(end - start), canvas.top + canvas.height + canvas.bottom - start * pass.advanceY);
  const float* in = canvas.rows(call.in + image * canvas.height * canvas.width * canvas.channels, start * pass.advanceY,
                                rows, scratch);
  float* out = call.out + image * pass.outHeight * pass.outWidth * pass.columns;
  const float* a[kConvPixels];
  float* c[kConvPixels];
  for (const ConvPhase& phase : pass.phases) {
    const int64_t count = (std::min(end, phase.height) - start) * phase.width;
    ConvProduct p{call.panels,  pass.depth,          0,         pass.columns,   a, c,
                  phase.runs(), phase.places.data(), call.bias, call.activation};
    for (int64_t first = 0; first < count; first += kConvPixels) {
      p.rows = std::min(kConvPixels, count - first);
      pass.pixels(phase, in, first, p.rows, a);
      for (int64_t i = 0; i < p.rows; ++i) {
        const int64_t y = phase.firstY + (start + (first + i) / phase.width) * pass.stepY;
        const int64_t x = phase.firstX + (first + i) % phase.width * pass.stepX;
        c[i] = out + (y * pass.outWidth + x) * pass.columns;
      }
      table.convProduct(p);
    }
  }
}
}  // namespace

const float* Canvas::rows(const float* image, int64_t first, int64_t rows, float* scratch) const {
  const int64_t line = width * channels, before = left * channels, after = right * channels;
  if (!margin()) return image + first * line;
  float* to = scratch;
  for (int64_t row = first; row < first + rows; ++row, to += pitch()) {
    if (row < top || row >= top + height) {
      std::fill_n(to, pitch(), 0.0f);
      continue;
    }
    std::fill_n(to, before, 0.0f);
    std::memcpy(to + before, image + (row - top) * line, static_cast<size_t>(line) * sizeof(float));
    std::fill_n(to + before + line, after, 0.0f);
  }
  return scratch;
}

ConvPass ConvPass::forward(const Conv2dDesc& conv) {
  const Window2d& w = conv.window;
  ConvPass pass;
  pass.canvas = {w.inHeight, w.inWidth, conv.channels, w.padTop, w.padBottom, w.padLeft, w.padRight};
  pass.advanceY = w.strideY;
  pass.advanceX = w.strideX;
  pass.span = w.spanY();
  pass.outHeight = w.outHeight;
  pass.outWidth = w.outWidth;
  pass.columns = conv.filters;
  pass.depth = conv.depth();
  ConvPhase phase;
  phase.height = w.outHeight;
  phase.width = w.outWidth;
  // Without dilation a row of the kernel is one run.
  const int64_t across = w.dilationX == 1 ? 1 : w.width;
  phase.length = w.width / across * conv.channels;
  for (int64_t ky = 0; ky < w.height; ++ky) {
    for (int64_t kx = 0; kx < across; ++kx) {
      phase.offsets.push_back(ky * w.dilationY * pass.canvas.pitch() + kx * w.dilationX * conv.channels);
      phase.places.push_back((ky * across + kx) * phase.length);
    }
  }
  pass.phases.push_back(std::move(phase));
  return pass;
}

// Where the output was stepped, the input's pixels fall into phases, each reached by some taps only.
ConvPass ConvPass::backward(const Conv2dDesc& conv) {
  const Window2d& w = conv.window;
  const int64_t filters = conv.filters;
  const Extremes y = extremes(w.inHeight, w.height, w.strideY, w.dilationY, w.padTop);
  const Extremes x = extremes(w.inWidth, w.width, w.strideX, w.dilationX, w.padLeft);
  const int64_t most = ceilDiv(w.inHeight, w.strideY) - 1 + y.most, right = ceilDiv(w.inWidth, w.strideX) - 1 + x.most;
  ConvPass pass;
  pass.canvas = {w.outHeight,
                 w.outWidth,
                 filters,
                 -y.least,
                 std::max<int64_t>(0, most - w.outHeight + 1),
                 -x.least,
                 std::max<int64_t>(0, right - w.outWidth + 1)};
  pass.span = y.most - y.least + 1;
  pass.stepY = w.strideY;
  pass.stepX = w.strideX;
  pass.outHeight = w.inHeight;
  pass.outWidth = w.inWidth;
  pass.columns = conv.channels;
  pass.depth = w.taps() * filters;
  const bool wholeRows = w.strideX == 1 && w.dilationX == 1;  // then a row of the kernel is one run
  for (int64_t py = 0; py < std::min(w.strideY, w.inHeight); ++py) {
    for (int64_t px = 0; px < std::min(w.strideX, w.inWidth); ++px) {
      ConvPhase phase;
      phase.firstY = py;
      phase.firstX = px;
      phase.height = ceilDiv(w.inHeight - py, w.strideY);
      phase.width = ceilDiv(w.inWidth - px, w.strideX);
      phase.length = (wholeRows ? w.width : 1) * filters;
      for (const Reach& row : reaching(py, w.height, w.strideY, w.dilationY, w.padTop)) {
        for (const Reach& column : reaching(px, w.width, w.strideX, w.dilationX, w.padLeft)) {
          if (wholeRows && column.tap != w.width - 1) continue;
          const int64_t at = (row.offset - y.least) * pass.canvas.pitch() + (column.offset - x.least) * filters;
          phase.offsets.push_back(at);
          phase.places.push_back((row.tap * w.width + w.width - 1 - column.tap) * filters);
        }
      }
      pass.phases.push_back(std::move(phase));
    }
  }
  return pass;
}

int64_t ConvPass::bandRows() const {
  const int64_t height = phases[0].height;
  const int64_t room = kBandFloats / canvas.pitch() - span;
  const int64_t fitting = canvas.margin() ? std::max<int64_t>(room, 0) / advanceY + 1 : height;
  const double flops =
      2.0 * static_cast<double>(phases[0].width) * static_cast<double>(depth) * static_cast<double>(columns);
  const int64_t wished = static_cast<int64_t>(std::min(kBandFlops / flops, 1e6));
  return std::clamp<int64_t>(std::min(fitting, wished), 1, height);
}

int64_t ConvPass::bands() const { return ceilDiv(phases[0].height, bandRows()); }

int64_t ConvPass::bandStart(int64_t band) const { return phases[0].height * band / bands(); }

int64_t ConvPass::scratchFloats() const {
  if (!canvas.margin()) return 0;
  const int64_t most = ceilDiv(phases[0].height, bands());
  return ceilDiv(canvasRows(most) * canvas.pitch(), 16) * 16;
}

void ConvPass::pixels(const ConvPhase& phase, const float* in, int64_t first, int64_t count, const float** to) const {
  int64_t y = first / phase.width, x = first % phase.width;
  for (int64_t i = 0; i < count; ++i) {
    to[i] = in + y * advanceY * canvas.pitch() + x * advanceX * canvas.channels;
    if (++x == phase.width) {
      x = 0;
      ++y;
    }
  }
}

void runConvPass(const Table& table, CpuStream& stream, const ConvPass& pass, const ConvCall& call) {
  const int64_t bands = pass.bands(), scratch = pass.scratchFloats();
  const double pixels =
      static_cast<double>(pass.outHeight) * static_cast<double>(pass.outWidth) * static_cast<double>(call.images);
  const double operations = pixels * static_cast<double>(pass.depth) * static_cast<double>(pass.columns) / 8;
  inSlots(stream, call.images * bands, operations, [&](int64_t task, int64_t slot) {
    runBand(table, pass, call, task / bands, task % bands, call.scratch + slot * scratch);
  });
}

}  // namespace cugru::cpu
