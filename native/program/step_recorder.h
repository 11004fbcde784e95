// Steps that were recorded, by everything that a recording fixes: which work, and on which memory.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/backend.h"

namespace cugru {

class StepRecorder {
 public:
  using Key = std::vector<uint64_t>;

  // Does `work`: as it is when the key is new, so that all that is made at a first time is there; then it is recorded, and replayed
  // ever after. Where that is refused, it is done as it is. True: replayed. `clock`, unless it is null, takes the time of replays.
  bool run(const Key& key, Stream& stream, const std::function<void()>& work, SpanClock* clock = nullptr);
  // Recordings of memory that is about to go.
  void forget() { entries_.clear(); }
  // Why the last step that was to be recorded or replayed was not; empty: it was. From any thread.
  std::string problem() const;

 private:
  struct Entry {
    Key key;
    std::unique_ptr<Recording> recording;
    int attempts = 0;
  };
  // More than the slabs that a model trains, validates and predicts with in turn.
  static constexpr size_t kMost = 8;
  // Something else in the process may have spoilt one, so a failure is not the end.
  static constexpr int kAttempts = 3;

  Entry* find(const Key& key);
  bool replay(Entry& entry, Stream& stream, const std::function<void()>& work, SpanClock* clock);
  void setProblem(std::string why);

  std::list<Entry> entries_;  // the last used first
  mutable std::mutex mutex_;
  std::string problem_;
};

}  // namespace cugru
