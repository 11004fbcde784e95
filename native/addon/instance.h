// What one JavaScript environment (main thread or worker) owns: its error class, its sessions, and the door by which
// results come back from native threads.
#pragma once

#include <memory>
#include <vector>

#include "addon/napi_setup.h"
#include "core/error.h"
#include "program/session.h"

namespace cugru {

// Work that is done on a session's thread and settled on the environment's.
class AsyncCall {
 public:
  virtual ~AsyncCall() = default;
  virtual void settle(Napi::Env env) = 0;
};

class Instance {
 public:
  explicit Instance(Napi::Env env);
  static Instance& of(Napi::Env env) { return *env.GetInstanceData<Instance>(); }

  void setErrorClass(const Napi::Function& type) { errorClass_ = Napi::Persistent(type); }
  // A CugruError (before setErrorClass: an Error) with `code`.
  Napi::Value makeError(Napi::Env env, const char* code, const std::string& message) const;

  void track(const std::shared_ptr<Session>& session);
  void begin(Napi::Env env);                   // a call was submitted: keeps the process alive
  void post(std::unique_ptr<AsyncCall> call);  // from any thread

 private:
  static void settle(Napi::Env env, Napi::Function, Instance* instance, AsyncCall* call);
  static void cleanUp(void* instance);

  using Door = Napi::TypedThreadSafeFunction<Instance, AsyncCall, &Instance::settle>;
  Door door_;
  size_t pending_ = 0;
  Napi::FunctionReference errorClass_;
  std::vector<std::weak_ptr<Session>> sessions_;
};

// Calls `body` and turns whatever it throws into a JavaScript exception.
template <typename Body>
Napi::Value guarded(const Napi::CallbackInfo& info, Body&& body) {
  Napi::Env env = info.Env();
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const Error& error) {
    throw Napi::Error(env, Instance::of(env).makeError(env, error.code(), error.what()));
  } catch (const std::bad_alloc&) {
    throw Napi::Error(env, Instance::of(env).makeError(env, code::kOutOfMemory, "the system is out of memory"));
  } catch (const std::exception& error) {
    throw Napi::Error(env, Instance::of(env).makeError(env, code::kInternal, error.what()));
  }
}

}  // namespace cugru
