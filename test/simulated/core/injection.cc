#include "core/injection.h"

#include <cstring>

#include "core/simulated.h"

namespace simulated {

namespace {

struct Plan {
  std::string what;  // see simulated_fail
  size_t at = 0;     // 0: none
  size_t seen = 0;
  std::string failed;  // the function that did
};

Plan& plan() {
  static Plan* const one = new Plan;
  return *one;
}

bool contains(const char* function, const char* part) { return std::strstr(function, part) != nullptr; }

bool allocates(const char* function) { return contains(function, "MemAlloc") || contains(function, "MemHostAlloc"); }

// The vendor's errors of these are those of earlier work: what was to be given back is given back, who waits has waited.
bool worksFirst(const char* function) {
  for (const char* part : {"Destroy", "Free", "Release", "Unload", "Unregister", "Synchronize", "CtxSetCurrent"}) {
    if (contains(function, part)) return true;
  }
  return false;
}

// Words about errors do not fail; nothing could be told of it.
bool counts(const std::string& what, const char* function) {
  if (contains(function, "GetError")) return false;
  if (what == "allocation") return allocates(function);
  return what == "call" || what == "lost" || std::string(function).compare(0, what.size(), what) == 0;
}

}  // namespace

Verdict judge(const char* function) {
  Guard guard;
  Plan& now = plan();
  if (now.at == 0 || !counts(now.what, function)) return Verdict::pass;
  // Memory that ran out stays out: a second attempt fares no better.
  const bool stays = now.what == "allocation";
  if (++now.seen < now.at || (now.seen > now.at && !stays)) return Verdict::pass;
  if (now.failed.empty()) now.failed = function;
  if (now.what == "lost") {
    if (currentContext() != nullptr) currentContext()->failure = CUDA_ERROR_LAUNCH_FAILED;
  } else if (allocates(function)) {
    return Verdict::refuseMemory;
  }
  return worksFirst(function) ? Verdict::workThenFail : Verdict::refuse;
}

}  // namespace simulated

using simulated::Guard;
using simulated::plan;

extern "C" {

void simulated_fail(const char* what, size_t at) {
  Guard guard;
  plan() = {};
  plan().what = what;
  plan().at = at;
}

size_t simulated_failed(char* function, size_t capacity) {
  Guard guard;
  if (function != nullptr && capacity > 0) {
    const size_t length = std::min(plan().failed.size(), capacity - 1);
    std::memcpy(function, plan().failed.data(), length);
    function[length] = '\0';
  }
  return plan().failed.empty() ? 0 : 1;
}
}
