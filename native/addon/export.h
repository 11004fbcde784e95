// One line per exported function.
#pragma once

#include "addon/instance.h"

namespace cugru {

using ApiFunction = Napi::Value (*)(const Napi::CallbackInfo&);

template <ApiFunction function>
void exportFunction(Napi::Env env, Napi::Object exports, const char* name) {
  const auto checked = [](const Napi::CallbackInfo& info) { return guarded(info, [&] { return function(info); }); };
  exports.Set(name, Napi::Function::New(env, +checked, name));
}

}  // namespace cugru
