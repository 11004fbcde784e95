// Stream capture, with the vendor's rules about who may call what meanwhile.
#pragma once

#include <set>
#include <thread>

#include "core/stream.h"

namespace simulated {

struct Capture {
  std::weak_ptr<Stream> origin;
  std::thread::id thread;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  bool invalid = false;
  Operations nodes;
  std::set<std::shared_ptr<Stream>> streams;
};

struct Graph {
  Operations nodes;
};
struct GraphExec {
  Context* context = nullptr;
  Operations nodes;
};
Registry<Graph>& graphs();
Registry<GraphExec>& graphExecs();

CUresult beginCapture(const std::shared_ptr<Stream>& stream, CUstreamCaptureMode mode);
CUresult endCapture(const std::shared_ptr<Stream>& stream, Operations& nodes);
void invalidate(Capture& capture);
// Of a context that is no more.
void dropCaptures(const Context& context);
// The calling thread's mode of interaction with captures.
CUstreamCaptureMode& threadMode();

// For calls that might wait or allocate: refused, and the capture is lost, where one is going on that forbids them.
CUresult unsafeCall();
// For calls that wait for a whole context: no capture in it may be going on, of whichever thread.
CUresult wholeContextCall(const Context& context);
// For uses of the legacy stream: a capture of a blocking stream forbids them.
CUresult legacyCall(const Context& context);
// For waiting for, or asking about, one stream.
CUresult streamStateCall(const Stream& stream);

// An event's recording and a wait, when a capture is concerned.
void recordCaptured(Marker& marker, Stream& stream);
CUresult waitCaptured(Stream& stream, const Marker& marker);

}  // namespace simulated
