// A promise for work on a session's thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "addon/instance.h"

namespace cugru {

template <typename Result>
class PromisedCall final : public AsyncCall {
 public:
  using Work = std::function<Result(Stream&)>;
  using Finish = std::function<Napi::Value(Napi::Env, Result&)>;

  PromisedCall(Napi::Env env, Work work, Finish finish)
      : deferred(Napi::Promise::Deferred::New(env)), work_(std::move(work)), finish_(std::move(finish)) {}

  void execute(Stream& stream, bool abandoned) {
    try {
      if (abandoned) fail(code::kDisposed, "the session was closed before this call's turn");
      result_ = work_(stream);
    } catch (const Error& error) {
      failed(error.code(), error.what());
    } catch (const std::bad_alloc&) {
      failed(code::kOutOfMemory, "the system is out of memory");
    } catch (const std::exception& error) {
      failed(code::kInternal, error.what());
    }
  }

  void settle(Napi::Env env) override {
    if (!result_) return deferred.Reject(Instance::of(env).makeError(env, code_, message_));
    try {
      deferred.Resolve(finish_(env, *result_));
    } catch (const Napi::Error& error) {
      deferred.Reject(error.Value());
    }
  }

  Napi::Promise::Deferred deferred;

 private:
  void failed(const char* code, const char* message) {
    code_ = code;
    message_ = message;
  }

  Work work_;
  Finish finish_;
  std::optional<Result> result_;
  const char* code_ = code::kInternal;
  std::string message_;
};

// Queues `work` on the session's thread; `finish` makes the JavaScript value on this one. Both may own what they need.
template <typename Result>
Napi::Value promised(Napi::Env env, Session& session, typename PromisedCall<Result>::Work work,
                     typename PromisedCall<Result>::Finish finish) {
  Instance& instance = Instance::of(env);
  // std::function wants copyable captures, hence shared until it is posted.
  auto call = std::make_shared<std::unique_ptr<PromisedCall<Result>>>(
      std::make_unique<PromisedCall<Result>>(env, std::move(work), std::move(finish)));
  Napi::Promise promise = (*call)->deferred.Promise();
  session.submit([call, &instance](Stream& stream, bool abandoned) {
    (*call)->execute(stream, abandoned);
    instance.post(std::move(*call));
  });
  instance.begin(env);
  return promise;
}

struct Nothing {};

inline Napi::Value promisedNothing(Napi::Env env, Session& session, std::function<void(Stream&)> work) {
  return promised<Nothing>(
      env, session,
      [work = std::move(work)](Stream& stream) {
        work(stream);
        return Nothing{};
      },
      [](Napi::Env e, Nothing&) { return e.Undefined(); });
}

}  // namespace cugru
