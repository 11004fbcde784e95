// Streams are queues of operations. Nothing runs before somebody waits for it (CUGRU_SIMULATED_EAGER=1: at once), so that a missing
// wait shows.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/memory.h"
#include "core/registry.h"

namespace simulated {

struct Stream;
struct Capture;

// What a stream does next. May run more than once: a graph keeps it.
struct Operation {
  std::string name;           // the vendor's function
  std::vector<Range> ranges;  // the memory that it uses, as far as it is known
  std::function<CUresult(Context&)> run;
  double milliseconds = 0;  // that it takes by the device's own clock
};
using Operations = std::vector<std::shared_ptr<const Operation>>;

// What waits in a stream: what to do, and the operations that this runs.
struct Work {
  std::function<CUresult(Context&)> run;
  Operations operations;
};

// A place in a stream that an event was recorded at.
struct Marker {
  std::shared_ptr<Stream> stream;
  bool done = false;
  double milliseconds = 0;
  std::weak_ptr<Capture> capture;  // of the recording, when it was in a capture
  bool captured = false;
  std::map<const Stream*, size_t> seen;  // how far into each stream of the capture this place is
};

struct Event {
  Context* context = nullptr;
  unsigned flags = 0;
  std::shared_ptr<Marker> marker;  // null: never recorded
};

struct Stream : std::enable_shared_from_this<Stream> {
  Context* context = nullptr;
  unsigned flags = 0;
  std::deque<Work> queue;
  std::shared_ptr<Capture> capture;
  std::map<const Stream*, size_t> seen;  // in a capture: how far into each of its streams this one has waited

  bool blocking() const { return (flags & CU_STREAM_NON_BLOCKING) == 0; }
};

Registry<Stream>& streams();
Registry<Event>& events();

// The stream of a handle; null is the context's legacy stream, which waits for all blocking ones.
CUresult findStream(Context& context, CUstream handle, std::shared_ptr<Stream>& stream);
bool isLegacy(const Stream& stream);

// Queues it, or records it when the stream is captured.
CUresult submit(Stream& stream, Operation operation);
// Queues operations that are not recorded one by one: a graph.
CUresult submitAll(Stream& stream, const Operations& operations);
CUresult runOperation(Context& context, const Operation& operation);

void runOne(Stream& stream);
void drain(Stream& stream);
void drainAll(Context& context);
void drainUntil(Marker& marker);
void dropStreams(Context& context);

CUresult record(Event& event, Stream& stream);
CUresult waitFor(Stream& stream, Event& event);
// A queued operation for which this holds, or null.
const Operation* findQueued(const Context& context, const std::function<bool(const Operation&)>& holds);

}  // namespace simulated
