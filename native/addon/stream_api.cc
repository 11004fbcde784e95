#include <cstring>

#include "addon/api.h"
#include "addon/arguments.h"
#include "addon/async.h"
#include "addon/export.h"
#include "addon/handles.h"
#include "addon/parse.h"

namespace cugru {

namespace {

Napi::Value createStreamer(const Napi::CallbackInfo& info) {
  auto store = unwrap<StoreHandle>(info[0]);
  auto graph = parseGraph(info[1]);
  Napi::Object options = object(info[2], "streamer options");
  const auto input = static_cast<int32_t>(integer(options.Get("input"), "input", 0, INT32_MAX));
  const auto output = static_cast<int32_t>(integer(options.Get("output"), "output", 0, INT32_MAX));
  const std::vector<int32_t> flat = int32s(options.Get("states"), "states");
  if (flat.size() % 2 != 0) fail(code::kValue, "states must be pairs of an input and an output");
  std::vector<std::pair<int32_t, int32_t>> states;
  for (size_t i = 0; i < flat.size(); i += 2) states.emplace_back(flat[i], flat[i + 1]);
  auto session = store->session;
  return promised<std::shared_ptr<Streamer>>(
      info.Env(), *session,
      [=](Stream& stream) {
        return std::make_shared<Streamer>(session->backend(), store->thing->snapshot(stream), graph, input, output,
                                          states);
      },
      [session](Napi::Env env, std::shared_ptr<Streamer>& streamer) {
        const size_t bytes = streamer->bytes();
        return wrap<StreamerHandle>(env, std::make_shared<StreamerHandle>(StreamerHandle{session, streamer}), bytes);
      });
}

Napi::Value streamerInfo(const Napi::CallbackInfo& info) {
  auto handle = unwrap<StreamerHandle>(info[0]);
  const Streamer& streamer = *handle->thing;
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("inputBytes", Napi::Number::New(info.Env(), static_cast<double>(streamer.inputBytes())));
  out.Set("inputType", Napi::String::New(info.Env(), dtypeName(streamer.inputType())));
  out.Set("outputLength", Napi::Number::New(info.Env(), static_cast<double>(streamer.outputFloats())));
  out.Set("stateLength", Napi::Number::New(info.Env(), static_cast<double>(streamer.stateFloats())));
  return out;
}

Napi::Value createStreamState(const Napi::CallbackInfo& info) {
  auto state = std::make_shared<StreamState>();
  state->streamer = unwrap<StreamerHandle>(info[0]);
  state->values.assign(state->streamer->thing->stateFloats(), 0.0f);
  const size_t bytes = state->values.size() * sizeof(float);
  return wrap<StreamState>(info.Env(), state, bytes);
}

// Synchronous: state, x, y. A step costs microseconds, a promise would cost more.
Napi::Value streamStep(const Napi::CallbackInfo& info) {
  auto state = unwrap<StreamState>(info[0]);
  Streamer& streamer = *state->streamer->thing;
  const ArrayView x =
      typedArray(info[1], streamer.inputType() == DType::u8 ? napi_uint8_array : napi_float32_array, "x");
  const ArrayView y = typedArray(info[2], napi_float32_array, "y");
  if (x.bytes != streamer.inputBytes()) {
    fail(code::kShape, "a step takes ", streamer.inputBytes() / dtypeBytes(streamer.inputType()), " features, got ",
         x.length);
  }
  if (y.length != streamer.outputFloats()) {
    fail(code::kShape, "a step gives ", streamer.outputFloats(), " numbers, y has ", y.length);
  }
  streamer.step(state->values.data(), x.data, static_cast<float*>(y.data));
  return info.Env().Undefined();
}

Napi::Value streamReset(const Napi::CallbackInfo& info) {
  auto state = unwrap<StreamState>(info[0]);
  std::fill(state->values.begin(), state->values.end(), 0.0f);
  return info.Env().Undefined();
}

ArrayView stateArray(const Napi::CallbackInfo& info, const StreamState& state) {
  const ArrayView view = typedArray(info[1], napi_float32_array, "state");
  if (view.length != state.values.size()) {
    fail(code::kShape, "the state has ", state.values.size(), " numbers, got ", view.length);
  }
  return view;
}

Napi::Value streamRead(const Napi::CallbackInfo& info) {
  auto state = unwrap<StreamState>(info[0]);
  const ArrayView view = stateArray(info, *state);
  if (view.bytes > 0) std::memcpy(view.data, state->values.data(), view.bytes);
  return info.Env().Undefined();
}

Napi::Value streamWrite(const Napi::CallbackInfo& info) {
  auto state = unwrap<StreamState>(info[0]);
  const ArrayView view = stateArray(info, *state);
  if (view.bytes > 0) std::memcpy(state->values.data(), view.data, view.bytes);
  return info.Env().Undefined();
}

}  // namespace

void exportStream(Napi::Env env, Napi::Object exports) {
  exportFunction<createStreamer>(env, exports, "createStreamer");
  exportFunction<streamerInfo>(env, exports, "streamerInfo");
  exportFunction<createStreamState>(env, exports, "createStreamState");
  exportFunction<streamStep>(env, exports, "streamStep");
  exportFunction<streamReset>(env, exports, "streamReset");
  exportFunction<streamRead>(env, exports, "streamRead");
  exportFunction<streamWrite>(env, exports, "streamWrite");
}

}  // namespace cugru
