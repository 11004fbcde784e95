#include "addon/api.h"
#include "addon/arguments.h"
#include "addon/async.h"
#include "addon/export.h"
#include "addon/handles.h"
#include "addon/parse.h"

namespace cugru {

namespace {

StoreContent contentOf(const Napi::Value& value) {
  const std::string name = string(value, "content");
  if (name == "parameters") return StoreContent::parameters;
  if (name == "gradients") return StoreContent::gradients;
  if (name == "slot0") return StoreContent::slot0;
  if (name == "slot1") return StoreContent::slot1;
  fail(code::kValue, "content must be parameters, gradients, slot0 or slot1, got '", name, "'");
}

Napi::Value createStore(const Napi::CallbackInfo& info) {
  auto session = unwrap<Session>(info[0]);
  auto groups = parseGroups(info[1]);
  return promised<std::shared_ptr<ParameterStore>>(
      info.Env(), *session,
      [session, groups = std::move(groups)](Stream& stream) {
        return std::make_shared<ParameterStore>(session->backend(), stream, groups);
      },
      [session](Napi::Env env, std::shared_ptr<ParameterStore>& store) {
        const size_t bytes = store->bytes();
        return wrap<StoreHandle>(env, std::make_shared<StoreHandle>(StoreHandle{session, store}), bytes);
      });
}

Napi::Value storeInitialize(const Napi::CallbackInfo& info) {
  auto handle = unwrap<StoreHandle>(info[0]);
  const auto seed = static_cast<uint64_t>(integer(info[1], "seed", 0, (int64_t{1} << 53) - 1));
  return promisedNothing(info.Env(), *handle->session,
                         [handle, seed](Stream& stream) { handle->thing->initialize(seed, stream); });
}

Napi::Value storeRead(const Napi::CallbackInfo& info) {
  auto handle = unwrap<StoreHandle>(info[0]);
  const StoreContent content = contentOf(info[1]);
  return promised<std::shared_ptr<HostBuffer>>(
      info.Env(), *handle->session,
      [handle, content](Stream& stream) {
        const int64_t floats = handle->thing->canonicalElements(content);
        auto buffer = std::make_shared<HostBuffer>(static_cast<size_t>(floats) * sizeof(float));
        handle->thing->read(content, reinterpret_cast<float*>(buffer->data()), stream);
        return buffer;
      },
      [](Napi::Env env, std::shared_ptr<HostBuffer>& buffer) {
        const size_t bytes = buffer->bytes();
        return wrap<HostBuffer>(env, buffer, bytes);
      });
}

Napi::Value storeWrite(const Napi::CallbackInfo& info) {
  auto handle = unwrap<StoreHandle>(info[0]);
  const StoreContent content = contentOf(info[1]);
  auto buffer = idleBuffer(info[2]);
  const auto wanted = static_cast<size_t>(handle->thing->canonicalElements(content)) * sizeof(float);
  if (buffer->bytes() != wanted) {
    fail(code::kShape, "the store's content has ", wanted, " bytes, the buffer ", buffer->bytes());
  }
  buffer->sealed = true;
  return promisedNothing(info.Env(), *handle->session, [handle, content, buffer](Stream& stream) {
    handle->thing->write(content, reinterpret_cast<const float*>(buffer->data()), stream);
  });
}

Napi::Value storeConfigure(const Napi::CallbackInfo& info) {
  auto handle = unwrap<StoreHandle>(info[0]);
  const OptimizerDesc desc = parseOptimizer(info[1]);
  return promisedNothing(info.Env(), *handle->session,
                         [handle, desc](Stream& stream) { handle->thing->configureOptimizer(desc, stream); });
}

Napi::Value storeSetGroup(const Napi::CallbackInfo& info) {
  auto handle = unwrap<StoreHandle>(info[0]);
  const auto group = static_cast<size_t>(integer(info[1], "group", 0, INT32_MAX));
  if (group >= handle->thing->groupCount()) fail(code::kRange, "there is no parameter group ", group);
  const GroupChange change = parseGroupChange(info[2]);
  return promisedNothing(info.Env(), *handle->session, [handle, group, change](Stream&) {
    const GroupSpec& now = handle->thing->spec(group);
    handle->thing->setGroup(group, change.frozen.value_or(now.frozen), change.rateFactor.value_or(now.rateFactor),
                            change.decayFactor.value_or(now.decayFactor));
  });
}

Napi::Value storeSetStep(const Napi::CallbackInfo& info) {
  auto handle = unwrap<StoreHandle>(info[0]);
  const auto step = static_cast<uint64_t>(integer(info[1], "step", 0, (int64_t{1} << 53) - 1));
  return promisedNothing(info.Env(), *handle->session, [handle, step](Stream&) { handle->thing->setStep(step); });
}

Napi::Value storeSetLossScale(const Napi::CallbackInfo& info) {
  auto handle = unwrap<StoreHandle>(info[0]);
  const LossScale scale = parseLossScale(info[1]);
  return promisedNothing(info.Env(), *handle->session,
                         [handle, scale](Stream&) { handle->thing->setLossScale(scale); });
}

struct StoreReport {
  double step, version, bytes;
  LossScale lossScale;
};

Napi::Value lossScaleObject(Napi::Env env, const LossScale& scale) {
  if (scale.scale == 0) return env.Undefined();
  Napi::Object out = Napi::Object::New(env);
  out.Set("scale", Napi::Number::New(env, scale.scale));
  out.Set("good", Napi::Number::New(env, scale.good));
  out.Set("leftOut", Napi::Number::New(env, scale.leftOut));
  return out;
}

Napi::Value storeInfo(const Napi::CallbackInfo& info) {
  auto handle = unwrap<StoreHandle>(info[0]);
  return promised<StoreReport>(
      info.Env(), *handle->session,
      [handle](Stream& stream) {
        const ParameterStore& store = *handle->thing;
        return StoreReport{static_cast<double>(store.step()), static_cast<double>(store.version()),
                           static_cast<double>(store.bytes()), store.lossScale(stream)};
      },
      [](Napi::Env env, StoreReport& report) {
        Napi::Object out = Napi::Object::New(env);
        out.Set("step", Napi::Number::New(env, report.step));
        out.Set("version", Napi::Number::New(env, report.version));
        out.Set("bytes", Napi::Number::New(env, report.bytes));
        out.Set("lossScale", lossScaleObject(env, report.lossScale));
        return out;
      });
}

}  // namespace

void exportStore(Napi::Env env, Napi::Object exports) {
  exportFunction<createStore>(env, exports, "createStore");
  exportFunction<storeInitialize>(env, exports, "storeInitialize");
  exportFunction<storeRead>(env, exports, "storeRead");
  exportFunction<storeWrite>(env, exports, "storeWrite");
  exportFunction<storeConfigure>(env, exports, "storeConfigure");
  exportFunction<storeSetGroup>(env, exports, "storeSetGroup");
  exportFunction<storeSetStep>(env, exports, "storeSetStep");
  exportFunction<storeSetLossScale>(env, exports, "storeSetLossScale");
  exportFunction<storeInfo>(env, exports, "storeInfo");
}

}  // namespace cugru
