// The StepControls of a run in backend memory. They are uploaded many at a time, and each step takes the next one by itself, so that
// a recorded step is replayed without a word from the host.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/backend.h"

namespace cugru {

class ControlFeed {
 public:
  explicit ControlFeed(Backend& backend);

  // What steps read.
  const StepControl* control() const { return static_cast<const StepControl*>(control_->data()); }
  // For a step that is part of no run.
  void set(const StepControl& control, Stream& stream);

  // Before each step of a run, the first of which is 0: uploads the controls of this step and of those after it, when they are not there.
  void provide(int64_t step, int64_t steps, const std::function<StepControl(int64_t)>& controlOf, Stream& stream);
  // The first work of a step.
  void take(Stream& stream);

 private:
  StepControl* run() const;
  int64_t* next() const { return static_cast<int64_t*>(run_->data()); }

  Backend& backend_;
  std::unique_ptr<Memory> control_, run_;
  std::vector<char> staged_;  // as run_ is to be
};

}  // namespace cugru
