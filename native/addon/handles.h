// Native objects as opaque JavaScript values, tagged by kind so that a wrong one is refused and never dereferenced.
#pragma once

#include <memory>
#include <utility>

#include "addon/napi_setup.h"
#include "core/error.h"
#include "program/program.h"
#include "program/session.h"
#include "program/streamer.h"

namespace cugru {

// A thing together with the session whose backend it lives on.
template <typename T>
struct Owned {
  std::shared_ptr<Session> session;
  std::shared_ptr<T> thing;
};
using StoreHandle = Owned<ParameterStore>;
using ProgramHandle = Owned<Program>;
using SlabHandle = Owned<Slab>;
using StreamerHandle = Owned<Streamer>;
using CancelFlag = std::atomic<bool>;
struct StreamState {
  std::shared_ptr<StreamerHandle> streamer;
  std::vector<float> values;
};

template <typename T>
struct HandleKind;
#define CUGRU_HANDLE_KIND(Type, Name, Low)                                  \
  template <>                                                               \
  struct HandleKind<Type> {                                                 \
    static constexpr const char* name = Name;                               \
    static constexpr napi_type_tag tag = {0x6375677275000001ull, Low##ull}; \
  }
CUGRU_HANDLE_KIND(Session, "session", 1);
CUGRU_HANDLE_KIND(HostBuffer, "buffer", 2);
CUGRU_HANDLE_KIND(SlabHandle, "slab", 3);
CUGRU_HANDLE_KIND(StoreHandle, "parameter store", 4);
CUGRU_HANDLE_KIND(ProgramHandle, "program", 5);
CUGRU_HANDLE_KIND(CancelFlag, "cancel flag", 6);
CUGRU_HANDLE_KIND(StreamerHandle, "streamer", 7);
CUGRU_HANDLE_KIND(StreamState, "stream state", 8);
#undef CUGRU_HANDLE_KIND

// The base lets one function dispose of any kind.
struct HandleBase {
  virtual ~HandleBase() = default;
  virtual void release(Napi::Env env) = 0;
};

template <typename T>
struct Handle final : HandleBase {
  std::shared_ptr<T> object;
  int64_t hostBytes = 0;  // told to the garbage collector

  void release(Napi::Env env) override {
    object.reset();
    if (hostBytes != 0) Napi::MemoryManagement::AdjustExternalMemory(env, -hostBytes);
    hostBytes = 0;
  }
};

template <typename T>
Napi::Value wrap(Napi::Env env, std::shared_ptr<T> object, size_t hostBytes = 0) {
  auto handle = std::make_unique<Handle<T>>();
  handle->object = std::move(object);
  handle->hostBytes = static_cast<int64_t>(hostBytes);
  auto value = Napi::External<HandleBase>::New(env, handle.get(), [](Napi::Env e, HandleBase* base) {
    base->release(e);
    delete base;
  });
  handle.release();
  value.TypeTag(&HandleKind<T>::tag);
  if (hostBytes != 0) Napi::MemoryManagement::AdjustExternalMemory(env, static_cast<int64_t>(hostBytes));
  return value;
}

// A buffer that no call in flight holds.
std::shared_ptr<HostBuffer> idleBuffer(const Napi::Value& value);

template <typename T>
bool isHandle(const Napi::Value& value) {
  return value.IsExternal() && value.As<Napi::External<HandleBase>>().CheckTypeTag(&HandleKind<T>::tag);
}

template <typename T>
std::shared_ptr<T> unwrap(const Napi::Value& value) {
  if (!isHandle<T>(value)) fail(code::kType, "expected a native ", HandleKind<T>::name);
  auto* handle = static_cast<Handle<T>*>(value.As<Napi::External<HandleBase>>().Data());
  if (!handle->object) fail(code::kDisposed, "this ", HandleKind<T>::name, " was disposed");
  return handle->object;
}

}  // namespace cugru
