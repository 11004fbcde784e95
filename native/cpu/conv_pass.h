// One pass of a convolution over a batch of images: forward, or the gradient of the input, which is a convolution of dy with the weights
// turned round. Both read a canvas (the image with its margin of zeros) and write each pixel of their output from runs of it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "core/ops/vision.h"
#include "cpu/cpu_stream.h"
#include "cpu/isa/table.h"

namespace cugru::cpu {

// An image inside of a margin of zeros.
struct Canvas {
  int64_t height = 0, width = 0, channels = 0;  // of the image
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  bool margin() const { return top + bottom + left + right > 0; }
  int64_t pitch() const { return (left + width + right) * channels; }  // floats of a row
  // Rows [first, first + rows) of the canvas, copied to `scratch` where there is a margin.
  const float* rows(const float* image, int64_t first, int64_t rows, float* scratch) const;
};

// The pixels of the output that are made alike: those at (firstY + stepY * j, firstX + stepX * i).
struct ConvPhase {
  int64_t firstY = 0, firstX = 0, height = 0, width = 0;
  std::vector<int64_t> offsets, places;  // of runs
  int64_t length = 0;
  ConvRuns runs() const { return {offsets.data(), static_cast<int64_t>(offsets.size()), length}; }
};

struct ConvPass {
  Canvas canvas;
  int64_t advanceY = 1, advanceX = 1;  // pixels of the canvas from one output pixel of a phase to the next
  int64_t span = 1;                    // rows of the canvas that a row of the output reads
  int64_t stepY = 1, stepX = 1;        // of the output
  int64_t outHeight = 0, outWidth = 0, columns = 0, depth = 0;
  std::vector<ConvPhase> phases;

  static ConvPass forward(const Conv2dDesc& conv);
  static ConvPass backward(const Conv2dDesc& conv);

  // Bands of rows of the output, by shape only: small enough for the second cache, and to be shared out.
  int64_t bandRows() const;
  int64_t bands() const;
  int64_t bandStart(int64_t band) const;  // in rows of a phase
  int64_t canvasRows(int64_t count) const { return (count - 1) * advanceY + span; }
  int64_t scratchFloats() const;  // of one band; 0: none is needed
  // Pixels [first, first + count) of a band that begins at row `start`: where each begins in the band's canvas.
  void pixels(const ConvPhase& phase, const float* canvas, int64_t first, int64_t count, const float** to) const;
};

// What of a pass changes from call to call.
struct ConvCall {
  const float* panels;
  const float* bias;
  int activation;
  int64_t images;
  const float* in;
  float* out;
  float* scratch;  // kConvSlots pieces of scratchFloats()
};

constexpr int64_t kConvSlots = 32;   // threads that a convolution uses at most
constexpr int64_t kConvPixels = 96;  // of one product

void runConvPass(const Table& table, CpuStream& stream, const ConvPass& pass, const ConvCall& call);

// body(task, slot), where no two tasks have a slot at once.
template <typename Body>
void inSlots(CpuStream& stream, int64_t tasks, double operations, const Body& body) {
  std::atomic<int64_t> next{0};
  const int64_t slots = std::min<int64_t>({tasks, kConvSlots, stream.threads()});
  if (operations < kWorthSharing || slots <= 1) {
    for (int64_t task = 0; task < tasks; ++task) body(task, 0);
    return;
  }
  stream.parallel(slots, operations, [&](int64_t slot) {
    for (int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) body(task, slot);
  });
}

}  // namespace cugru::cpu
