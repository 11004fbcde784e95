#include "core/capture.h"

#include <algorithm>

namespace simulated {

namespace {

std::vector<std::weak_ptr<Capture>>& ongoing() {
  static auto* const all = new std::vector<std::weak_ptr<Capture>>;
  return *all;
}

template <typename Visit>
void forEachCapture(Visit visit) {
  auto& all = ongoing();
  all.erase(std::remove_if(all.begin(), all.end(), [](const auto& one) { return one.expired(); }), all.end());
  for (const auto& one : std::vector<std::weak_ptr<Capture>>(all)) {
    if (const auto capture = one.lock()) visit(*capture);
  }
}

std::vector<std::string> inventory() {
  std::vector<std::string> lines;
  for (size_t i = 0; i < graphs().all().size(); i++) lines.emplace_back("a graph");
  for (size_t i = 0; i < graphExecs().all().size(); i++) lines.emplace_back("an instantiated graph");
  return lines;
}

// Whether a thread in this mode may do something unsafe while this capture is going on.
bool forbids(const Capture& capture, CUstreamCaptureMode caller) {
  if (caller == CU_STREAM_CAPTURE_MODE_RELAXED || capture.mode == CU_STREAM_CAPTURE_MODE_RELAXED) return false;
  if (capture.thread == std::this_thread::get_id()) return true;
  return caller == CU_STREAM_CAPTURE_MODE_GLOBAL && capture.mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
}

template <typename Predicate>
CUresult refuseWhere(Predicate predicate, CUresult answer) {
  CUresult result = CUDA_SUCCESS;
  forEachCapture([&](Capture& capture) {
    if (!predicate(capture)) return;
    invalidate(capture);
    result = answer;
  });
  return result;
}

void leave(Capture& capture) {
  for (const auto& stream : capture.streams) {
    stream->capture = nullptr;
    stream->seen.clear();
  }
  auto& all = ongoing();
  all.erase(std::remove_if(all.begin(), all.end(), [&](const auto& one) { return one.lock().get() == &capture; }),
            all.end());
}

}  // namespace

Registry<Graph>& graphs() {
  static auto* const all = [] {
    addInventory(inventory);
    return new Registry<Graph>;
  }();
  return *all;
}

Registry<GraphExec>& graphExecs() {
  static auto* const all = new Registry<GraphExec>;
  return *all;
}

CUstreamCaptureMode& threadMode() {
  thread_local CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  return mode;
}

void invalidate(Capture& capture) { capture.invalid = true; }

CUresult unsafeCall() {
  return refuseWhere([](const Capture& capture) { return forbids(capture, threadMode()); },
                     CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

CUresult wholeContextCall(const Context& context) {
  return refuseWhere(
      [&](const Capture& capture) {
        const auto origin = capture.origin.lock();
        return origin != nullptr && origin->context == &context;
      },
      CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

CUresult legacyCall(const Context& context) {
  return refuseWhere(
      [&](const Capture& capture) {
        return std::any_of(capture.streams.begin(), capture.streams.end(),
                           [&](const auto& stream) { return stream->context == &context && stream->blocking(); });
      },
      CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
}

CUresult streamStateCall(const Stream& stream) {
  if (stream.capture == nullptr) return unsafeCall();
  const bool lost = stream.capture->invalid;
  invalidate(*stream.capture);
  return lost ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult beginCapture(const std::shared_ptr<Stream>& stream, CUstreamCaptureMode mode) {
  if (isLegacy(*stream)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (stream->capture != nullptr) return kIllegalState;
  auto capture = std::make_shared<Capture>();
  capture->origin = stream;
  capture->thread = std::this_thread::get_id();
  capture->mode = mode;
  capture->streams.insert(stream);
  stream->seen = {{stream.get(), 1}};
  stream->capture = capture;
  ongoing().push_back(capture);
  return CUDA_SUCCESS;
}

CUresult endCapture(const std::shared_ptr<Stream>& stream, Operations& nodes) {
  const std::shared_ptr<Capture> capture = stream->capture;
  if (capture == nullptr) return kIllegalState;
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id()) {
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  }
  if (capture->origin.lock() != stream) {
    invalidate(*capture);
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  }
  const bool joined = std::all_of(capture->streams.begin(), capture->streams.end(), [&](const auto& other) {
    return stream->seen[other.get()] >= other->seen[other.get()];
  });
  const bool lost = capture->invalid;
  nodes = capture->nodes;
  leave(*capture);
  if (lost) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  return joined ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
}

void dropCaptures(const Context& context) {
  forEachCapture([&](Capture& capture) {
    const auto origin = capture.origin.lock();
    if (origin == nullptr || origin->context == &context) leave(capture);
  });
}

void recordCaptured(Marker& marker, Stream& stream) {
  marker.captured = true;
  marker.capture = stream.capture;
  marker.seen = stream.seen;
}

CUresult waitCaptured(Stream& stream, const Marker& marker) {
  const std::shared_ptr<Capture> theirs = marker.capture.lock();
  const bool over = marker.captured &&
                    (theirs == nullptr || theirs->origin.lock() == nullptr || theirs->origin.lock()->capture != theirs);
  if (over || !marker.captured) {  // a dependency on something outside of the capture
    if (stream.capture != nullptr) invalidate(*stream.capture);
    return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
  }
  if (theirs->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (stream.capture == nullptr) {
    if (isLegacy(stream)) {
      invalidate(*theirs);
      return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    }
    stream.capture = theirs;
    theirs->streams.insert(stream.shared_from_this());
    stream.seen.clear();
  } else if (stream.capture != theirs) {
    invalidate(*stream.capture);
    invalidate(*theirs);
    return kCaptureMerge;
  }
  for (const auto& [other, far] : marker.seen) stream.seen[other] = std::max(stream.seen[other], far);
  stream.seen[&stream]++;
  return CUDA_SUCCESS;
}

}  // namespace simulated
