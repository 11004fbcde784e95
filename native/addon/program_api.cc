#include "addon/api.h"
#include "addon/arguments.h"
#include "addon/async.h"
#include "addon/export.h"
#include "addon/handles.h"
#include "addon/parse.h"

namespace cugru {

namespace {

Napi::Value compile(const Napi::CallbackInfo& info) {
  auto store = unwrap<StoreHandle>(info[0]);
  auto graph = parseGraph(info[1]);
  Napi::Object options = object(info[2], "compile options");
  const Mode mode = parseMode(options.Get("mode"));
  const int64_t batch = integer(options.Get("batch"), "batch", 1, INT32_MAX);
  const bool planOnly = flagOr(options, "planOnly", false);
  auto session = store->session;
  return promised<std::shared_ptr<Program>>(
      info.Env(), *session,
      [=](Stream&) {
        return std::make_shared<Program>(session->backend(), store->thing, graph, mode, batch, planOnly);
      },
      [session, planOnly](Napi::Env env, std::shared_ptr<Program>& program) {
        const size_t bytes = planOnly ? 0 : program->arenaBytes();  // what is only planned was never allocated
        return wrap<ProgramHandle>(env, std::make_shared<ProgramHandle>(ProgramHandle{session, program}), bytes);
      });
}

Napi::Value programInfo(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto handle = unwrap<ProgramHandle>(info[0]);
  Napi::Object out = Napi::Object::New(env);
  Napi::Array nodes = Napi::Array::New(env);
  for (const NodeReport& report : handle->thing->report()) {
    Napi::Object node = Napi::Object::New(env);
    node.Set("name", Napi::String::New(env, report.name));
    node.Set("op", Napi::String::New(env, report.op));
    node.Set("variant", Napi::String::New(env, report.variant));
    nodes.Set(nodes.Length(), node);
  }
  out.Set("nodes", nodes);
  out.Set("batch", Napi::Number::New(env, static_cast<double>(handle->thing->batch())));
  out.Set("arenaBytes", Napi::Number::New(env, static_cast<double>(handle->thing->arenaBytes())));
  out.Set("steps", Napi::String::New(env, handle->thing->stepping()));
  return out;
}

Napi::Value createCancel(const Napi::CallbackInfo& info) {
  return wrap<CancelFlag>(info.Env(), std::make_shared<CancelFlag>(false));
}

Napi::Value cancel(const Napi::CallbackInfo& info) {
  unwrap<CancelFlag>(info[0])->store(true);
  return info.Env().Undefined();
}

// Holds the buffers of a run until it is settled: any number of runs may read one, a run that writes one has it for itself.
// What was checked when a run begins, lengths among it, can then not change while it runs.
class BufferUse {
 public:
  explicit BufferUse(const RunRequest& run) {
    try {
      for (const auto* group : {&run.outputs, &run.gradients}) {
        for (const HostBinding& binding : *group) write(binding.buffer);
      }
      for (const auto* group : {&run.inputs, &run.seeds}) {
        for (const HostBinding& binding : *group) read(binding.buffer);
      }
    } catch (...) {
      release();
      throw;
    }
  }
  ~BufferUse() { release(); }
  BufferUse(const BufferUse&) = delete;
  BufferUse& operator=(const BufferUse&) = delete;

 private:
  void write(const std::shared_ptr<HostBuffer>& buffer) {
    if (buffer->busy()) fail(code::kBusy, "a buffer that takes results is in use by this or another run");
    written_.push_back(buffer);
    buffer->written = true;
  }
  void read(const std::shared_ptr<HostBuffer>& buffer) {
    if (buffer->written) fail(code::kBusy, "a buffer that is read takes the results of this or another run");
    read_.push_back(buffer);
    ++buffer->readers;
  }
  void release() noexcept {
    for (const auto& buffer : written_) buffer->written = false;
    for (const auto& buffer : read_) --buffer->readers;
    written_.clear();
    read_.clear();
  }

  std::vector<std::shared_ptr<HostBuffer>> written_, read_;
};

void expectWritable(const RunRequest& run) {
  for (const auto* group : {&run.outputs, &run.gradients}) {
    for (const HostBinding& binding : *group) {
      if (binding.buffer->sealed) fail(code::kState, "a slab's buffer cannot take results");
    }
  }
}

Napi::Value lossObject(Napi::Env env, const LossResult& loss) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("lossSum", Napi::Number::New(env, loss.lossSum));
  out.Set("rows", Napi::Number::New(env, static_cast<double>(loss.rows)));
  out.Set("correct", Napi::Number::New(env, static_cast<double>(loss.correct)));
  out.Set("classes", Napi::Number::New(env, static_cast<double>(loss.classes)));
  Napi::Float64Array confusion = Napi::Float64Array::New(env, loss.confusion.size());
  for (size_t i = 0; i < loss.confusion.size(); ++i) confusion[i] = static_cast<double>(loss.confusion[i]);
  out.Set("confusion", confusion);
  return out;
}

Napi::Value secondsObject(Napi::Env env, const NodeSeconds& node) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("name", Napi::String::New(env, node.name));
  out.Set("op", Napi::String::New(env, node.op));
  out.Set("variant", Napi::String::New(env, node.variant));
  out.Set("forward", Napi::Number::New(env, node.forward));
  out.Set("backward", Napi::Number::New(env, node.backward));
  return out;
}

Napi::Value resultObject(Napi::Env env, const RunResult& result) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("batches", Napi::Number::New(env, static_cast<double>(result.batches)));
  out.Set("replayed", Napi::Number::New(env, static_cast<double>(result.replayed)));
  out.Set("cancelled", Napi::Boolean::New(env, result.cancelled));
  out.Set("seconds", Napi::Number::New(env, result.seconds));
  if (result.replaySeconds) out.Set("replaySeconds", Napi::Number::New(env, *result.replaySeconds));
  out.Set("gradientNorm", Napi::Number::New(env, result.gradientNorm));
  out.Set("skipped", Napi::Number::New(env, static_cast<double>(result.skipped)));
  out.Set("overflowed", Napi::Number::New(env, static_cast<double>(result.overflowed)));
  out.Set("step", Napi::Number::New(env, static_cast<double>(result.step)));
  Napi::Array losses = Napi::Array::New(env);
  for (const LossResult& loss : result.losses) losses.Set(losses.Length(), lossObject(env, loss));
  out.Set("losses", losses);
  Napi::Array nodes = Napi::Array::New(env);
  for (const NodeSeconds& node : result.nodes) nodes.Set(nodes.Length(), secondsObject(env, node));
  out.Set("nodes", nodes);
  return out;
}

Napi::Value run(const Napi::CallbackInfo& info) {
  auto handle = unwrap<ProgramHandle>(info[0]);
  auto request = std::make_shared<RunRequest>(parseRun(info[1], *handle->session));
  expectWritable(*request);
  auto use = std::make_shared<BufferUse>(*request);
  return promised<RunResult>(
      info.Env(), *handle->session, [handle, request](Stream& stream) { return handle->thing->run(*request, stream); },
      [use](Napi::Env env, RunResult& result) { return resultObject(env, result); });
}

}  // namespace

void exportProgram(Napi::Env env, Napi::Object exports) {
  exportFunction<compile>(env, exports, "compile");
  exportFunction<programInfo>(env, exports, "programInfo");
  exportFunction<createCancel>(env, exports, "createCancel");
  exportFunction<cancel>(env, exports, "cancel");
  exportFunction<run>(env, exports, "run");
}

}  // namespace cugru
