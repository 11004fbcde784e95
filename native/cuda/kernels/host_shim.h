// Runs the kernels on the host, for the simulated device: the blocks of a grid one after the other, the threads of a block as
// fibers that switch at barriers. Strict where a GPU would hang or read garbage: every thread of a block must reach a barrier, and
// every lane of a warp a shuffle. A thread that meets no barrier costs no switch.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__ static thread_local

namespace host_shim {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
  unsigned count() const { return x * y * z; }
};

}  // namespace host_shim

static thread_local host_shim::Dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace host_shim {

constexpr unsigned kLanes = 32;
constexpr size_t kStackBytes = 256 * 1024;

enum class Wait { no, warp, block };

// Where a stack goes on. The compiler's own jumps cost a few moves; those of ucontext.h are two system calls each.
struct Place {
  void* words[5];

  [[gnu::noinline, noreturn]] void jump() { __builtin_longjmp(words, 1); }
};

struct Fiber {
  Place place;
  std::unique_ptr<char[]> stack;  // null: never begun
  unsigned thread = 0;
  Wait wait = Wait::no;
  bool running = false;  // has a thread that is not done
};

// One block at a time; its fibers are kept for the next.
class BlockRunner {
 public:
  // False when threads wait for others that will never come.
  bool run(void (*body)(void*), void* argument) {
    body_ = body;
    argument_ = argument;
    threads_ = blockDim.count();
    next_ = finished_ = 0;
    waiting_.assign((threads_ + kLanes - 1) / kLanes, 0);
    slots_.resize(threads_ * kSlotBytes);
    while (next_ < threads_) resume(idleFiber());
    while (finished_ < threads_) {
      if (!release()) return false;
    }
    return true;
  }

  void wait(Wait what) {
    Fiber& fiber = *current_;
    fiber.wait = what;
    if (what == Wait::warp) ++waiting_[fiber.thread / kLanes];
    leave(fiber);
    identify(fiber.thread);
  }

  template <typename T>
  T shuffle(T value, unsigned lane) {
    static_assert(sizeof(T) <= kSlotBytes);
    const unsigned thread = current_->thread, other = thread / kLanes * kLanes + lane % kLanes;
    std::memcpy(&slots_[thread * kSlotBytes], &value, sizeof value);
    wait(Wait::warp);
    std::memcpy(&value, &slots_[other * kSlotBytes], sizeof value);
    wait(Wait::warp);
    return value;
  }
  unsigned lane() const { return current_->thread % kLanes; }

 private:
  static constexpr size_t kSlotBytes = 16;

  static void identify(unsigned thread) {
    threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / (blockDim.x * blockDim.y)};
  }

  Fiber& idleFiber() {
    for (size_t i = firstIdle_; i < fibers_.size(); ++i) {
      if (!fibers_[i]->running) return *fibers_[firstIdle_ = i];
    }
    firstIdle_ = fibers_.size();
    fibers_.push_back(std::make_unique<Fiber>());
    return *fibers_.back();
  }

  // Begins threads one after the other until one of them waits.
  void work(Fiber& fiber) {
    while (next_ < threads_) {
      fiber.thread = next_++;
      fiber.running = true;
      identify(fiber.thread);
      body_(argument_);
      ++finished_;
      fiber.running = false;
    }
  }

  static void enter() {
    BlockRunner& runner = instance();
    Fiber& fiber = *runner.current_;
    for (;;) {
      runner.work(fiber);
      runner.firstIdle_ = 0;
      runner.leave(fiber);
    }
  }

  // Back to the scheduler, until it resumes the fiber.
  [[gnu::noinline]] void leave(Fiber& fiber) {
    if (__builtin_setjmp(fiber.place.words) == 0) scheduler_.jump();
  }

  [[gnu::noinline]] void resume(Fiber& fiber) {
    current_ = &fiber;
    fiber.wait = Wait::no;
    if (__builtin_setjmp(scheduler_.words) != 0) return;
    if (fiber.stack != nullptr) fiber.place.jump();
    begin(fiber);
  }

  static void begin(Fiber& fiber) {
    fiber.stack.reset(new char[kStackBytes]);
    ucontext_t fresh;
    getcontext(&fresh);
    fresh.uc_stack.ss_sp = fiber.stack.get();
    fresh.uc_stack.ss_size = kStackBytes;
    fresh.uc_link = nullptr;
    makecontext(&fresh, enter, 0);
    setcontext(&fresh);
  }

  unsigned lanesOf(unsigned warp) const { return std::min(kLanes, threads_ - warp * kLanes); }

  // Lets those go on whose warp or block is complete; false when there are none.
  bool release() {
    unsigned atBlock = 0;
    std::vector<Fiber*> ready;
    for (const auto& fiber : fibers_) {
      if (!fiber->running) continue;
      atBlock += fiber->wait == Wait::block ? 1 : 0;
      const unsigned warp = fiber->thread / kLanes;
      if (fiber->wait == Wait::warp && waiting_[warp] == lanesOf(warp)) ready.push_back(fiber.get());
    }
    if (atBlock == threads_) {
      for (const auto& fiber : fibers_) {
        if (fiber->running) ready.push_back(fiber.get());
      }
    }
    for (Fiber* fiber : ready) {
      if (fiber->wait == Wait::warp) waiting_[fiber->thread / kLanes] = 0;
    }
    for (Fiber* fiber : ready) resume(*fiber);
    return !ready.empty();
  }

 public:
  static BlockRunner& instance() {
    static thread_local BlockRunner runner;
    return runner;
  }

 private:
  void (*body_)(void*) = nullptr;
  void* argument_ = nullptr;
  unsigned threads_ = 0, next_ = 0, finished_ = 0;
  size_t firstIdle_ = 0;
  Fiber* current_ = nullptr;
  Place scheduler_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<unsigned> waiting_;  // by warp: lanes that wait for a shuffle
  std::vector<char> slots_;        // by thread: what it gives to its warp
};

// A kernel by name, with its arguments as cuLaunchKernel takes them.
struct Entry {
  const char* name;
  void (*call)(void** parameters);
  std::vector<size_t> sizes;
};

template <auto function>
struct Caller;
template <typename... Args, void (*function)(Args...)>
struct Caller<function> {
  template <size_t... I>
  static void unpack(void** parameters, std::index_sequence<I...>) {
    function(*static_cast<Args*>(parameters[I])...);
  }
  static void call(void** parameters) { unpack(parameters, std::index_sequence_for<Args...>{}); }
  static Entry entry(const char* name) { return {name, call, {sizeof(Args)...}}; }
};

const std::vector<Entry>& entries();  // generated

inline const Entry* find(const char* name) {
  for (const Entry& entry : entries()) {
    if (std::strcmp(entry.name, name) == 0) return &entry;
  }
  return nullptr;
}

inline bool launch(const Entry& entry, Dim3 grid, Dim3 block, void** parameters) {
  struct Call {
    const Entry& entry;
    void** parameters;
  } call{entry, parameters};
  const auto body = [](void* argument) {
    const Call& c = *static_cast<Call*>(argument);
    c.entry.call(c.parameters);
  };
  gridDim = grid;
  blockDim = block;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = {x, y, z};
        if (BlockRunner::instance().run(body, &call)) continue;
        std::fprintf(stderr, "kernel %s: threads wait at a barrier that others never reach\n", entry.name);
        return false;
      }
    }
  }
  return true;
}

}  // namespace host_shim

// ---- what CUDA offers to a kernel

inline unsigned __float_as_uint(float x) {
  unsigned bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline float __uint_as_float(unsigned bits) {
  float x = 0;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline void __syncthreads() { host_shim::BlockRunner::instance().wait(host_shim::Wait::block); }

inline void __threadfence() {}

template <typename T>
inline T __shfl_xor_sync(unsigned, T value, int mask) {
  host_shim::BlockRunner& runner = host_shim::BlockRunner::instance();
  return runner.shuffle(value, runner.lane() ^ static_cast<unsigned>(mask));
}

template <typename T>
inline T atomicAdd(T* at, T value) {
  const T old = *at;
  *at = old + value;
  return old;
}

// ---- what the simulated NVRTC and driver call

extern "C" {
__attribute__((visibility("default"))) int simulated_has_kernel(const char* name) {
  return host_shim::find(name) != nullptr ? 1 : 0;
}

// 0: done; 1: no such kernel; 2: it hangs.
__attribute__((visibility("default"))) int simulated_launch_kernel(const char* name, unsigned gx, unsigned gy,
                                                                   unsigned gz, unsigned bx, unsigned by, unsigned bz,
                                                                   size_t, void** parameters) {
  const host_shim::Entry* entry = host_shim::find(name);
  if (entry == nullptr) return 1;
  return host_shim::launch(*entry, {gx, gy, gz}, {bx, by, bz}, parameters) ? 0 : 2;
}

// How many parameters there are; the sizes of the first `capacity` of them.
__attribute__((visibility("default"))) size_t simulated_kernel_param_sizes(const char* name, size_t* sizes,
                                                                           size_t capacity) {
  const host_shim::Entry* entry = host_shim::find(name);
  if (entry == nullptr) return 0;
  for (size_t i = 0; i < entry->sizes.size() && i < capacity; ++i) sizes[i] = entry->sizes[i];
  return entry->sizes.size();
}
}
