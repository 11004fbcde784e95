#include "addon/instance.h"

#include <algorithm>

namespace cugru {

Instance::Instance(Napi::Env env) {
  door_ = Door::New(env, "cugru", 0, 1, this);
  door_.Unref(env);
  // After the door, so that it runs before the door's own clean-up: threads first, then what they call.
  napi_add_env_cleanup_hook(env, &Instance::cleanUp, this);
}

void Instance::cleanUp(void* data) {
  auto* instance = static_cast<Instance*>(data);
  for (const auto& weak : instance->sessions_) {
    if (auto session = weak.lock()) session->close();
  }
  for (const auto& weak : instance->sessions_) {
    if (auto session = weak.lock()) session->closeAndJoin();
  }
  instance->door_.Release();
}

Napi::Value Instance::makeError(Napi::Env env, const char* code, const std::string& message) const {
  if (!errorClass_.IsEmpty()) {
    try {
      return errorClass_.New({Napi::String::New(env, code), Napi::String::New(env, message)});
    } catch (const Napi::Error&) {  // a class that throws must not hide the error, or leave a promise pending
    }
  }
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error.Value();
}

void Instance::track(const std::shared_ptr<Session>& session) {
  const auto gone = [](const std::weak_ptr<Session>& weak) { return weak.expired(); };
  sessions_.erase(std::remove_if(sessions_.begin(), sessions_.end(), gone), sessions_.end());
  sessions_.push_back(session);
}

void Instance::begin(Napi::Env env) {
  if (pending_++ == 0) door_.Ref(env);
}

void Instance::post(std::unique_ptr<AsyncCall> call) {
  if (door_.NonBlockingCall(call.get()) == napi_ok) call.release();
}

void Instance::settle(Napi::Env env, Napi::Function, Instance* instance, AsyncCall* raw) {
  std::unique_ptr<AsyncCall> call(raw);
  if (env == nullptr) return;  // the environment is going down
  if (--instance->pending_ == 0) instance->door_.Unref(env);
  Napi::HandleScope scope(env);
  try {
    call->settle(env);
  } catch (const Napi::Error&) {  // only when the worker is being terminated; nobody waits for the promise then
  }
}

}  // namespace cugru
