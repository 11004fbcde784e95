// A stream of the CPU backend: which threads a kernel may use. Work is done when a call returns.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/backend.h"
#include "core/thread_pool.h"

namespace cugru::cpu {

// Elementary operations below which waking other threads costs more than it saves.
constexpr double kWorthSharing = 1e5;

class CpuStream final : public Stream {
 public:
  explicit CpuStream(bool shares) : shares_(shares) {}
  void synchronize() override {}
  void enterRun() noexcept override { ThreadPool::instance().enterRun(); }
  void leaveRun() noexcept override { ThreadPool::instance().leaveRun(); }

  // body(task) for each task in [0, tasks). What it computes must not depend on which thread does which task.
  // `operations`: an estimate of the whole work, from shapes only.
  template <typename Body>
  void parallel(int64_t tasks, double operations, const Body& body) {
    if (!shares_ || operations < kWorthSharing || tasks <= 1) {
      for (int64_t task = 0; task < tasks; ++task) body(task);
      return;
    }
    const auto call = [](void* context, int64_t task) { (*static_cast<const Body*>(context))(task); };
    ThreadPool::instance().run(tasks, call, const_cast<void*>(static_cast<const void*>(&body)));
  }

  // Threads that a call of parallel or inOrder may use. What is computed must not depend on it.
  int threads() const { return shares_ ? ThreadPool::instance().size() : 1; }

  // body(step, part) for each part of each step; no part begins before all parts of the step before it are done. For steps of
  // microseconds: threads wait for each other by spinning, and never for one that has not come.
  template <typename Body>
  void inOrder(int64_t steps, int64_t parts, double operations, const Body& body) {
    if (operations < kWorthSharing || parts <= 1 || threads() == 1) {
      for (int64_t ticket = 0; ticket < steps * parts; ++ticket) body(ticket / parts, ticket % parts);
      return;
    }
    Tickets tickets;
    parallel(threads(), operations, [&](int64_t) {
      for (int64_t ticket; (ticket = tickets.next.fetch_add(1, std::memory_order_relaxed)) < steps * parts;) {
        const int64_t before = ticket / parts * parts;
        while (tickets.done.load(std::memory_order_acquire) < before) ThreadPool::pause();
        body(ticket / parts, ticket % parts);
        tickets.done.fetch_add(1, std::memory_order_release);
      }
    });
  }

  // body(first, count) for blocks of a run of `elements`; `cost`: operations per element.
  template <typename Body>
  void blocks(int64_t elements, int64_t block, double cost, const Body& body) {
    parallel((elements + block - 1) / block, static_cast<double>(elements) * cost, [&](int64_t task) {
      const int64_t first = task * block;
      body(first, elements - first < block ? elements - first : block);
    });
  }

 private:
  struct Tickets {
    alignas(64) std::atomic<int64_t> next{0};
    alignas(64) std::atomic<int64_t> done{0};
  };
  bool shares_;
};

inline CpuStream& cpu(Stream& stream) { return static_cast<CpuStream&>(stream); }

}  // namespace cugru::cpu
