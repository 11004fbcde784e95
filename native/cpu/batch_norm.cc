// Normalisation of channels over all positions of a batch. Sums are made of fixed pieces of the rows, and added in order.
#include <algorithm>
#include <cmath>

#include "core/ops/vision.h"
#include "cpu/cpu_stream.h"
#include "cpu/layouts.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kMaxPieces = 64;

class BatchNormKernel final : public Kernel {
 public:
  BatchNormKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(batchNormDesc(desc)), vectors_(vectors), table_(*vectors.table) {
    // Pieces of one step: some thousands of elements each, and no more than a few in all.
    const int64_t rows = desc_.batch * desc_.positions;
    block_ = std::max<int64_t>(1, 4096 / desc_.channels);
    block_ = std::max(block_, (rows * desc_.steps + kMaxPieces - 1) / kMaxPieces);
    block_ = std::min(block_, rows);
    piecesOfStep_ = (rows + block_ - 1) / block_;
    channelFloats_ = 0;
    take(channelFloats_, desc_.channels);
    sumsAt_ = 4 * channelFloats_;  // behind factors and totals; two sums for each piece
  }

  KernelSizes sizes() const override {
    const int64_t floats = sumsAt_ + (desc_.training ? 2 * pieces() * channelFloats_ : 0);
    return {static_cast<size_t>(floats) * sizeof(float),
            desc_.training ? static_cast<size_t>(2 * channelFloats_) * sizeof(float) : 0};
  }
  std::string variant() const override { return "cpu " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    float* y = static_cast<float*>(args.outputs[0]);
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* scratch = static_cast<float*>(args.workspace);
    const float* mean = args.buffers;
    const float* variance = args.buffers + desc_.channels;
    if (desc_.training) {
      float* found = scratch + 2 * channelFloats_;
      findStatistics(args, x, found, stream);
      mean = found;
      variance = found + channelFloats_;
    }
    const float* bias = args.params + desc_.channels;
    for (int64_t c = 0; c < desc_.channels; ++c) {
      const float rstd = 1.0f / std::sqrt(variance[c] + desc_.epsilon);
      scratch[c] = args.params[c] * rstd;
      if (args.saved == nullptr) continue;
      static_cast<float*>(args.saved)[c] = mean[c];
      static_cast<float*>(args.saved)[channelFloats_ + c] = rstd;
    }
    if (y == nullptr) return;
    eachPiece(stream, desc_.batch, [&](int64_t, int64_t first, int64_t count) {
      const int64_t at = first * desc_.channels;
      table_.scaleChannels(x + at, mean, scratch, bias, y + at, count, desc_.channels);
    });
  }

  // With n = (x - mean) * rstd: dx = weight * rstd * (dy - (sum(dy) + n * sum(dy * n)) / valid positions); rows that are no part of the
  // statistics have the first term alone.
  void backward(const KernelArgs& args, Stream& stream) override {
    float* dx = static_cast<float*>(args.inputGradients[0]);
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    if (dy == nullptr) {
      if (dx != nullptr) std::fill_n(dx, desc_.rows() * desc_.channels, 0.0f);
      return;
    }
    const float* x = static_cast<const float*>(args.inputs[0]);
    const float* mean = static_cast<const float*>(args.saved);
    const float* rstd = mean + channelFloats_;
    float* sums = static_cast<float*>(args.workspace) + sumsAt_;
    eachPiece(stream, desc_.batch, [&](int64_t piece, int64_t first, int64_t count) {
      const int64_t at = first * desc_.channels;
      float* plain = sums + 2 * piece * channelFloats_;
      std::fill_n(plain, 2 * channelFloats_, 0.0f);
      table_.addRows(dy + at, desc_.channels, count, plain, desc_.channels);
      table_.addProducts(dy + at, x + at, count, desc_.channels, mean, rstd, plain + channelFloats_);
    });
    float* total = static_cast<float*>(args.workspace);
    addPieces(sums, [&](int64_t c, double sum) { total[c] = static_cast<float>(sum); });
    if (args.paramGradients != nullptr) {
      table_.add(args.paramGradients, total + channelFloats_, args.paramGradients, desc_.channels);
      table_.add(args.paramGradients + desc_.channels, total, args.paramGradients + desc_.channels, desc_.channels);
    }
    if (dx != nullptr) inputGradient(args, x, dy, total, dx, stream);
  }

 private:
  int64_t pieces() const { return desc_.steps * piecesOfStep_; }
  int64_t validRows(const KernelArgs& args) const { return std::min<int64_t>(args.control->validRows, desc_.batch); }

  // body(piece, first row, count) for those rows of each step that belong to its first `batch` batch rows.
  template <typename Body>
  void eachPiece(Stream& stream, int64_t batch, const Body& body) const {
    const double operations = static_cast<double>(desc_.rows()) * static_cast<double>(desc_.channels) / 2;
    cpu(stream).parallel(pieces(), operations, [&](int64_t piece) {
      const int64_t within = piece % piecesOfStep_ * block_;
      const int64_t end = std::min(batch * desc_.positions, within + block_);
      body(piece, piece / piecesOfStep_ * desc_.batch * desc_.positions + within, std::max<int64_t>(0, end - within));
    });
  }

  // take(place, sum) for both sums of each channel, in double.
  template <typename Take>
  void addPieces(const float* sums, const Take& take) const {
    for (int64_t c = 0; c < 2 * channelFloats_; ++c) {
      double sum = 0;
      for (int64_t piece = 0; piece < pieces(); ++piece) {
        sum += static_cast<double>(sums[2 * piece * channelFloats_ + c]);
      }
      take(c, sum);
    }
  }

  // Mean and biased variance of the valid rows, in two passes: far from zero one alone would lose the variance, and rounds the mean,
  // which the second corrects.
  void findStatistics(const KernelArgs& args, const float* x, float* found, Stream& stream) const {
    float* sums = static_cast<float*>(args.workspace) + sumsAt_;
    float* mean = found;
    float* variance = found + channelFloats_;
    const double count =
        static_cast<double>(desc_.steps) * static_cast<double>(validRows(args)) * static_cast<double>(desc_.positions);
    const int64_t stride = 2 * channelFloats_;
    eachPiece(stream, validRows(args), [&](int64_t piece, int64_t first, int64_t rows) {
      std::fill_n(sums + piece * stride, stride, 0.0f);
      table_.addRows(x + first * desc_.channels, desc_.channels, rows, sums + piece * stride, desc_.channels);
    });
    addPieces(sums, [&](int64_t c, double sum) { found[c] = static_cast<float>(sum / count); });
    eachPiece(stream, validRows(args), [&](int64_t piece, int64_t first, int64_t rows) {
      float* sum = sums + piece * stride;
      std::fill_n(sum, stride, 0.0f);
      table_.addDeviations(x + first * desc_.channels, rows, desc_.channels, mean, sum, sum + channelFloats_);
    });
    float* rest = static_cast<float*>(args.workspace);  // of the mean
    addPieces(sums, [&](int64_t c, double sum) {
      (c < channelFloats_ ? rest[c] : variance[c - channelFloats_]) = static_cast<float>(sum / count);
    });
    const float unbiased = static_cast<float>(count / std::max(count - 1, 1.0));
    for (int64_t c = 0; c < desc_.channels; ++c) {
      mean[c] += rest[c];
      variance[c] -= rest[c] * rest[c];
      keep(args.buffers[c], mean[c], args.buffers[desc_.channels + c], variance[c] * unbiased);
    }
  }

  void keep(float& runningMean, float mean, float& runningVariance, float variance) const {
    const float newMean = (1 - desc_.momentum) * runningMean + desc_.momentum * mean;
    const float newVariance = (1 - desc_.momentum) * runningVariance + desc_.momentum * variance;
    if (!std::isfinite(newMean) || !std::isfinite(newVariance)) return;
    runningMean = newMean;
    runningVariance = newVariance;
  }

  void inputGradient(const KernelArgs& args, const float* x, const float* dy, const float* total, float* dx,
                     Stream& stream) const {
    const float* mean = static_cast<const float*>(args.saved);
    const float* rstd = mean + channelFloats_;
    const float count = static_cast<float>(desc_.steps * validRows(args) * desc_.positions);
    float* own = static_cast<float*>(args.workspace) + 2 * channelFloats_;
    float* none = own + channelFloats_;
    float* slope = static_cast<float*>(args.workspace) + sumsAt_;
    float* rest = slope + channelFloats_;
    for (int64_t c = 0; c < desc_.channels; ++c) {
      own[c] = args.params[c] * rstd[c];
      slope[c] = -own[c] * rstd[c] * total[channelFloats_ + c] / count;
      rest[c] = -own[c] * total[c] / count;
    }
    std::fill_n(none, channelFloats_, 0.0f);
    const int64_t valid = validRows(args) * desc_.positions, rows = desc_.batch * desc_.positions;
    eachPiece(stream, desc_.batch, [&](int64_t, int64_t first, int64_t n) {
      const int64_t counted = std::clamp<int64_t>(valid - first % rows, 0, n), at = first * desc_.channels;
      const int64_t padding = at + counted * desc_.channels;
      table_.batchNormGradient({mean, own, slope, rest}, dy + at, x + at, dx + at, counted, desc_.channels);
      table_.scaleChannels(dy + padding, none, own, none, dx + padding, n - counted, desc_.channels);
    });
  }

  BatchNormDesc desc_;
  Vectors vectors_;
  const Table& table_;
  int64_t block_, piecesOfStep_, channelFloats_, sumsAt_;
};

}  // namespace

std::unique_ptr<Kernel> makeBatchNorm(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<BatchNormKernel>(desc, vectors);
}

}  // namespace cugru::cpu
