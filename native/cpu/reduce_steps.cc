// One value of all valid steps of a row: mean, max, first or last. Steps are taken in order; max keeps which step it was.
#include "cpu/registry.h"
#include "cpu/sequence.h"

namespace cugru::cpu {

namespace {

class ReduceStepsKernel final : public Kernel {
 public:
  ReduceStepsKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(reduceStepsDesc(desc)), vectors_(vectors), step_(desc_.stepElements()) {}

  KernelSizes sizes() const override {
    const bool keeps = desc_.kind == Reduction::max && desc_.training;
    return {0, keeps ? static_cast<size_t>(step_) * sizeof(int32_t) : 0};
  }
  std::string variant() const override { return "cpu " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* y = static_cast<float*>(args.outputs[0]);
    if (y == nullptr) return;
    int32_t* best = desc_.training ? static_cast<int32_t*>(args.saved) : nullptr;
    eachPiece(desc_, lengthsOf(args, desc_, 1), 0.5, stream, [&](const Piece& piece) {
      switch (desc_.kind) {
        case Reduction::mean: return mean(x, y, piece);
        case Reduction::max: return max(x, y, best, piece);
        case Reduction::first: return copyStep(x, y, piece, 0);
        case Reduction::last: return copyStep(x, y, piece, piece.length - 1);
      }
    });
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    const int32_t* best = static_cast<const int32_t*>(args.saved);
    eachPiece(desc_, lengthsOf(args, desc_, 1), 0.5, stream, [&](const Piece& piece) {
      const bool spreads = dy != nullptr && desc_.kind == Reduction::mean;
      for (int64_t t = spreads ? piece.length : 0; t < desc_.steps; ++t) {
        std::fill_n(dx + t * step_ + piece.at, piece.count, 0.0f);
      }
      if (dy != nullptr) spread(dy, dx, best, piece);
    });
  }

 private:
  void copyStep(const float* x, float* y, const Piece& piece, int64_t t) const {
    std::copy_n(x + t * step_ + piece.at, piece.count, y + piece.at);
  }

  void mean(const float* x, float* y, const Piece& piece) const {
    copyStep(x, y, piece, 0);
    float* sum = y + piece.at;
    for (int64_t t = 1; t < piece.length; ++t) vectors_.table->add(sum, x + t * step_ + piece.at, sum, piece.count);
    vectors_.table->scale(sum, 1.0f / static_cast<float>(piece.length), sum, piece.count);
  }

  // The first of the largest; the first NaN where there is one.
  void max(const float* x, float* y, int32_t* best, const Piece& piece) const {
    copyStep(x, y, piece, 0);
    if (best != nullptr) std::fill_n(best + piece.at, piece.count, 0);
    for (int64_t t = 1; t < piece.length; ++t) {
      for (int64_t i = piece.at; i < piece.at + piece.count; ++i) {
        const float value = x[t * step_ + i];
        if (!(value > y[i] || (value != value && y[i] == y[i]))) continue;
        y[i] = value;
        if (best != nullptr) best[i] = static_cast<int32_t>(t);
      }
    }
  }

  void spread(const float* dy, float* dx, const int32_t* best, const Piece& piece) const {
    const auto to = [&](int64_t t) { return dx + t * step_ + piece.at; };
    switch (desc_.kind) {
      case Reduction::mean:
        for (int64_t t = 0; t < piece.length; ++t) {
          vectors_.table->scale(dy + piece.at, 1.0f / static_cast<float>(piece.length), to(t), piece.count);
        }
        return;
      case Reduction::max:
        for (int64_t i = piece.at; i < piece.at + piece.count; ++i) dx[best[i] * step_ + i] = dy[i];
        return;
      case Reduction::first: std::copy_n(dy + piece.at, piece.count, to(0)); return;
      case Reduction::last: std::copy_n(dy + piece.at, piece.count, to(piece.length - 1)); return;
    }
  }

  ReduceStepsDesc desc_;
  Vectors vectors_;
  int64_t step_;
};

}  // namespace

std::unique_ptr<Kernel> makeReduceSteps(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<ReduceStepsKernel>(desc, vectors);
}

}  // namespace cugru::cpu
