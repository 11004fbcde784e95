// An index map inside of each batch row, as copies of runs: elements that are neighbours in x and in y.
#include <algorithm>
#include <vector>

#include "core/ops/sequence.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kBlock = 8192;  // elements of a task, about
constexpr int64_t kLongRun = 16;  // from here on a call is worth it

// Places in the memory of batch row 0; those of row b are a chunk further each. from -1: zeros.
struct Run {
  int64_t to, from, count;
};

class RearrangeKernel final : public Kernel {
 public:
  RearrangeKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(rearrangeDesc(desc)),
        vectors_(vectors),
        fromChunk_(desc_.fromChunk()),
        toChunk_(desc_.toChunk()),
        rowElements_(desc_.to.rowElements()) {
    if (desc_.map) findRuns(*desc_.map);
  }

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return desc_.map ? "cpu map" : "cpu copy"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* y = static_cast<float*>(args.outputs[0]);
    eachBlock(stream, [&](int64_t first, int64_t rows) {
      eachRun([&](const Run& run) {
        if (isWholeStep(run)) {
          std::copy_n(x + run.from + first * fromChunk_, rows * fromChunk_, y + run.to + first * toChunk_);
          return;
        }
        for (int64_t row = first; row < first + rows; ++row) {
          float* to = y + run.to + row * toChunk_;
          if (run.from < 0) {
            std::fill_n(to, run.count, 0.0f);
          } else {
            copy(x + run.from + row * fromChunk_, to, run.count);
          }
        }
      });
    });
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (dx == nullptr) return;
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    eachBlock(stream, [&](int64_t first, int64_t rows) {
      if (dy == nullptr || !covers_ || repeats_) clear(dx, first, rows);
      if (dy == nullptr) return;
      eachRun([&](const Run& run) {
        if (run.from < 0) return;
        if (isWholeStep(run) && !repeats_) {
          std::copy_n(dy + run.to + first * toChunk_, rows * toChunk_, dx + run.from + first * fromChunk_);
          return;
        }
        for (int64_t row = first; row < first + rows; ++row) {
          const float* from = dy + run.to + row * toChunk_;
          float* to = dx + run.from + row * fromChunk_;
          if (repeats_) {
            add(from, to, run.count);
          } else {
            copy(from, to, run.count);
          }
        }
      });
    });
  }

 private:
  bool isWholeStep(const Run& run) const { return run.from >= 0 && run.count == fromChunk_ && run.count == toChunk_; }

  static void copy(const float* from, float* to, int64_t count) {
    if (count == 1) {
      *to = *from;
    } else {
      std::copy_n(from, count, to);
    }
  }

  void add(const float* from, float* to, int64_t count) const {
    if (count >= kLongRun) return vectors_.table->add(to, from, to, count);
    for (int64_t i = 0; i < count; ++i) to[i] += from[i];
  }

  void clear(float* dx, int64_t first, int64_t rows) const {
    const int64_t steps = std::max<int64_t>(desc_.from.steps, 1);
    for (int64_t t = 0; t < steps; ++t) {
      std::fill_n(dx + (t * desc_.batch + first) * fromChunk_, rows * fromChunk_, 0.0f);
    }
  }

  // Where an element of a row's canonical order lies.
  static int64_t place(int64_t element, int64_t chunk, int64_t batch) {
    return element / chunk * batch * chunk + element % chunk;
  }

  void findRuns(const std::vector<int32_t>& map) {
    std::vector<bool> read(static_cast<size_t>(desc_.from.rowElements()), false);
    int32_t before = -2;
    for (int64_t e = 0; e < rowElements_; ++e) {
      const int32_t at = map[static_cast<size_t>(e)];
      if (at >= 0) {
        repeats_ = repeats_ || read[static_cast<size_t>(at)];
        read[static_cast<size_t>(at)] = true;
      }
      const bool follows = at < 0 ? before == -1 : at == before + 1 && before >= 0 && at % fromChunk_ != 0;
      if (follows && e % toChunk_ != 0) {
        ++runs_.back().count;
      } else {
        runs_.push_back({place(e, toChunk_, desc_.batch), at < 0 ? -1 : place(at, fromChunk_, desc_.batch), 1});
      }
      before = at;
    }
    covers_ = std::find(read.begin(), read.end(), false) == read.end();
  }

  // An identity needs no list: a run ends where a step of x or of y does.
  template <typename Body>
  void eachRun(const Body& body) const {
    for (const Run& run : runs_) body(run);
    if (desc_.map) return;
    for (int64_t e = 0; e < rowElements_;) {
      const int64_t count = std::min(fromChunk_ - e % fromChunk_, toChunk_ - e % toChunk_);
      body(Run{place(e, toChunk_, desc_.batch), place(e, fromChunk_, desc_.batch), count});
      e += count;
    }
  }

  template <typename Body>
  void eachBlock(Stream& stream, const Body& body) const {
    const int64_t elements = std::max<int64_t>({1, rowElements_, desc_.from.rowElements()});
    cpu(stream).blocks(desc_.batch, std::max<int64_t>(1, kBlock / elements), static_cast<double>(elements), body);
  }

  RearrangeDesc desc_;
  Vectors vectors_;
  int64_t fromChunk_, toChunk_, rowElements_;
  std::vector<Run> runs_;  // of a map
  bool covers_ = true;     // every element of x is read
  bool repeats_ = false;   // some are read several times
};

}  // namespace

std::unique_ptr<Kernel> makeRearrange(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<RearrangeKernel>(desc, vectors);
}

}  // namespace cugru::cpu
