// The choices of one session: those that its kernels go by, and those that a saved model brought. From any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/backend.h"

namespace cugru::cuda {

class ChoiceBook {
 public:
  void use(const std::string& key, const std::string& lines) {
    const std::lock_guard<std::mutex> lock(mutex_);
    all_[key] = lines;
  }
  // What is in use already stays.
  void offer(const Choice& choice) {
    const std::lock_guard<std::mutex> lock(mutex_);
    all_.emplace(choice.key, choice.lines);
  }
  void forget(const std::string& key) {
    const std::lock_guard<std::mutex> lock(mutex_);
    all_.erase(key);
  }
  std::string find(const std::string& key) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = all_.find(key);
    return found == all_.end() ? "" : found->second;
  }
  std::vector<Choice> all() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<Choice> out;
    for (const auto& [key, lines] : all_) out.push_back({key, lines});
    return out;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> all_;
};

}  // namespace cugru::cuda
