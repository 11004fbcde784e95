// The pool: workers enter a gang through a gate word, claim tasks from a counter, and leave; who comes late finds the gate
// shut. So a gang never waits for a worker that the system has not scheduled, even with more threads than processors.
#include "core/thread_pool.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

#include "core/error.h"
#include "core/host_memory.h"

namespace cugru {

namespace {

constexpr int kMaxThreads = 1024;
// Between two gangs of one training step a worker should not fall asleep; waking costs as much as a small gang.
constexpr std::chrono::microseconds kSpin{60};
constexpr int kPausesPerLook = 32;

// The gate: epoch in the high half, then whether it is open, then how many workers are inside.
constexpr uint64_t kInside = 0x7fffffff;
constexpr uint64_t kOpen = 0x80000000;
uint64_t epochOf(uint64_t gate) { return gate >> 32; }

// Spins until done() or until `limit` has passed; true when done.
template <typename Done>
bool spin(std::chrono::microseconds limit, Done done) {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (done()) return true;
      ThreadPool::pause();
    }
    if (std::chrono::steady_clock::now() - start >= limit) return done();
  }
}

// 0: not set.
int threadsFromEnvironment() {
  const char* value = std::getenv("CUGRU_NUM_THREADS");
  if (value == nullptr || *value == '\0') return 0;
  char* end = nullptr;
  const long threads = *value >= '0' && *value <= '9' ? std::strtol(value, &end, 10) : 0;
  if (threads < 1 || threads > kMaxThreads || *end != '\0') {
    fail(code::kValue, "CUGRU_NUM_THREADS must be an integer from 1 to ", kMaxThreads, ", got '", value, "'");
  }
  return static_cast<int>(threads);
}

// Processors that a quota of `quota` microseconds in every `period` amounts to; 0: no limit.
int processorsOf(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return 0;
  const double processors = std::ceil(quota / period);
  return processors < kMaxThreads ? static_cast<int>(processors) : kMaxThreads;
}

// The group's own quota and those of the groups above it; 0: no limit.
template <typename Read>
int quotaOfTree(const std::string& root, std::string path, Read read) {
  int least = read(root);
  while (path.size() > 1) {
    const int processors = read(root + path);
    if (processors > 0 && (least == 0 || processors < least)) least = processors;
    path.erase(path.rfind('/'));
  }
  return least;
}

int readVersion2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");  // "max 100000" or "150000 100000"
  double quota = 0, period = 0;
  return file >> quota >> period ? processorsOf(quota, period) : 0;
}

int readVersion1(const std::string& folder) {
  std::ifstream quotaFile(folder + "/cpu.cfs_quota_us"), periodFile(folder + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  return quotaFile >> quota && periodFile >> period ? processorsOf(quota, period) : 0;
}

int controlGroupQuota() {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  int least = 0;
  while (std::getline(file, line)) {  // "0::/path" (version 2) or "3:cpu,cpuacct:/path" (version 1)
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    int processors = 0;
    if (controllers.empty()) {
      processors = quotaOfTree("/sys/fs/cgroup", path, readVersion2);
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      processors = quotaOfTree("/sys/fs/cgroup/cpu", path, readVersion1);
    }
    if (processors > 0 && (least == 0 || processors < least)) least = processors;
  }
  return least;
}

int affinityProcessors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

void ThreadPool::pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int allowedProcessors() {
  int processors = affinityProcessors();
  const int quota = controlGroupQuota();
  if (quota > 0 && quota < processors) processors = quota;
  return processors < 1 ? 1 : (processors > kMaxThreads ? kMaxThreads : processors);
}

struct ThreadPool::State {
  std::mutex turn;  // held for a gang, and for a resize
  std::atomic<int> size{1};
  std::chrono::microseconds spin{0};
  std::vector<std::thread> workers;

  // The job; written only while the gate is shut and nobody is inside.
  Body body = nullptr;
  void* context = nullptr;
  int64_t tasks = 0;
  alignas(64) std::atomic<int64_t> next{0};
  alignas(64) std::atomic<uint64_t> gate{0};

  std::mutex sleep;
  std::condition_variable wake, left;
  std::atomic<int> sleepers{0};
  std::atomic<bool> callerSleeps{false};
  std::atomic<bool> stop{false};

  void work();
  bool enter(uint64_t& seen);
  void leave();
  void claim();
  void awaitGang(uint64_t seen);
  void awaitWorkers();
  void start();
  void shut();
};

void ThreadPool::State::claim() {
  for (int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) body(context, task);
}

// One entry per worker and epoch.
bool ThreadPool::State::enter(uint64_t& seen) {
  uint64_t now = gate.load(std::memory_order_acquire);
  while (epochOf(now) != seen && (now & kOpen) != 0) {
    if (gate.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel)) {
      seen = epochOf(now);
      return true;
    }
  }
  seen = epochOf(now);
  return false;
}

void ThreadPool::State::leave() {
  const uint64_t after = gate.fetch_sub(1) - 1;
  if ((after & (kInside | kOpen)) == 0 && callerSleeps.load()) {
    std::lock_guard<std::mutex> lock(sleep);
    left.notify_one();
  }
}

void ThreadPool::State::awaitGang(uint64_t seen) {
  const auto called = [&] { return epochOf(gate.load()) != seen || stop.load(); };
  if (cugru::spin(spin, called)) return;
  std::unique_lock<std::mutex> lock(sleep);
  ++sleepers;
  wake.wait(lock, called);
  --sleepers;
}

void ThreadPool::State::work() {
  markComputeThread();
  uint64_t seen = epochOf(gate.load());
  while (!stop.load()) {
    if (enter(seen)) {
      claim();
      leave();
    } else {
      awaitGang(seen);
    }
  }
}

void ThreadPool::State::awaitWorkers() {
  const auto empty = [&] { return (gate.load() & kInside) == 0; };
  if (cugru::spin(spin, empty)) return;
  for (int i = 0; i < 64; ++i) {
    std::this_thread::yield();
    if (empty()) return;
  }
  std::unique_lock<std::mutex> lock(sleep);
  callerSleeps = true;
  left.wait(lock, empty);
  callerSleeps = false;
}

// Fewer workers than wished are enough: the results are the same.
void ThreadPool::State::start() {
  const size_t wanted = static_cast<size_t>(size.load()) - 1;
  if (!workers.empty() || wanted == 0) return;
  spin = size.load() <= allowedProcessors() ? kSpin : std::chrono::microseconds{0};
  workers.reserve(wanted);
  try {
    while (workers.size() < wanted) workers.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    if (workers.empty()) size = 1;
  }
}

void ThreadPool::State::shut() {
  {
    std::lock_guard<std::mutex> lock(sleep);
    stop = true;
  }
  wake.notify_all();
  for (std::thread& worker : workers) worker.join();
  workers.clear();
  stop = false;
}

ThreadPool& ThreadPool::instance() {
  static ThreadPool* const pool = new ThreadPool;  // never destroyed: workers may sleep in it while the process exits
  return *pool;
}

ThreadPool::ThreadPool() {
  const int wished = threadsFromEnvironment();
  const int size = wished > 0 ? wished : allowedProcessors();
  state_ = new State;
  state_->size = size;
}

ThreadPool::~ThreadPool() {
  state_->shut();
  delete state_;
}

int ThreadPool::size() const noexcept { return state_->size.load(std::memory_order_relaxed); }

void ThreadPool::resize(int threads) {
  if (threads < 1 || threads > kMaxThreads) {
    fail(code::kRange, "the number of threads must be from 1 to ", kMaxThreads, ", got ", threads);
  }
  std::lock_guard<std::mutex> turn(state_->turn);
  if (threads == state_->size.load()) return;
  state_->shut();
  state_->size = threads;
}

void ThreadPool::run(int64_t tasks, Body body, void* context) {
  State& s = *state_;
  if (tasks <= 1 || size() == 1) {
    for (int64_t task = 0; task < tasks; ++task) body(context, task);
    return;
  }
  std::lock_guard<std::mutex> turn(s.turn);
  s.start();
  s.body = body;
  s.context = context;
  s.tasks = tasks;
  s.next.store(0, std::memory_order_relaxed);
  s.gate.store(((epochOf(s.gate.load()) + 1) << 32) | kOpen);
  int64_t calls = tasks - 1;
  if (s.sleepers.load() > 0) {
    // The lock makes sure that a worker about to sleep has either seen the new epoch or hears the call.
    { std::lock_guard<std::mutex> lock(s.sleep); }
    for (int64_t sleeping = s.sleepers.load(); calls > 0 && sleeping > 0; --calls, --sleeping) s.wake.notify_one();
  }
  s.claim();
  s.gate.fetch_and(~kOpen);
  s.awaitWorkers();
}

}  // namespace cugru
