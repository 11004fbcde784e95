#include "cuda/timing.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "core/error.h"

namespace cugru::cuda {

namespace {

constexpr double kRoundMilliseconds = 4;
constexpr int kRounds = 3, kMostRuns = 50;

// Two events that take the time.
class Stopwatch {
 public:
  explicit Stopwatch(CudaStream& stream) : stream_(stream), device_(stream.device()) {
    device_.check(api().cuEventCreate(&begin_, 0), "make an event");
    if (const CUresult result = api().cuEventCreate(&end_, 0); result != CUDA_SUCCESS) {
      api().cuEventDestroy_v2(begin_);
      device_.check(result, "make an event");
    }
  }
  ~Stopwatch() {
    api().cuEventDestroy_v2(begin_);
    api().cuEventDestroy_v2(end_);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  double time(const std::function<void()>& work, int runs) {
    device_.check(api().cuEventRecord(begin_, stream_.handle()), "take the time");
    for (int i = 0; i < runs; ++i) work();
    device_.check(api().cuEventRecord(end_, stream_.handle()), "take the time");
    device_.check(api().cuEventSynchronize(end_), "finish its work");
    float milliseconds = 0;
    device_.check(api().cuEventElapsedTime(&milliseconds, begin_, end_), "take the time");
    return milliseconds / runs;
  }

 private:
  const CudaApi& api() const { return device_.cuda(); }
  CudaStream& stream_;
  Device& device_;
  CUevent begin_ = nullptr, end_ = nullptr;
};

}  // namespace

bool timingAllowed() {
  const char* value = std::getenv("CUGRU_CUDA_TIMING");
  const std::string word = value != nullptr ? value : "";
  if (word.empty() || word == "on") return true;
  if (word == "off") return false;
  fail(code::kValue, "CUGRU_CUDA_TIMING must be 'on' or 'off', got '", word, "'");
}

Taken timeOf(CudaStream& stream, const std::function<void()>& work) {
  work();  // what is loaded and allocated at a first run is no part of it, and may not be recorded
  stream.synchronize();
  const std::unique_ptr<Recording> recording = stream.record(work).recording;
  const auto replay = [&] {
    const std::string why = recording->replay(stream);
    if (!why.empty()) fail(code::kInternal, why);
  };
  const std::function<void()> run = recording != nullptr ? replay : work;
  Stopwatch watch(stream);
  const double first = watch.time(run, 1);
  const int runs = std::clamp(static_cast<int>(kRoundMilliseconds / std::max(first, 1e-4)), 1, kMostRuns);
  Taken taken{watch.time(run, runs), recording != nullptr};
  for (int round = 1; round < kRounds; ++round)
    taken.milliseconds = std::min(taken.milliseconds, watch.time(run, runs));
  return taken;
}

}  // namespace cugru::cuda
