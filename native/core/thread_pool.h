// One pool of compute threads per process. Work is given to all threads at once (a gang); the caller takes part.
#pragma once

#include <cstdint>

namespace cugru {

class ThreadPool {
 public:
  static ThreadPool& instance();

  // Threads that a gang has, the caller included. At first: CUGRU_NUM_THREADS, else the processors that affinity
  // and control group allow.
  int size() const noexcept;
  void resize(int threads);  // 1 .. 1024 (ERR_RANGE); waits for the gang in flight

  // Calls body(context, task) once for each task in [0, tasks), spread over the gang; returns when all are done.
  // Tasks are claimed in order but may run in any; results must not depend on it. Gangs of several callers take turns.
  // `body` must not throw and must not call run.
  using Body = void (*)(void* context, int64_t task);
  void run(int64_t tasks, Body body, void* context);

  // Between these, workers that a gang has woken stay awake: the gangs of one run follow each other within microseconds,
  // and waking up takes longer than many of them.
  void enterRun() noexcept;
  void leaveRun() noexcept;

  static void pause() noexcept;  // one turn of a loop that spins

 private:
  ThreadPool();
  ~ThreadPool();
  struct State;
  State* state_;
};

// What the pool starts with: processors allowed by affinity and by the control group's CPU quota, at least 1.
int allowedProcessors();

}  // namespace cugru
