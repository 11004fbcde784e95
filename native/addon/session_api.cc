#include <algorithm>

#include "addon/api.h"
#include "addon/arguments.h"
#include "addon/async.h"
#include "addon/export.h"
#include "addon/handles.h"
#include "cpu/cpu_backend.h"
#include "cuda/cuda_backend.h"

namespace cugru {

namespace {

Isa isaOf(const Napi::Object& options) {
  if (!present(options, "isa")) return defaultIsa();
  const std::string wanted = string(options.Get("isa"), "isa");
  std::string known;
  for (Isa isa : supportedIsas()) {
    if (wanted == isaName(isa)) return isa;
    known += (known.empty() ? "" : ", ") + std::string(isaName(isa));
  }
  fail(code::kValue, "isa '", wanted, "' is not one that this host runs: ", known);
}

// 'cuda' or 'cuda:N'.
int cudaOrdinal(const std::string& device) {
  constexpr size_t kMostDigits = 3;
  if (device == "cuda") return 0;
  const std::string digits = device.size() > 5 && device[4] == ':' ? device.substr(5) : "";
  const bool valid = !digits.empty() && digits.size() <= kMostDigits &&
                     std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!valid) fail(code::kValue, "device must be 'cpu', 'cuda' or 'cuda:N', got '", device, "'");
  return std::stoi(digits);
}

// Backends are registered here and nowhere else.
std::unique_ptr<Backend> createBackend(const Napi::Object& options) {
  const std::string device = string(options.Get("device"), "device");
  if (device == "cpu") return createCpuBackend(isaOf(options));
  if (device.rfind("cuda", 0) == 0) return createCudaBackend(cudaOrdinal(device));
  fail(code::kValue, "device must be 'cpu' or 'cuda', got '", device, "'");
}

Napi::Value createSession(const Napi::CallbackInfo& info) {
  auto session = std::make_shared<Session>(createBackend(object(info[0], "session options")));
  Instance::of(info.Env()).track(session);
  return wrap<Session>(info.Env(), session);
}

Napi::Value closeSession(const Napi::CallbackInfo& info) {
  unwrap<Session>(info[0])->close();
  return info.Env().Undefined();
}

Napi::Value sessionInfo(const Napi::CallbackInfo& info) {
  auto session = unwrap<Session>(info[0]);
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("device", Napi::String::New(info.Env(), session->backend().name()));
  out.Set("description", Napi::String::New(info.Env(), session->backend().description()));
  return out;
}

Napi::Value sessionChoices(const Napi::CallbackInfo& info) {
  Napi::Array out = Napi::Array::New(info.Env());
  for (const Choice& choice : unwrap<Session>(info[0])->backend().choices()) {
    Napi::Object one = Napi::Object::New(info.Env());
    one.Set("key", Napi::String::New(info.Env(), choice.key));
    one.Set("lines", Napi::String::New(info.Env(), choice.lines));
    out.Set(out.Length(), one);
  }
  return out;
}

Napi::Value sessionOfferChoices(const Napi::CallbackInfo& info) {
  const Napi::Array from = list(info[1], "choices");
  std::vector<Choice> choices;
  for (uint32_t i = 0; i < from.Length(); ++i) {
    const Napi::Object one = object(from.Get(i), "a choice");
    choices.push_back({string(one.Get("key"), "a choice's key"), string(one.Get("lines"), "a choice's lines")});
  }
  unwrap<Session>(info[0])->backend().offerChoices(choices);
  return info.Env().Undefined();
}

// Resolves when all that was submitted before is done.
Napi::Value drainSession(const Napi::CallbackInfo& info) {
  auto session = unwrap<Session>(info[0]);
  return promisedNothing(info.Env(), *session, [session](Stream& stream) { stream.synchronize(); });
}

}  // namespace

void exportSession(Napi::Env env, Napi::Object exports) {
  exportFunction<createSession>(env, exports, "createSession");
  exportFunction<closeSession>(env, exports, "closeSession");
  exportFunction<sessionInfo>(env, exports, "sessionInfo");
  exportFunction<sessionChoices>(env, exports, "sessionChoices");
  exportFunction<sessionOfferChoices>(env, exports, "sessionOfferChoices");
  exportFunction<drainSession>(env, exports, "drainSession");
}

}  // namespace cugru
