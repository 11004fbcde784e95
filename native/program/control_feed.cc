#include "program/control_feed.h"

#include <algorithm>
#include <cstring>

namespace cugru {

namespace {

constexpr int64_t kMost = 1024;      // controls of one upload
constexpr size_t kHeaderBytes = 64;  // the number of the next one

}  // namespace

ControlFeed::ControlFeed(Backend& backend)
    : backend_(backend),
      control_(backend.allocate(sizeof(StepControl))),
      run_(backend.allocate(kHeaderBytes + kMost * sizeof(StepControl))),
      staged_(run_->bytes()) {}

StepControl* ControlFeed::run() const {
  return reinterpret_cast<StepControl*>(static_cast<char*>(run_->data()) + kHeaderBytes);
}

void ControlFeed::set(const StepControl& control, Stream& stream) {
  backend_.upload(control_->data(), &control, sizeof control, stream);
}

void ControlFeed::provide(int64_t step, int64_t steps, const std::function<StepControl(int64_t)>& controlOf,
                          Stream& stream) {
  if (step % kMost != 0) return;
  const int64_t count = std::min(kMost, steps - step);
  for (int64_t i = 0; i < count; ++i) {
    const StepControl control = controlOf(step + i);
    std::memcpy(staged_.data() + kHeaderBytes + static_cast<size_t>(i) * sizeof control, &control, sizeof control);
  }
  const size_t bytes = kHeaderBytes + static_cast<size_t>(count) * sizeof(StepControl);
  backend_.upload(run_->data(), staged_.data(), bytes, stream);  // the header stays zero: the next one is the first
}

void ControlFeed::take(Stream& stream) {
  backend_.takeControl(static_cast<StepControl*>(control_->data()), run(), next(), stream);
}

}  // namespace cugru
