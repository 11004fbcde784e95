// control.node: what core/simulated.h offers, for tests in JavaScript that use the device in their own process.
#include <node_api.h>

#include <string>
#include <vector>

#include "core/simulated.h"

namespace {

std::vector<napi_value> argumentsOf(napi_env env, napi_callback_info info) {
  size_t count = 2;
  std::vector<napi_value> values(count);
  napi_get_cb_info(env, info, &count, values.data(), nullptr, nullptr);
  return values;
}

std::string stringOf(napi_env env, napi_value value) {
  char text[64];
  size_t length = 0;
  napi_get_value_string_utf8(env, value, text, sizeof text, &length);
  return {text, length};
}

napi_value wrap(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

napi_value report(napi_env env, napi_callback_info) {
  std::vector<char> text(1 << 20);
  simulated_report(text.data(), text.size());
  return wrap(env, text.data());
}

napi_value forget(napi_env, napi_callback_info) {
  simulated_forget();
  return nullptr;
}

napi_value fail(napi_env env, napi_callback_info info) {
  const std::vector<napi_value> arguments = argumentsOf(env, info);
  uint32_t at = 0;
  napi_get_value_uint32(env, arguments[1], &at);
  simulated_fail(stringOf(env, arguments[0]).c_str(), at);
  return nullptr;
}

napi_value failed(napi_env env, napi_callback_info) {
  char function[64];
  simulated_failed(function, sizeof function);
  return wrap(env, function);
}

napi_value count(napi_env env, napi_callback_info info) {
  napi_value value = nullptr;
  napi_create_double(env, static_cast<double>(simulated_count(stringOf(env, argumentsOf(env, info)[0]).c_str())),
                     &value);
  return value;
}

}  // namespace

NAPI_MODULE_INIT() {
  const std::vector<std::pair<const char*, napi_callback>> functions = {
      {"report", report}, {"forget", forget}, {"fail", fail}, {"failed", failed}, {"count", count}};
  for (const auto& [name, call] : functions) {
    napi_value function = nullptr;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, call, nullptr, &function);
    napi_set_named_property(env, exports, name, function);
  }
  return exports;
}
