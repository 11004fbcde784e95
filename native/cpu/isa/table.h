// The door between the CPU backend and its vector kernels: plain structs and function pointers, one table per instruction
// set. Included by files that are compiled with special flags, so it must hold no inline function and no standard header.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/ops/cell.h"

namespace cugru::cpu {

constexpr int64_t kGruRowsAtOnce = 64;  // of a GruForwardStep, at most

// One time step of a GRU for some rows of a batch. Each row comes by pointer, so rows need not be neighbours.
// Panels are [block of `width` units][k][gate r, z, n][width]; bias is [block][r, z, n of x, n of h][width].
struct GruForwardStep {
  const float* inputPanels;
  const float* statePanels;
  const float* bias;
  int64_t inputs, units, rows;
  const float* const* x;
  const float* const* state;      // the state before the step
  float* const* out;              // the state after it; never the same memory
  float* const* gates;            // [n | r | z | q] per row, 4 * units; null: not saved
  int64_t firstBlock, lastBlock;  // of units
  const float* const* projected;  // what gruProject made of each row, instead of x; null: x is multiplied here
};

// The input's part of the gates for many rows at once: out[row] is [block][gate r, z, n][width], without biases.
struct GruProjection {
  const float* panels;
  int64_t inputs, rows, firstBlock, lastBlock;
  const float* const* x;
  float* const* out;
};

// The pointwise half of one step back in time, for rows that share one partial bias gradient.
struct GruBackwardStep {
  int64_t units, rows;
  int64_t firstUnit, lastUnit;  // firstUnit is a multiple of the width
  float* const* gates;          // in: [n | r | z | q]; out: their gradients before the nonlinearities
  const float* const* state;    // the state before the step
  const float* const* dy;       // gradient of the step's output; null: zero
  float* const* carry;          // in: gradient from later steps; out: its part that passes straight through z
  float* bias;                  // += sums over rows, 4 * units
};

// The pointwise part of one time step of the cells other than the GRU, for some rows. `memory` is a second thing that a step
// keeps beside its gates: the cell state c or, for gru-reset-before, r * h.
// gru-reset-before takes two phases: r, z and r * h in phase 0; n and h in phase 1, after the product with r * h.
struct CellForwardStep {
  Cell cell;
  int phase;
  int64_t units, rows;
  float* const* gates;               // in: sums in the order of the weights; out: after the nonlinearities
  const float* const* state;         // h before the step
  const float* const* memoryBefore;  // c before the step; may be `memory`
  float* const* memory;              // c after it, or r * h; null: neither
  float* const* out;                 // h after the step
};

// The pointwise part of one step back in time. gru-reset-before: n and z in phase 0; r in phase 1, after the product back to
// the gradient of r * h, which phase 1 finds in memoryCarry.
struct CellBackwardStep {
  Cell cell;
  int phase;
  int64_t units, rows;
  float* const* gates;               // in: gates; out: their gradients before the nonlinearities
  const float* const* state;         // h before the step
  const float* const* memoryBefore;  // c before the step
  const float* const* memory;        // c after it
  const float* const* dy;            // gradient of the step's output; null: zero
  float* const* carry;               // in: gradient of h from later steps; out: what passes by the gates to h before
  float* const* memoryCarry;         // the same of c; or the gradient of r * h
};

// c = a * panels (+ bias, activation), or c += a * panels. Rows by pointer. Panels are [block of `panel` columns][k][panel].
struct PanelProduct {
  const float* panels;
  int64_t depth, rows;
  int64_t firstColumn, lastColumn;  // of the panels; firstColumn is a multiple of the panel width
  const float* const* a;
  float* const* c;
  bool accumulate;
  const float* bias;  // null: none
  int activation;     // 0 linear, 1 relu, 2 tanh, 3 sigmoid
};

// c[(m + rotate) % height][n] += sum over k of a[k][m] * b[k][n], for one tile of c. The rows of a and b come by pointer.
struct OuterTile {
  const float* const* a;
  const float* const* b;
  int64_t depth;                                 // at most kOuterDepth
  int64_t firstRow, rows, firstColumn, columns;  // at most kOuterRows x kOuterColumns
  float* c;
  int64_t stride, height, rotate;
  float* scratch;  // kOuterScratch floats, 64-byte aligned
};
constexpr int64_t kOuterRows = 192, kOuterColumns = 256;
constexpr int64_t kOuterDepth = 136;  // packed blocks then start at different places of the first cache

constexpr int64_t kOuterScratch = (kOuterRows + kOuterColumns) * kOuterDepth;

// Where the depth of a convolution's product lies in an image: runs of `length` floats at `offsets` from a pixel's first.
struct ConvRuns {
  const int64_t* offsets;
  int64_t count, length;
};

// c[row] = activation(sum over runs of a[row] * panels + bias). Panels are [block of `panel` columns][k][panel] of `depth` k; run s
// begins at k = places[s].
struct ConvProduct {
  const float* panels;
  int64_t depth, rows, columns;
  const float* const* a;
  float* const* c;
  ConvRuns runs;
  const int64_t* places;
  const float* bias;  // null: none
  int activation;
};

// One window of an image, at least one pixel: `pitch` floats from a row to the next. Pointers are to its first pixel.
struct PoolWindow {
  int64_t height, width, pitch, channels;
};

struct NormRow {
  const float* weight;
  const float* bias;
  int64_t features;
  float epsilon;
};

// dx = dy * own + (x - mean) * slope + rest, for each channel.
struct ChannelFactors {
  const float* mean;
  const float* own;
  const float* slope;
  const float* rest;
};

struct AdamStep {
  float beta2, rest1, rest2;  // rest: 1 - beta, rounded once
  float epsilon;
  float stepSize;        // rate / (1 - beta1^t)
  float rootCorrection;  // sqrt(1 - beta2^t)
  float decay;           // L2, added to the gradient
  float shrink;          // decoupled: 1 - rate * decay
  float gradientScale;   // of clipping
};
struct SgdStep {
  float rate, momentum, decay, gradientScale;
  bool nesterov;
};
struct DropoutBlock {
  uint64_t seed;
  uint32_t op, step;
  int64_t first, count;  // elements; first is a multiple of 8
  float rate;
};

struct Table {
  int width;    // floats of a vector: units of a GRU block
  int panel;    // columns of a panel
  int gruRows;  // rows of the largest GRU tile
  void (*gruForward)(const GruForwardStep& step);
  void (*gruProject)(const GruProjection& projection);
  void (*gruBackward)(const GruBackwardStep& step);
  void (*cellForward)(const CellForwardStep& step);
  void (*cellBackward)(const CellBackwardStep& step);
  void (*panelProduct)(const PanelProduct& product);
  void (*outerTile)(const OuterTile& tile);
  void (*softmaxRow)(const float* x, float* y, int64_t count, float* largest, float* sum);  // y may be null
  // dx = y * (dy - sum(y * dy))
  void (*softmaxGradientRow)(const float* y, const float* dy, float* dx, int64_t count);
  void (*activationGradient)(const float* y, const float* dy, float* dx, int64_t count, int activation);
  void (*add)(const float* a, const float* b, float* out, int64_t count);
  void (*addRows)(const float* rows, int64_t stride, int64_t count, float* sum, int64_t columns);  // sum += each row
  void (*dropoutForward)(const DropoutBlock& block, const float* x, float* y, uint8_t* kept);  // one bit per element
  void (*dropoutBackward)(const DropoutBlock& block, const float* dy, float* dx, const uint8_t* kept);
  double (*sumOfSquares)(const float* x, int64_t count);
  void (*convProduct)(const ConvProduct& product);
  void (*convOuter)(const OuterTile& tile, const ConvRuns& runs);  // rows of `a` lie in runs
  void (*maxPool)(const PoolWindow& window, const float* x, float* y,
                  float* place);  // place: number of the tap; or null
  void (*maxPoolGradient)(const PoolWindow& window, const float* dy, const float* place, float* dx);  // adds to dx
  void (*avgPool)(const PoolWindow& window, const float* x, float* y);
  void (*avgPoolGradient)(const PoolWindow& window, const float* dy, float* dx);  // adds to dx
  void (*layerNormRow)(const NormRow& row, const float* x, float* y,
                       float* statistics);  // mean, 1 / deviation; or null
  void (*layerNormGradientRow)(const NormRow& row, const float* x, const float* dy, const float* statistics, float* dx,
                               float* dweight, float* dbias);  // dx may be null, or both of the others
  void (*addDeviations)(const float* x, int64_t rows, int64_t channels, const float* about, float* sum,
                        float* squares);  // of d = x - about: sum += d, squares += d^2
  void (*addProducts)(const float* dy, const float* x, int64_t rows, int64_t channels, const float* mean,
                      const float* rstd, float* sum);  // sum += dy * (x - mean) * rstd
  void (*scaleChannels)(const float* x, const float* mean, const float* scale, const float* shift, float* out,
                        int64_t rows, int64_t channels);  // (x - mean) * scale + shift
  void (*batchNormGradient)(const ChannelFactors& factors, const float* dy, const float* x, float* dx, int64_t rows,
                            int64_t channels);
  void (*sgd)(const SgdStep& step, float* p, const float* g, float* buffer, int64_t count);  // buffer null: no momentum
  void (*adam)(const AdamStep& step, float* p, const float* g, float* m, float* v, int64_t count);
  void (*multiply)(const float* a, const float* b, float* out, int64_t count);
  void (*scale)(const float* x, float factor, float* out, int64_t count);      // out may be x
  void (*addScaled)(const float* x, float factor, float* sum, int64_t count);  // sum += factor * x
  float (*dot)(const float* a, const float* b, int64_t count);
  void (*activate)(const float* x, float* y, int64_t count,
                   int activation);  // 1 relu to 5 silu, as core/ops/ops.h counts
  // From the activation's argument: gelu and silu, whose values do not tell.
  void (*activationInputGradient)(const float* x, const float* dy, float* dx, int64_t count, int activation);
};

// Null where the build or its target lacks the instruction set.
const Table* baselineTable();
const Table* avx2Table();
const Table* avx512Table();
const Table* neonTable();

}  // namespace cugru::cpu

// For the kernel sources: small pieces that must melt into their caller.
#define CUGRU_INLINE inline __attribute__((always_inline))
