#include "core/stream.h"

#include <chrono>

#include "core/capture.h"
#include "core/settings.h"

namespace simulated {

namespace {

std::vector<std::string> inventory() {
  std::vector<std::string> lines;
  for (const auto& [key, stream] : streams().all()) {
    if (isLegacy(*stream)) continue;
    lines.push_back(join("a stream, with ", stream->queue.size(), " operations queued"));
  }
  for (size_t i = 0; i < events().all().size(); i++) lines.emplace_back("an event");
  return lines;
}

double now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(time).count();
}

// What operations cost together, where a cost is set; else the host's clock.
double ownClock = 0;
double deviceTime() { return setting("COST").empty() && setting("LT_COST").empty() ? now() : ownClock; }

bool eager() { return numberSetting("EAGER", 0) != 0; }

std::map<const Context*, std::shared_ptr<Stream>>& legacyStreams() {
  static auto* const all = new std::map<const Context*, std::shared_ptr<Stream>>;
  return *all;
}

Stream& legacyOf(Context& context) {
  std::shared_ptr<Stream>& one = legacyStreams()[&context];
  if (one == nullptr) {
    one = std::make_shared<Stream>();
    one->context = &context;
  }
  return *one;
}

void push(Stream& stream, std::function<CUresult(Context&)> work, Operations operations = {}) {
  if (isLegacy(stream)) {  // in order with every blocking stream
    for (const auto& [key, other] : streams().all()) {
      if (other->context == stream.context && other->blocking()) drain(*other);
    }
  }
  stream.queue.push_back({std::move(work), std::move(operations)});
  if (eager() || isLegacy(stream)) drain(stream);
}

}  // namespace

Registry<Stream>& streams() {
  static auto* const all = [] {
    addInventory(inventory);
    return new Registry<Stream>;
  }();
  return *all;
}

Registry<Event>& events() {
  static auto* const all = new Registry<Event>;
  return *all;
}

bool isLegacy(const Stream& stream) {
  const auto found = legacyStreams().find(stream.context);
  return found != legacyStreams().end() && found->second.get() == &stream;
}

CUresult findStream(Context& context, CUstream handle, std::shared_ptr<Stream>& stream) {
  constexpr uintptr_t kLegacyHandle = 1;  // CU_STREAM_LEGACY
  if (reinterpret_cast<uintptr_t>(handle) <= kLegacyHandle) {
    stream = legacyOf(context).shared_from_this();
    return legacyCall(context);
  }
  stream = streams().find(handle);
  if (stream == nullptr || stream->context != &context) return CUDA_ERROR_INVALID_HANDLE;
  return CUDA_SUCCESS;
}

CUresult runOperation(Context& context, const Operation& operation) {
  if (context.broken()) return context.failure;
  for (const Range& range : operation.ranges) {
    if (alive(range)) continue;
    return fail(
        context, CUDA_ERROR_ILLEGAL_ADDRESS,
        join(operation.name, " runs after memory that it uses was freed: ",
             range.host ? join(range.bytes, " bytes of pinned host memory") : describe(range.begin, range.bytes)));
  }
  DeviceAccess access;
  ownClock += operation.milliseconds;
  return operation.run(context);
}

CUresult submit(Stream& stream, Operation operation) {
  auto shared = std::make_shared<const Operation>(std::move(operation));
  if (stream.capture != nullptr) {
    if (stream.capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    stream.capture->nodes.push_back(shared);
    stream.seen[&stream]++;
    return CUDA_SUCCESS;
  }
  push(stream, [shared](Context& context) { return runOperation(context, *shared); }, {shared});
  return CUDA_SUCCESS;
}

CUresult submitAll(Stream& stream, const Operations& operations) {
  if (stream.capture != nullptr) {  // a graph inside of a graph: its nodes
    if (stream.capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    Operations& nodes = stream.capture->nodes;
    nodes.insert(nodes.end(), operations.begin(), operations.end());
    stream.seen[&stream]++;
    return CUDA_SUCCESS;
  }
  const auto runAll = [operations](Context& context) {
    DeviceAccess access;
    for (const auto& operation : operations) {
      if (const CUresult result = runOperation(context, *operation); result != CUDA_SUCCESS) return result;
    }
    return CUDA_SUCCESS;
  };
  push(stream, runAll, operations);
  return CUDA_SUCCESS;
}

void runOne(Stream& stream) {
  if (stream.queue.empty()) return;
  const Work work = std::move(stream.queue.front());
  stream.queue.pop_front();
  work.run(*stream.context);
}

void drain(Stream& stream) {
  const std::shared_ptr<Stream> held = stream.shared_from_this();
  if (stream.queue.empty()) return;
  DeviceAccess access;
  while (!stream.queue.empty()) runOne(stream);
}

void drainAll(Context& context) {
  std::vector<std::shared_ptr<Stream>> all;
  for (const auto& [key, stream] : streams().all()) {
    if (stream->context == &context) all.push_back(stream);
  }
  for (const auto& stream : all) drain(*stream);
}

void drainUntil(Marker& marker) {
  DeviceAccess access;
  while (!marker.done && !marker.stream->queue.empty()) runOne(*marker.stream);
}

const Operation* findQueued(const Context& context, const std::function<bool(const Operation&)>& holds) {
  for (const auto& [key, stream] : streams().all()) {
    if (stream->context != &context) continue;
    for (const Work& work : stream->queue) {
      for (const auto& operation : work.operations) {
        if (holds(*operation)) return operation.get();
      }
    }
  }
  return nullptr;
}

void dropStreams(Context& context) {
  drainAll(context);
  const auto ofContext = [&](const auto& item) { return item.context == &context; };
  const auto isLeft = [&](const auto& item) { return ofContext(item) && !context.broken(); };
  for (const auto& [key, stream] : streams().all()) {
    if (isLeft(*stream)) violation("a stream still existed when its context ended");
  }
  for (const auto& [key, event] : events().all()) {
    if (isLeft(*event)) violation("an event still existed when its context ended");
  }
  streams().removeIf(ofContext);
  events().removeIf(ofContext);
}

CUresult record(Event& event, Stream& stream) {
  auto marker = std::make_shared<Marker>();
  marker->stream = stream.shared_from_this();
  if (stream.capture != nullptr) {
    if (stream.capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    recordCaptured(*marker, stream);
    event.marker = marker;
    return CUDA_SUCCESS;
  }
  event.marker = marker;
  push(stream, [marker](Context&) {
    marker->done = true;
    marker->milliseconds = deviceTime();
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}

CUresult waitFor(Stream& stream, Event& event) {
  if (event.marker == nullptr) return CUDA_SUCCESS;
  if (stream.capture != nullptr || event.marker->captured) return waitCaptured(stream, *event.marker);
  if (event.marker->done) return CUDA_SUCCESS;
  push(stream, [marker = event.marker](Context&) {
    drainUntil(*marker);
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}

}  // namespace simulated
