#include "addon/api.h"
#include "addon/arguments.h"
#include "addon/export.h"
#include "addon/handles.h"
#include "core/host_memory.h"
#include "core/thread_pool.h"
#include "cpu/cpu_backend.h"

namespace cugru {

namespace {

Napi::Value processInfo(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object out = Napi::Object::New(env);
  Napi::Array isas = Napi::Array::New(env);
  for (Isa isa : supportedIsas()) isas.Set(isas.Length(), Napi::String::New(env, isaName(isa)));
  out.Set("isas", isas);
  out.Set("isa", Napi::String::New(env, isaName(defaultIsa())));
  out.Set("threads", Napi::Number::New(env, ThreadPool::instance().size()));
  out.Set("processors", Napi::Number::New(env, allowedProcessors()));
  out.Set("availableBytes", Napi::Number::New(env, static_cast<double>(availableBytes())));
  out.Set("computeAllocations", Napi::Number::New(env, static_cast<double>(computeAllocations())));
  const int64_t external = Napi::MemoryManagement::AdjustExternalMemory(env, 0);
  out.Set("externalBytes", Napi::Number::New(env, static_cast<double>(external)));
  out.Set("compiler", Napi::String::New(env, __VERSION__));
  return out;
}

Napi::Value setNumThreads(const Napi::CallbackInfo& info) {
  ThreadPool::instance().resize(static_cast<int>(integer(info[0], "the number of threads", 1, 1024)));
  return info.Env().Undefined();
}

Napi::Value setErrorClass(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) fail(code::kType, "the error class must be a constructor");
  Instance::of(info.Env()).setErrorClass(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

template <typename... Kinds>
bool isAnyHandle(const Napi::Value& value) {
  return (isHandle<Kinds>(value) || ...);
}

Napi::Value dispose(const Napi::CallbackInfo& info) {
  if (!isAnyHandle<Session, HostBuffer, SlabHandle, StoreHandle, ProgramHandle, CancelFlag, StreamerHandle,
                   StreamState>(info[0])) {
    fail(code::kType, "expected a native handle");
  }
  info[0].As<Napi::External<HandleBase>>().Data()->release(info.Env());
  return info.Env().Undefined();
}

}  // namespace

void exportProcess(Napi::Env env, Napi::Object exports) {
  exportFunction<processInfo>(env, exports, "processInfo");
  exportFunction<setNumThreads>(env, exports, "setNumThreads");
  exportFunction<setErrorClass>(env, exports, "setErrorClass");
  exportFunction<dispose>(env, exports, "dispose");
}

}  // namespace cugru
