// A session: one backend, one native thread, and a queue of commands that run on it one after the other.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "core/backend.h"

namespace cugru {

class Session {
 public:
  // `abandoned`: the session was closed before the command's turn; it must only report that.
  using Command = std::function<void(Stream& stream, bool abandoned)>;

  explicit Session(std::unique_ptr<Backend> backend);
  ~Session();  // closes and waits for the command in flight
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Backend& backend() const noexcept;
  void submit(Command command);  // ERR_DISPOSED after close
  void close() noexcept;         // commands that wait are abandoned; the one in flight is told to stop
  void closeAndJoin() noexcept;
  const std::atomic<bool>& stopping() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace cugru
