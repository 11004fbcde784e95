#include "program/step_recorder.h"

#include <algorithm>

namespace cugru {

StepRecorder::Entry* StepRecorder::find(const Key& key) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& one) { return one.key == key; });
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return &entries_.front();
}

bool StepRecorder::run(const Key& key, Stream& stream, const std::function<void()>& work, SpanClock* clock) {
  Entry* entry = find(key);
  if (entry != nullptr && replay(*entry, stream, work, clock)) return true;
  work();
  if (entry != nullptr) return false;
  if (entries_.size() == kMost) entries_.pop_back();
  entries_.emplace_front();
  entries_.front().key = key;
  return false;
}

bool StepRecorder::replay(Entry& entry, Stream& stream, const std::function<void()>& work, SpanClock* clock) {
  if (entry.recording == nullptr) {
    if (entry.attempts == kAttempts) return false;
    ++entry.attempts;
    Recorded recorded = stream.record(work);
    entry.recording = std::move(recorded.recording);
    setProblem(std::move(recorded.why));
    if (entry.recording == nullptr) return false;
  }
  if (clock != nullptr) clock->begin();
  std::string why = entry.recording->replay(stream);
  if (why.empty()) {
    if (clock != nullptr) clock->end();
    return true;
  }
  entry.recording.reset();
  setProblem(std::move(why));
  return false;
}

std::string StepRecorder::problem() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return problem_;
}

void StepRecorder::setProblem(std::string why) {
  const std::lock_guard<std::mutex> lock(mutex_);
  problem_ = std::move(why);
}

}  // namespace cugru
