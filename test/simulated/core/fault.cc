#include "core/fault.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"

namespace simulated {

namespace {

thread_local sigjmp_buf* escape = nullptr;
thread_local const char* reason = nullptr;
struct sigaction previous[2];  // of SIGSEGV and SIGBUS

void say(const char* words) {
  const char* parts[] = {"simulated device: ", words, "\n"};
  for (const char* part : parts) {
    if (write(2, part, strlen(part)) < 0) return;
  }
}

void onFault(int number, siginfo_t* info, void* more) {
  const char* words = whoseFault(reinterpret_cast<uintptr_t>(info->si_addr));
  if (escape != nullptr) {
    reason = words != nullptr ? words : "memory that is not the device's was touched";
    siglongjmp(*escape, 1);
  }
  if (words != nullptr) say(words);
  const struct sigaction& old = previous[number == SIGSEGV ? 0 : 1];
  if ((old.sa_flags & SA_SIGINFO) != 0 && old.sa_sigaction != nullptr) return old.sa_sigaction(number, info, more);
  sigaction(number, &old, nullptr);  // returns to the same instruction, and faults again
}

}  // namespace

void watchFaults() {
  static const bool done = [] {
    struct sigaction action {};
    action.sa_sigaction = onFault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &previous[0]);
    sigaction(SIGBUS, &action, &previous[1]);
    return true;
  }();
  static_cast<void>(done);
}

const char* runGuarded(const std::function<void()>& work) {
  watchFaults();
  sigjmp_buf here;
  sigjmp_buf* const outer = escape;
  reason = nullptr;
  if (sigsetjmp(here, 1) == 0) {
    escape = &here;
    work();
  }
  escape = outer;
  return reason;
}

}  // namespace simulated
