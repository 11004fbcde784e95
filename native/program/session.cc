#include "program/session.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/host_memory.h"

namespace cugru {

// Shared with the thread, which may outlive the Session object when a command dropped the last reference to it.
struct Session::State {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Stream> stream;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Command> queue;
  std::atomic<bool> stopping{false};
  std::thread thread;
  std::mutex joining;
};

namespace {

template <typename State>
void work(const std::shared_ptr<State>& state) {
  markComputeThread();
  for (;;) {
    Session::Command command;
    bool abandoned = false;
    {
      std::unique_lock<std::mutex> lock(state->mutex);
      state->wake.wait(lock, [&] { return state->stopping || !state->queue.empty(); });
      if (state->queue.empty()) return;
      command = std::move(state->queue.front());
      state->queue.pop_front();
      abandoned = state->stopping;
    }
    command(*state->stream, abandoned);
  }
}

}  // namespace

Session::Session(std::unique_ptr<Backend> backend) : state_(std::make_shared<State>()) {
  state_->backend = std::move(backend);
  state_->stream = state_->backend->createStream();
  state_->thread = std::thread([state = state_] { work(state); });
}

Session::~Session() { closeAndJoin(); }

Backend& Session::backend() const noexcept { return *state_->backend; }

const std::atomic<bool>& Session::stopping() const noexcept { return state_->stopping; }

void Session::submit(Command command) {
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    if (state_->stopping) fail(code::kDisposed, "the session is closed");
    state_->queue.push_back(std::move(command));
  }
  state_->wake.notify_one();
}

void Session::close() noexcept {
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_one();
}

void Session::closeAndJoin() noexcept {
  close();
  std::lock_guard<std::mutex> lock(state_->joining);
  if (!state_->thread.joinable()) return;
  if (state_->thread.get_id() == std::this_thread::get_id()) {
    state_->thread.detach();
  } else {
    state_->thread.join();
  }
}

}  // namespace cugru
