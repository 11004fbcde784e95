#include "driver/exported.h"

namespace cugru::cuda {

using namespace simulated;

namespace {

CUresult findEvent(Context& context, CUevent handle, std::shared_ptr<Event>& event) {
  event = events().find(handle);
  return event != nullptr && event->context == &context ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// An event of a capture stands for a place in a graph: it never happens by itself.
CUresult refuseCaptured(const Event& event) {
  if (event.marker == nullptr || !event.marker->captured) return unsafeCall();
  if (const auto capture = event.marker->capture.lock()) invalidate(*capture);
  return kCapturedEvent;
}

}  // namespace

CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  SIMULATED_ENTER();
  if (stream == nullptr || flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
  SIMULATED_TRY(unsafeCall());
  auto made = std::make_shared<Stream>();
  made->context = context;
  made->flags = flags;
  *stream = streams().add<CUstream>(made);
  return CUDA_SUCCESS;
}

CUresult cuStreamDestroy_v2(CUstream handle) {
  SIMULATED_ENTER();
  const std::shared_ptr<Stream> stream = streams().find(handle);
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (stream->capture != nullptr) {
    invalidate(*stream->capture);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  drain(*stream);
  streams().remove(handle);
  return CUDA_SUCCESS;
}

CUresult cuStreamSynchronize(CUstream handle) {
  SIMULATED_ENTER();
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(findStream(*context, handle, stream));
  SIMULATED_TRY(streamStateCall(*stream));
  if (isLegacy(*stream)) drainAll(*context);
  drain(*stream);
  checkMargins();
  simulated::count("synchronizations");
  return context->failure;
}

// Somebody who asks gets "not yet" first; each question lets one operation run.
CUresult cuStreamQuery(CUstream handle) {
  SIMULATED_ENTER();
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(findStream(*context, handle, stream));
  SIMULATED_TRY(streamStateCall(*stream));
  if (stream->queue.empty()) return CUDA_SUCCESS;
  runOne(*stream);
  return context->broken() ? context->failure : CUDA_ERROR_NOT_READY;
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent eventHandle, unsigned flags) {
  SIMULATED_ENTER();
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Event> event;
  SIMULATED_TRY(findStream(*context, handle, stream));
  SIMULATED_TRY(findEvent(*context, eventHandle, event));
  return flags <= 1 ? waitFor(*stream, *event) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuEventCreate(CUevent* event, unsigned flags) {
  SIMULATED_ENTER();
  constexpr unsigned kKnownFlags = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING;
  if (event == nullptr || (flags & ~kKnownFlags) != 0) return CUDA_ERROR_INVALID_VALUE;
  auto made = std::make_shared<Event>();
  made->context = context;
  made->flags = flags;
  *event = events().add<CUevent>(made);
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent handle) {
  SIMULATED_ENTER();
  return events().remove(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuEventRecord(CUevent handle, CUstream streamHandle) {
  SIMULATED_ENTER();
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Event> event;
  SIMULATED_TRY(findEvent(*context, handle, event));
  SIMULATED_TRY(findStream(*context, streamHandle, stream));
  return record(*event, *stream);
}

CUresult cuEventQuery(CUevent handle) {
  SIMULATED_ENTER();
  std::shared_ptr<Event> event;
  SIMULATED_TRY(findEvent(*context, handle, event));
  SIMULATED_TRY(refuseCaptured(*event));
  if (event->marker == nullptr || event->marker->done) return CUDA_SUCCESS;
  runOne(*event->marker->stream);
  return context->broken() ? context->failure : CUDA_ERROR_NOT_READY;
}

CUresult cuEventSynchronize(CUevent handle) {
  SIMULATED_ENTER();
  std::shared_ptr<Event> event;
  SIMULATED_TRY(findEvent(*context, handle, event));
  SIMULATED_TRY(refuseCaptured(*event));
  if (event->marker != nullptr) drainUntil(*event->marker);
  simulated::count("synchronizations");
  return context->failure;
}

CUresult cuEventElapsedTime(float* milliseconds, CUevent begin, CUevent end) {
  SIMULATED_ENTER();
  std::shared_ptr<Event> from, to;
  if (milliseconds == nullptr) return CUDA_ERROR_INVALID_VALUE;
  SIMULATED_TRY(findEvent(*context, begin, from));
  SIMULATED_TRY(findEvent(*context, end, to));
  for (const auto& event : {from, to}) {
    const bool timed = (event->flags & CU_EVENT_DISABLE_TIMING) == 0;
    if (!timed || event->marker == nullptr || event->marker->captured) return CUDA_ERROR_INVALID_HANDLE;
  }
  if (!from->marker->done || !to->marker->done) return CUDA_ERROR_NOT_READY;
  *milliseconds = static_cast<float>(to->marker->milliseconds - from->marker->milliseconds);
  return CUDA_SUCCESS;
}

}  // namespace cugru::cuda
